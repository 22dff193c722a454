"""What the user is told of a cluster of dask."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from snakemake_renku.backends.dask.plan import ClusterPlan, Size, SlurmPool
from snakemake_renku.model import JobSpec

_QUIET_S = 60.0
"""So long jobs wait without any worker before the user is told."""

EXPOSED = (
    "The cluster of dask speaks without encryption: whoever can listen in the network sees the"
    " settings of the workflow. Use tls:// where they hold secrets."
)


class Teller:
    """Says each thing once, by ``say``; ``folder`` is where the logs of workers are."""

    def __init__(self, plan: ClusterPlan, folder: Path, say: Callable[[str], None]) -> None:
        self._plan, self._folder, self._say = plan, folder, say
        self._said: set[str] = set()
        self._alone_since = time.monotonic()

    @property
    def logs(self) -> str:
        """Where to look for more, in words."""
        return f"See the logs below {self._folder}."

    def tell(self, message: str) -> None:
        """Say this, if it was not said before."""
        if message not in self._said:
            self._said.add(message)
            self._say(message)

    def waits(self, alone: bool) -> None:
        """Take note of whether jobs wait and no worker is there; say so if that lasts."""
        if not alone:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > _QUIET_S:
            where = self.logs
            if isinstance(self._plan, SlurmPool):
                where = f"`squeue --name {self._plan.name}` tells why. {where}"
            self.tell(f"Jobs wait, and no worker of dask has come yet. {where}")

    def size_up(self, specs: Iterable[JobSpec], sizes: Sequence[Size]) -> None:
        """Say which jobs no worker of a cluster could hold as it is now."""
        for spec in specs:
            if not any(size.holds(spec) for size in sizes):
                self.tell(
                    f"No worker of the dask cluster has {needs(spec)} now, as rule {spec.rule}"
                    " asks; such jobs wait until one comes."
                )


def too_large(spec: JobSpec, size: Size) -> str:
    """Why a job is rejected."""
    memory = "" if size.mem_mb is None else f" and {size.mem_mb} MB"
    return (
        f"The job asks for {needs(spec)}; a worker of dask has {size.cores} cores{memory} for jobs."
        " Ask for less, or make workers larger."
    )


def needs(spec: JobSpec) -> str:
    """What a job asks for, in words."""
    cores = "1 core" if spec.threads == 1 else f"{spec.threads} cores"
    return cores if spec.mem_mb is None else f"{cores} and {spec.mem_mb} MB"
