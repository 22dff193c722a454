"""Jobs that are begun again without using up their retries: after faults of the platform, and with
more memory or time."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from snakemake_renku.engine.main import Host
from snakemake_renku.escalation import Escalation
from snakemake_renku.model import Failure, JobRecord, JobSpec

PLATFORM = ("node_lost", "launch_failed", "preempted")
"""Kinds of failure that are not the job's."""

_FAULTS = 3
"""How often a job is begun again after faults of the platform."""

_PREEMPTIONS = 20
"""How often a job is begun again that had to make room for others."""


class Repeats:
    """Counts the repetitions of each job of Snakemake's, and tells the user of them."""

    def __init__(self, host: Host, escalate: Escalation) -> None:
        self._host, self._escalate = host, escalate
        self._times: Counter[Any] = Counter()
        self._faults: Counter[Any] = Counter()
        self._grown: dict[Any, tuple[int, dict[str, int]]] = {}

    def overrides(self, job: Any) -> dict[str, int]:
        """The resources that the job gets in place of what its rule says."""
        return self._grown.get(job, (0, {}))[1]

    def suffix(self, job: Any) -> str:
        """What tells this repetition of an attempt from the one before."""
        return f"+{self._times[job]}"

    def after_fault(
        self, stranded: Sequence[tuple[JobSpec, Any]], failure: Failure, *, may: bool
    ) -> list[Any]:
        """Those of the jobs that are to be begun again; the others have failed.

        ``may`` is whether the run goes on at all.
        """
        most = _PREEMPTIONS if failure.kind == "preempted" else _FAULTS
        again = []
        for spec, job in stranded:
            self._faults[job] += 1
            if may and self._faults[job] <= most:
                self._times[job] += 1
                again.append(job)
            else:
                lost = JobRecord.lost(spec, failure.message, time.time(), failure.kind)
                self._host.failed(job, spec, lost)
        if again:
            started = "A job is" if len(again) == 1 else f"{len(again)} jobs are"
            self._host.warn(
                f"{failure.message} {started} started again; this does not use up retries."
            )
        return again

    def with_more(
        self, spec: JobSpec, job: Any, failure: Failure, most: tuple[int | None, int | None]
    ) -> bool:
        """Whether a job that had too little memory or time is to be begun again with more.

        ``most`` is the memory (MB) and the time (minutes) that it can get.
        """
        if job.is_group():
            return False
        if most[0] is not None and spec.resources.get("mem_mb_per_cpu"):
            most = most[0] // max(1, spec.threads), most[1]
        times, before = self._grown.get(job, (0, {}))
        more = self._escalate.more(failure.kind, spec.resources, most, times + 1)
        if more is None:
            return False
        self._grown[job] = times + 1, before | more
        self._times[job] += 1
        what = ", ".join(f"{name}={value}" for name, value in more.items())
        self._host.warn(
            f"Job {spec.jobid} (rule {spec.rule}): {failure.message} It is started again with"
            f" {what}; this does not use up retries."
        )
        return True


def total_memory_mb() -> int:
    """The memory of this machine, in MB."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 10**6
