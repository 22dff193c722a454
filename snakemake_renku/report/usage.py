"""What the jobs of each rule asked for, and what they used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from snakemake_renku.journal import JobHistory, RunHistory
from snakemake_renku.model import Usage

MB = 1_000_000

Measure = Callable[[JobHistory, Usage], float | None]


def usage_by_rule(run: RunHistory) -> list[dict[str, Any]]:
    """For each rule (or group), of the attempts that were measured: quartiles of what they used.

    ``used`` and ``asked`` are ``[least, first quartile, median, third quartile, most]``, None where
    there is nothing; seconds, bytes, and cores (of the CPU time, on average over the wall time).
    ``exceeded`` counts the attempts that went beyond what they asked for.
    """
    by_rule: dict[str, list[JobHistory]] = {}
    for job in run.jobs.values():
        if job.record is not None and job.record.usage is not None:
            by_rule.setdefault(job.spec.rule, []).append(job)
    return [_of_rule(rule, jobs) for rule, jobs in by_rule.items()]


def _of_rule(rule: str, jobs: Sequence[JobHistory]) -> dict[str, Any]:
    usages = [(job, job.record.usage) for job in jobs if job.record and job.record.usage]
    return {
        "rule": rule,
        "attempts": len(usages),
        "wall_s": round(sum(usage.wall_s for _, usage in usages), 3),
        "cpu_s": round(sum(_cpu(usage) for _, usage in usages), 3),
        "wall": _compare(usages, lambda _, u: u.wall_s, lambda j, _: j.spec.runtime_s, "runtime"),
        "memory": _compare(usages, _rss, _memory, "mem_mb"),
        "cores": _compare(usages, _cores, lambda j, _: j.spec.threads, "threads"),
    }


def _compare(
    usages: Sequence[tuple[JobHistory, Usage]], used: Measure, asked: Measure, resource: str
) -> dict[str, Any]:
    exceeded = sum(resource in job.record.exceeded for job, _ in usages if job.record is not None)
    return {
        "used": _quartiles(used(*each) for each in usages),
        "asked": _quartiles(asked(*each) for each in usages),
        "measured": sum(used(*each) is not None for each in usages),
        "exceeded": exceeded,
    }


def _cpu(usage: Usage) -> float:
    return usage.user_s + usage.system_s


def _cores(_: JobHistory, usage: Usage) -> float | None:
    return _cpu(usage) / usage.wall_s if usage.wall_s > 0 else None


def _rss(_: JobHistory, usage: Usage) -> float | None:
    return usage.max_rss or None


def _memory(job: JobHistory, _: Usage) -> float | None:
    return None if job.spec.mem_mb is None else job.spec.mem_mb * MB


def _quartiles(values: Iterable[float | None]) -> list[float] | None:
    """Least, quartiles and most; a quartile is a value that is there, the nearest by rank."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    last = len(known) - 1
    return [round(known[round(last * part / 4)], 4) for part in range(5)]
