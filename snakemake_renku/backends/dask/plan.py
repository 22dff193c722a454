"""Which cluster of dask is used, or made."""

from __future__ import annotations

import msgspec

from snakemake_renku.errors import SettingsError
from snakemake_renku.model import JobSpec

OVERHEAD_MB = 300
"""What a worker, its supervisor and its warm server take of a Slurm job's memory, in MB."""

_MARGIN_S = 60.0
"""So long before the end of a Slurm job of the pool all that it runs must be over."""


class Local(msgspec.Struct, frozen=True, tag="local"):
    """A cluster on this machine, made for the run: at most ``workers`` processes of ``cores`` and
    ``mem_mb`` (MB; None for no bound) each, ended after ``idle_s`` seconds without work."""

    workers: int
    cores: int
    mem_mb: int | None = None
    idle_s: float = 30.0

    @property
    def size(self) -> Size:
        """What one worker has for jobs."""
        return Size(self.cores, self.mem_mb)

    @property
    def longest_s(self) -> float:
        """How long a job that says nothing of it may run, in seconds: as long as it wants."""
        return 0.0


class SlurmPool(msgspec.Struct, frozen=True, tag="slurm"):
    """A cluster whose workers are Slurm jobs with the name ``name``, made for the run.

    There are at most ``workers``, of ``cores``, ``mem_mb`` (MiB, as Slurm counts) and ``walltime``
    (minutes) each; one ends after ``idle_s`` seconds without work. ``runtime`` (minutes) is how
    long a job in it may run; ``extra`` are further options of ``sbatch``.
    """

    name: str
    runtime: int = 10
    cores: int = 4
    mem_mb: int = 4000
    walltime: int = 60
    workers: int = 10
    idle_s: float = 30.0
    extra: tuple[str, ...] = ()

    def takes(self, spec: JobSpec) -> bool:
        """Whether this is a short job that fits on a worker."""
        runtime = spec.runtime_s
        return runtime is not None and runtime <= self.runtime * 60 and self.size.holds(spec)

    @property
    def size(self) -> Size:
        """What one worker has for jobs."""
        mem_mb = (self.mem_mb * 2**20) // 10**6 - OVERHEAD_MB
        return Size(self.cores, mem_mb, self.walltime * 60.0 - _MARGIN_S)

    @property
    def longest_s(self) -> float:
        """How long a job that says nothing of it may run, in seconds."""
        return self.runtime * 60.0

    def check(self) -> None:
        """See that the parts agree.

        Raises:
            SettingsError: a worker could run no job, or would end before a job.
        """
        size = self.size
        if size.mem_mb is not None and size.mem_mb <= 0:
            raise SettingsError(
                f"A worker of the pool has {self.mem_mb} MB, and needs {OVERHEAD_MB} itself.",
                remedy="Give the pool more mem_mb.",
            )
        if size.lifetime_s is not None and self.runtime * 60 > size.lifetime_s:
            raise SettingsError(
                f"Jobs of {self.runtime} minutes do not fit into the pool's workers of"
                f" {self.walltime} minutes.",
                remedy="Give the pool a walltime that is more than a minute longer than runtime.",
            )


class Scheduler(msgspec.Struct, frozen=True, tag="scheduler"):
    """A cluster that is there: the address of its scheduler (``tcp://…``, ``tls://…``)."""

    address: str


class Gateway(msgspec.Struct, frozen=True, tag="gateway"):
    """A cluster that a dask-gateway at ``url`` makes for the run, of up to ``workers`` workers."""

    url: str
    workers: int = 10


Made = Local | SlurmPool
ClusterPlan = Local | SlurmPool | Scheduler | Gateway


class Size(msgspec.Struct, frozen=True):
    """What a worker has for jobs: cores, memory in MB, and seconds from its start; None for no
    bound."""

    cores: int
    mem_mb: int | None = None
    lifetime_s: float | None = None

    def holds(self, spec: JobSpec) -> bool:
        """Whether a worker of this size could ever run the job."""
        return spec.threads <= self.cores and (
            self.mem_mb is None or (spec.mem_mb or 0) <= self.mem_mb
        )


def plan_of(
    address: str,
    *,
    cores: int,
    workers: int | None = None,
    worker_cores: int | None = None,
    mem_mb: int | None = None,
    idle_s: float = 30.0,
) -> ClusterPlan:
    """The plan for an address as users give it: ``local``, ``gateway:URL``, or a scheduler's.

    ``cores`` are those of the run, which workers on this machine share if ``worker_cores`` is None.

    Raises:
        SettingsError: the address is none of these.
    """
    if address == "local":
        number = workers or 1
        return Local(number, worker_cores or max(1, cores // number), mem_mb, idle_s)
    if address.startswith("gateway:"):
        return Gateway(address.removeprefix("gateway:"), workers or 10)
    if "://" in address:
        return Scheduler(address)
    raise SettingsError(
        f"{address!r} is no address of a dask cluster.",
        remedy="Give local, gateway:URL, or a scheduler's address (tcp://HOST:PORT).",
    )
