"""What a project declares in ``renku.toml`` and a user on the command line, as one frozen object.

The command line (and so a profile) goes before ``renku.toml``, that before the defaults.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec

from snakemake_renku.errors import SettingsError
from snakemake_renku.escalation import Escalation
from snakemake_renku.project import Project

BackendName = Literal["local", "slurm", "slurm-pool", "dask"]
Start = Literal["auto", "warm", "cold"]
Record = Literal["none", "datalad"]

SlurmClient = Literal["auto", "commands", "pyslurm", "rest"]

BACKENDS: tuple[str, ...] = get_args(BackendName)
CLIENTS: tuple[str, ...] = get_args(SlurmClient)

FILE = "renku.toml"


class SlurmSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How Slurm is used.

    ``client`` is the way to talk with it (``rest_url`` that of its REST daemon); ``partitions`` are
    those that may be chosen, best first (none: all); ``throttle`` is how many tasks of one array
    may run at once; ``scratch`` a folder on each node below which a job's ``TMPDIR`` is made
    (variables as ``$SLURM_JOB_ID`` are filled in there).
    """

    client: SlurmClient = "auto"
    rest_url: str | None = None
    partitions: tuple[str, ...] = ()
    throttle: Annotated[int, msgspec.Meta(ge=1)] | None = None
    scratch: str | None = None


class DaskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which dask cluster runs the jobs.

    ``address`` is ``local`` (workers on this machine), that of a scheduler (``tcp://…``), or
    ``gateway:URL``. For a cluster that is made here: at most ``workers`` of ``cores`` and
    ``mem_mb`` each, ended after ``idle_s`` seconds without work.
    """

    address: str = "local"
    workers: Annotated[int, msgspec.Meta(ge=1)] | None = None
    cores: Annotated[int, msgspec.Meta(ge=1)] | None = None
    mem_mb: Annotated[int, msgspec.Meta(ge=1)] | None = None
    idle_s: Annotated[float, msgspec.Meta(ge=0)] = 30.0


class PoolSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The warm workers on Slurm that run short jobs.

    A job that asks for a ``runtime`` of at most this many minutes runs in the pool. A worker is a
    Slurm job of ``cores``, ``mem_mb`` and ``walltime`` (minutes); there are at most ``workers``,
    and one ends after ``idle_s`` seconds without work. ``extra`` are further options of ``sbatch``.
    """

    runtime: Annotated[int, msgspec.Meta(ge=0)] = 10
    cores: Annotated[int, msgspec.Meta(ge=1)] = 4
    mem_mb: Annotated[int, msgspec.Meta(ge=1)] = 4000
    walltime: Annotated[int, msgspec.Meta(ge=2)] = 60
    workers: Annotated[int, msgspec.Meta(ge=1)] = 10
    idle_s: Annotated[float, msgspec.Meta(ge=0)] = 30.0
    extra: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True):
    """How jobs are run.

    ``start`` is ``auto`` (each job in the cheapest way that serves it), ``warm`` (always by a fork
    of the warm server) or ``cold`` (always by a start of its own). With ``enforce``, a job that
    goes beyond its ``mem_mb`` or ``runtime`` is stopped. With ``record`` ``datalad``, what ran is
    recorded in the git repository when the run ends. With ``detach``, an interrupted Snakemake
    leaves its jobs running where that can be. ``escalate`` is how a job that had too little memory
    or time gets more.
    """

    backend: BackendName = "local"
    start: Start = "auto"
    enforce: bool = False
    record: Record = "none"
    detach: bool = False
    escalate: Escalation = Escalation()
    slurm: SlurmSettings = SlurmSettings()
    pool: PoolSettings = PoolSettings()
    dask: DaskSettings = DaskSettings()


class _ExecutorTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    backend: str | None = None
    start: str | None = None
    enforce: bool | None = None
    record: str | None = None
    detach: bool | None = None
    escalate: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    executor: _ExecutorTable = _ExecutorTable()
    project: Project = Project()
    slurm: SlurmSettings = SlurmSettings()
    pool: PoolSettings = PoolSettings()
    dask: DaskSettings = DaskSettings()


def load_settings(
    folder: Path,
    *,
    backend: str | None = None,
    start: str | None = None,
    enforce: bool | None = None,
    record: str | None = None,
    detach: bool | None = None,
    escalate: str | None = None,
    slurm_client: str | None = None,
    dask: str | None = None,
    dask_workers: int | None = None,
) -> Settings:
    """The settings for a run in ``folder``; None (on the command line) means not given.

    Raises:
        SettingsError: ``renku.toml`` is malformed, or a value is not one of those that there are.
    """
    file = _read(folder / FILE)
    declared = file.executor
    client = _one_of(CLIENTS, slurm_client, file.slurm.client, "auto", "slurm-client")
    replace = msgspec.structs.replace
    return Settings(
        backend=_one_of(BACKENDS, backend, declared.backend, "local", "backend"),  # type: ignore[arg-type]
        start=_one_of(get_args(Start), start, declared.start, "auto", "start"),  # type: ignore[arg-type]
        enforce=bool(enforce or declared.enforce),
        record=_one_of(get_args(Record), record, declared.record, "none", "record"),  # type: ignore[arg-type]
        detach=bool(detach or declared.detach),
        escalate=Escalation.parse(escalate or declared.escalate),
        slurm=replace(file.slurm, client=client),
        pool=file.pool,
        dask=replace(
            file.dask,
            address=dask or file.dask.address,
            workers=dask_workers or file.dask.workers,
        ),
    )


def _read(path: Path) -> _File:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return _File()
    except OSError as error:
        raise SettingsError(f"Cannot read {path}: {error.strerror}.") from error
    try:
        return msgspec.toml.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} is malformed: {error}.",
            remedy="Its tables are [executor], [slurm], [pool], [dask] and [project]; see docs.",
        ) from error


def _one_of(
    known: tuple[str, ...], given: str | None, declared: str | None, default: str, name: str
) -> str:
    value, source = (
        (given, f"--renku-{name}") if given else (declared, f"executor.{name} in {FILE}")
    )
    if value is None:
        return default
    if value not in known:
        raise SettingsError(
            f"Unknown {name} {value!r} ({source}).", remedy=f"There are: {', '.join(known)}."
        )
    return value
