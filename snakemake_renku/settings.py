"""What a project declares in ``renku.toml`` and a user on the command line, as one frozen object.

The command line (and so a profile) goes before ``renku.toml``, that before the defaults.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import msgspec

from snakemake_renku.errors import SettingsError
from snakemake_renku.project import Project

BackendName = Literal["local"]
Start = Literal["auto", "warm", "cold"]
Record = Literal["none", "datalad"]

BACKENDS: tuple[str, ...] = get_args(BackendName)

FILE = "renku.toml"


class Settings(msgspec.Struct, frozen=True):
    """How jobs are run.

    ``start`` is ``auto`` (each job in the cheapest way that serves it), ``warm`` (always by a fork
    of the warm server) or ``cold`` (always by a start of its own). With ``enforce``, a job that
    goes beyond its ``mem_mb`` or ``runtime`` is stopped. With ``record`` ``datalad``, what ran is
    recorded in the git repository when the run ends.
    """

    backend: BackendName = "local"
    start: Start = "auto"
    enforce: bool = False
    record: Record = "none"


class _ExecutorTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    backend: str | None = None
    start: str | None = None
    enforce: bool | None = None
    record: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    executor: _ExecutorTable = _ExecutorTable()
    project: Project = Project()


def load_settings(
    folder: Path,
    *,
    backend: str | None = None,
    start: str | None = None,
    enforce: bool | None = None,
    record: str | None = None,
) -> Settings:
    """The settings for a run in ``folder``; None (on the command line) means not given.

    Raises:
        SettingsError: ``renku.toml`` is malformed, or a value is not one of those that there are.
    """
    declared = _read(folder / FILE).executor
    return Settings(
        backend=_one_of(BACKENDS, backend, declared.backend, "local", "backend"),  # type: ignore[arg-type]
        start=_one_of(get_args(Start), start, declared.start, "auto", "start"),  # type: ignore[arg-type]
        enforce=bool(enforce or declared.enforce),
        record=_one_of(get_args(Record), record, declared.record, "none", "record"),  # type: ignore[arg-type]
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
            remedy="Its tables are [executor] (backend, start, enforce, record) and [project].",
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
