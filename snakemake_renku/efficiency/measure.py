"""The use of each rule, of the attempts that ended well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from snakemake_renku.journal import JobHistory, RunHistory
from snakemake_renku.model import FailureKind
from snakemake_renku.report.usage import usage_by_rule


class Spread(msgspec.Struct, frozen=True):
    """A number over the attempts of a rule; the median is one that is there."""

    least: float
    median: float
    most: float


class RuleUse(msgspec.Struct, frozen=True, kw_only=True):
    """What the attempts of a rule (or of a group) that ended well asked for and used.

    ``jobs`` counts jobs, ``ok`` attempts that ended well, ``measured`` those of them whose use is
    known, and ``seen`` those whose memory could be looked at before they were over. Memory is in
    bytes, time in seconds, ``cores`` is CPU time over wall time; None where nothing was asked, or
    nothing is known. ``over_memory`` and ``over_time`` count the attempts that went beyond what
    they asked for and were let go on, ``killed_for_memory`` and ``killed_for_time`` those that were
    not, ``killed_at`` the most memory (bytes) that one of these had asked for.
    """

    rule: str
    jobs: int = 0
    ok: int = 0
    measured: int = 0
    seen: int = 0
    asked_memory: Spread | None = None
    memory: Spread | None = None
    asked_cores: Spread | None = None
    cores: Spread | None = None
    asked_time: Spread | None = None
    time: Spread | None = None
    over_memory: int = 0
    over_time: int = 0
    killed_for_memory: int = 0
    killed_for_time: int = 0
    killed_at: float | None = None


def use_by_rule(run: RunHistory) -> list[RuleUse]:
    """The use of each rule, in the order in which the rules first came."""
    by_rule: dict[str, list[JobHistory]] = {}
    for job in run.jobs.values():
        by_rule.setdefault(job.spec.rule, []).append(job)
    # An attempt that was cut off says nothing of what a whole one needs.
    ok = {id: job for id, job in run.jobs.items() if run.state(job) == "success"}
    used = {each["rule"]: each for each in usage_by_rule(replace(run, jobs=ok))}
    return [_use(rule, run, jobs, used.get(rule)) for rule, jobs in by_rule.items()]


def _use(
    rule: str, run: RunHistory, jobs: Sequence[JobHistory], used: dict[str, Any] | None
) -> RuleUse:
    for_memory = [job for job in jobs if _failed_by(job, "out_of_memory")]
    counts = RuleUse(
        rule=rule,
        jobs=len({job.spec.jobid for job in jobs}),
        ok=sum(run.state(job) == "success" for job in jobs),
        killed_for_memory=len(for_memory),
        killed_for_time=sum(_failed_by(job, "timeout") for job in jobs),
        killed_at=max(
            (job.spec.mem_mb * 1e6 for job in for_memory if job.spec.mem_mb), default=None
        ),
    )
    if used is None:
        return counts
    memory, cores, wall = used["memory"], used["cores"], used["wall"]
    return msgspec.structs.replace(
        counts,
        measured=used["attempts"],
        seen=memory["measured"],
        asked_memory=_spread(memory["asked"]),
        memory=_spread(memory["used"]),
        asked_cores=_spread(cores["asked"]),
        cores=_spread(cores["used"]),
        asked_time=_spread(wall["asked"]),
        time=_spread(wall["used"]),
        over_memory=memory["exceeded"],
        over_time=wall["exceeded"],
    )


def _failed_by(job: JobHistory, kind: FailureKind) -> bool:
    failure = job.record.failure if job.record is not None else None
    return failure is not None and failure.kind == kind


def _spread(quartiles: list[float] | None) -> Spread | None:
    return None if quartiles is None else Spread(quartiles[0], quartiles[2], quartiles[4])
