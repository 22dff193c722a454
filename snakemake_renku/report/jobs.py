"""The attempts of a run, by columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from snakemake_renku.journal import JobHistory, RunHistory
from snakemake_renku.model import Failure, JobRecord
from snakemake_renku.report.tables import Table, column, sparse

MOST_OUTPUT = 2_000_000
"""Of what jobs printed, about so many characters are shown of those that failed, and a quarter of
it of the others. Where there is more, each is cut to its end; the journal has all."""

LEAST_OUTPUT = 400
"""So much of each failed job is shown in any case."""

_HIDDEN = ("_cores", "_nodes", "tmpdir", "mem", "mem_mib", "disk", "disk_mib")
"""Resources that say nothing, or the same again in another unit."""


def columns(run: RunHistory, strings: Table[str]) -> dict[str, Any]:
    """All attempts in the order of the journal; times in ms since the run's start, sizes in bytes.

    The number of a text is one of ``strings``.
    """
    jobs = list(run.jobs.values())
    specs, records = [job.spec for job in jobs], [job.record for job in jobs]
    start = run.info.started
    return {
        "id": [spec.id for spec in specs],
        "job": column([strings.number(spec.jobid) for spec in specs]),
        "attempt": column([spec.attempt for spec in specs]),
        "rule": column([strings.number(spec.rule) for spec in specs]),
        "group": sparse(spec.group is not None for spec in specs),
        "steps": column([len(spec.steps) for spec in specs]),
        "mode": column([strings.number(spec.mode) for spec in specs]),
        "state": column([strings.number(run.state(job)) for job in jobs]),
        "threads": column([spec.threads for spec in specs]),
        "memory": column([spec.mem_mb for spec in specs]),
        "runtime": column([spec.runtime_s for spec in specs]),
        "resources": column([_resources(spec.resources, strings) for spec in specs]),
        "submitted": column([_ms(job.submitted, start) for job in jobs]),
        "started": column([_ms(_started(job), start) for job in jobs]),
        "finished": column([_ms(_of(job.record, "finished"), start) for job in jobs]),
        "host": column([strings.number(_host(job)) for job in jobs]),
        **_usage(records),
        "exit": sparse(_exit(record) for record in records),
        "failure": sparse(_failure(record) for record in records),
        "exceeded": sparse(record.exceeded if record else () for record in records),
        "notices": sparse([notice.message for notice in job.notices] for job in jobs),
        "printed": sparse(_printed(records)),
    }


def _ms(seconds: float | None, start: float) -> int | None:
    return None if seconds is None else round((seconds - start) * 1000)


def _of(record: JobRecord | None, name: str) -> Any:
    return None if record is None else getattr(record, name)


def _started(job: JobHistory) -> float | None:
    if job.record is not None:
        return job.record.started
    return job.started.time if job.started is not None else None


def _host(job: JobHistory) -> str:
    if job.record is not None:
        return job.record.host
    return job.started.host if job.started is not None else ""


def _resources(resources: dict[str, int | str], strings: Table[str]) -> int:
    known = (*_HIDDEN, "mem_mb", "runtime")
    shown = (f"{name}={value}" for name, value in resources.items() if name not in known)
    return strings.number(" ".join(shown))


def _usage(records: Sequence[JobRecord | None]) -> dict[str, Any]:
    """What was used: times in ms, the rest in bytes; a memory of 0 could not be seen."""
    usages = [record.usage if record is not None else None for record in records]

    def each(name: str, scale: float) -> Any:
        return column([None if u is None else round(getattr(u, name) * scale) for u in usages])

    times = {"wall": "wall_s", "user": "user_s", "system": "system_s"}
    sizes = {"rss": "max_rss", "read": "read_bytes", "written": "write_bytes"}
    return {short: each(name, 1000) for short, name in times.items()} | {
        short: each(name, 1) for short, name in sizes.items()
    }


def _exit(record: JobRecord | None) -> list[int | None] | None:
    """Exit code and signal, where there is more to tell than that a job ended well."""
    if record is None:
        return None
    failure = record.failure or Failure("error", "")
    code = failure.exit_code if failure.exit_code is not None else record.exit_code
    number = failure.signal if failure.signal is not None else record.signal
    return [code, number] if code or number else None


def _failure(record: JobRecord | None) -> list[str] | None:
    if record is None or record.failure is None:
        return None
    return [record.failure.kind, record.failure.message]


def _printed(records: Sequence[JobRecord | None]) -> list[list[Any] | None]:
    """The ends of standard output and standard error, and whether more of them was recorded."""
    cut_good = _cutter(records, lambda record: record.ok, MOST_OUTPUT // 4, 0)
    cut_bad = _cutter(records, lambda record: not record.ok, MOST_OUTPUT, LEAST_OUTPUT)
    return [
        None if record is None else (cut_good if record.ok else cut_bad)(record)
        for record in records
    ]


def _cutter(
    records: Sequence[JobRecord | None], which: Callable[[JobRecord], bool], most: int, least: int
) -> Callable[[JobRecord], list[Any] | None]:
    """What cuts the output of each of those records so that together they keep to ``most``."""
    lengths = [_length(record) for record in records if record is not None and which(record)]
    limit = max(_limit(lengths, most), least)

    def cut(record: JobRecord) -> list[Any] | None:
        texts = (record.stdout_tail, record.stderr_tail)
        if not any(texts):
            return None
        return [*(_end(text, limit) for text in texts), int(max(map(len, texts)) > limit)]

    return cut


def _length(record: JobRecord) -> int:
    return max(len(record.stdout_tail), len(record.stderr_tail))


def _limit(lengths: list[int], most: int) -> int:
    """The largest limit for each text by which all together are not longer than ``most``."""
    left, count = most, len(lengths)
    for length in sorted(lengths):
        if length * count > left:
            return left // count
        left, count = left - length, count - 1
    return max(lengths, default=0)


def _end(text: str, limit: int) -> str:
    """The last whole lines of ``text`` within ``limit``; of a longer last line its end."""
    if len(text) <= limit:
        return text
    if limit <= 0:
        return ""
    start = len(text) - limit
    line = text.find("\n", start - 1) + 1
    return text[line:] if 0 < line < len(text) else text[start:]
