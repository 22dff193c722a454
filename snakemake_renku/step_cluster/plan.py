"""What a rule asks of its own dask cluster, read from its resources."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec

from snakemake_renku.errors import SettingsError

Place = Literal["local", "slurm", "allocation"]
"""``local``: on this machine; ``slurm``: Slurm jobs of their own; ``allocation``: in the Slurm job
in which the step itself runs."""

DEFAULT_MEM_MB = 2000
DEFAULT_WAIT_MIN = 10


class Plan(msgspec.Struct, frozen=True):
    """The cluster of one step.

    ``threads`` and ``mem_mb`` (MB, 10⁶ bytes) are for each worker, ``runtime_min`` (minutes; None
    leaves it to Slurm) for each Slurm job of a worker. The step goes on when ``minimum`` workers
    are there, and fails if they are not after ``wait_s`` seconds. ``cores`` is what the step itself
    asks for. ``interface`` is the network interface on which workers reach the step; ``path`` are
    folders from which workers import too.
    """

    rule: str
    workers: int
    where: Place | None = None
    threads: int = 1
    mem_mb: int = DEFAULT_MEM_MB
    runtime_min: int | None = None
    minimum: int = 1
    wait_s: float = DEFAULT_WAIT_MIN * 60.0
    cores: int = 1
    interface: str | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    extra: tuple[str, ...] = ()
    path: tuple[str, ...] = ()


def plan_of(snakemake: Any) -> Plan:
    """What the rule of a script asks for; ``snakemake`` is the object that Snakemake gives to it.

    Raises:
        SettingsError: there is no ``dask_workers``, or a resource makes no sense.
    """
    rule = str(getattr(snakemake, "rule", "") or "")
    resources = {name: value for name, value in snakemake.resources.items() if name is not None}
    read = _Reader(rule, resources)
    workers = read.count("dask_workers")
    if workers is None:
        raise SettingsError(
            f"Rule {rule} asks for no dask workers.",
            remedy="Give it `resources: dask_workers=4` (and dask_worker_threads, "
            "dask_worker_mem_mb), or take dask_client out of its script.",
        )
    minimum = read.count("dask_min_workers") or 1
    if minimum > workers:
        raise read.error("dask_min_workers", minimum, f"a number up to dask_workers={workers}")
    scriptdir = getattr(snakemake, "scriptdir", None)
    return Plan(
        rule=rule,
        workers=workers,
        where=read.place("dask_where"),
        threads=read.count("dask_worker_threads") or 1,
        mem_mb=read.count("dask_worker_mem_mb") or DEFAULT_MEM_MB,
        runtime_min=read.count("dask_worker_runtime") or read.lenient("runtime"),
        minimum=minimum,
        wait_s=60.0 * (read.count("dask_wait") or DEFAULT_WAIT_MIN),
        cores=_cores(read, int(getattr(snakemake, "threads", 1))),
        interface=read.text("dask_interface"),
        partition=read.text("slurm_partition"),
        account=read.text("slurm_account"),
        qos=read.text("qos"),
        extra=tuple(shlex.split(read.text("slurm_extra") or "")),
        path=(scriptdir,) if isinstance(scriptdir, str) and "://" not in scriptdir else (),
    )


def _cores(read: _Reader, threads: int) -> int:
    per_task = read.lenient("cpus_per_task") or threads
    if tasks := read.lenient("tasks"):
        return tasks * per_task
    on_nodes = read.lenient("tasks_per_node") or 1
    return (read.lenient("nodes") or 1) * on_nodes * per_task


class _Reader:
    """Reads resources, and says which one is wrong."""

    def __init__(self, rule: str, resources: Mapping[str, Any]) -> None:
        self._rule, self._resources = rule, resources

    def count(self, name: str) -> int | None:
        value = self._resources.get(name)
        if value is None:
            return None
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.error(name, value, "a whole number of at least 1")
        return value

    def lenient(self, name: str) -> int | None:
        """A number that others check; None if it is none."""
        value = self._resources.get(name)
        return value if isinstance(value, int) and value > 0 else None

    def text(self, name: str) -> str | None:
        value = self._resources.get(name)
        return str(value) if value not in (None, "") else None

    def place(self, name: str) -> Place | None:
        value = self._resources.get(name)
        for place in get_args(Place):
            if value == place:
                found: Place = place
                return found
        if value is None:
            return None
        raise self.error(name, value, "local, slurm or allocation")

    def error(self, name: str, value: object, allowed: str) -> SettingsError:
        return SettingsError(
            f"Rule {self._rule} has the resource {name}={value!r}; it must be {allowed}.",
            remedy="Change it in the rule, by --set-resources or in the profile.",
        )
