"""What a job asked for, compared with what it uses. Numbers in, verdicts out."""

from __future__ import annotations

from typing import Literal

import msgspec

from snakemake_renku.model import JobSpec

MB = 10**6
"""Bytes in an MB, as Snakemake's ``mem_mb`` counts."""

LimitedResource = Literal["mem_mb", "runtime"]


class Limits(msgspec.Struct, frozen=True):
    """What one job may use: ``mem_bytes`` in bytes, ``runtime_s`` in seconds, None for no limit.

    Without ``enforce`` a job that goes beyond is told of and left alone.
    """

    mem_bytes: int | None = None
    runtime_s: float | None = None
    enforce: bool = False

    @classmethod
    def of(cls, job: JobSpec, *, enforce: bool) -> Limits:
        """What ``job`` asked for."""
        mem_bytes = None if job.mem_mb is None else job.mem_mb * MB
        return cls(mem_bytes=mem_bytes, runtime_s=job.runtime_s, enforce=enforce)


class Notice(msgspec.Struct, frozen=True):
    """A resource of which a job used more than it asked, in words."""

    resource: LimitedResource
    message: str


class Stop(msgspec.Struct, frozen=True):
    """That a job is to be stopped; ``kind`` is a :data:`~snakemake_renku.model.FailureKind`."""

    kind: Literal["out_of_memory", "timeout"]
    message: str


class Judge:
    """Watches one job's use over time: tells each excess once, and whether to stop the job."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.exceeded: tuple[LimitedResource, ...] = ()
        """The resources beyond which the job went, in the order in which it did."""
        self.stop: Stop | None = None
        """Set once, and only where the limits are enforced."""

    def see(self, *, mem_bytes: int | None = None, elapsed_s: float | None = None) -> list[Notice]:
        """Take what the job uses now (bytes) and how long it runs (seconds); tell what is new."""
        notices = []
        limits = self.limits
        if _beyond(mem_bytes, limits.mem_bytes):
            notices += self._exceed("mem_mb", memory_message(limits, mem_bytes))
        if _beyond(elapsed_s, limits.runtime_s):
            notices += self._exceed("runtime", runtime_message(limits, elapsed_s))
        return notices

    def remaining(self, elapsed_s: float) -> float | None:
        """Seconds until the runtime is over; None where there is nothing left to wait for."""
        if self.limits.runtime_s is None or "runtime" in self.exceeded:
            return None
        return max(0.0, self.limits.runtime_s - elapsed_s)

    def killed_by_kernel(self, peak_bytes: int | None = None) -> Stop:
        """The verdict on a job whose processes the kernel's out-of-memory killer ended."""
        if "mem_mb" not in self.exceeded:
            self.exceeded += ("mem_mb",)
        if self.stop is None:
            message = memory_message(self.limits, peak_bytes, kernel=True)
            self.stop = Stop("out_of_memory", message)
        return self.stop

    def _exceed(self, resource: LimitedResource, message: str) -> list[Notice]:
        if resource in self.exceeded:
            return []
        self.exceeded += (resource,)
        if self.limits.enforce and self.stop is None:
            self.stop = Stop("out_of_memory" if resource == "mem_mb" else "timeout", message)
        return [Notice(resource, message)]


def memory_message(limits: Limits, used: int | None, *, kernel: bool = False) -> str:
    """What was asked, what was used (bytes), what comes of it, and what to do."""
    asked = f"mem_mb={(limits.mem_bytes or 0) // MB}"
    if kernel:
        peak = "" if used is None else f" (its peak was {_mb(used)})"
        said = f"tried to use more memory than its {asked}{peak}: the kernel stopped it"
    else:
        said = f"used {_mb(used or 0)} but asked for {asked}: {_fate(limits)}"
    return f"{said}; raise mem_mb (or let it grow with attempt)"


def runtime_message(limits: Limits, elapsed_s: float | None) -> str:
    """What was asked, how long it ran (seconds), what comes of it, and what to do."""
    asked = f"runtime={(limits.runtime_s or 0) / 60:g} (minutes)"
    said = f"ran for {_time(elapsed_s or 0)} but asked for {asked}: {_fate(limits)}"
    return f"{said}; raise runtime (or let it grow with attempt)"


def _fate(limits: Limits) -> str:
    return "stopped" if limits.enforce else "it would have been killed on a cluster"


def _beyond(used: float | None, limit: float | None) -> bool:
    return used is not None and limit is not None and used > limit


def _mb(size: int) -> str:
    """In MB, rounded up, so that what is beyond a limit never reads as the limit itself."""
    return f"{-(-size // MB):,} MB"


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {rest} s" if hours else f"{minutes} min {rest} s"
