"""A replay and its verdict, for people."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from snakemake_renku.cli import output
from snakemake_renku.model import (
    Difference,
    Finding,
    JobVerdict,
    Outcome,
    OutputVerdict,
    Verdict,
)
from snakemake_renku.progress.text import clean, short

if TYPE_CHECKING:
    from snakemake_renku.replay.execute import Event

_T = TypeVar("_T", JobVerdict, OutputVerdict)

MOST_GOOD = 40
"""Of more jobs or outputs than these, the identical ones are counted rather than listed."""

_STARTS = 5

_FOLLOWED = ("was replayed differently (by job", "was not made, because")
"""By these words a verdict tells that the reason lies with an earlier job."""

_SILENCE_S = 30.0
"""Where there is no terminal, it is told so often how many jobs are done."""

_EACH = 10
"""So many differences are shown of an output (JSON has all that were kept)."""


class Progress:
    """Tells on standard error how far a replay is; with ``quiet`` only what went wrong.

    On a terminal, the last line says what runs and is written over.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._live = quiet, sys.stderr.isatty() and not quiet
        self._done, self._shown, self._told = 0, False, time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._erase()

    def take(self, event: Event) -> None:
        """Tell of one event."""
        from snakemake_renku.replay.execute import Began, Ended, Told

        match event:
            case Began():
                wildcards = [f"{name}={value}" for name, value in event.wildcards.items()]
                self._status(" ".join((f"job {event.id}: {event.rule}", *wildcards)))
            case Ended():
                self._count()
                problem = event.executed.not_replayable
                if problem is not None:
                    self._say(f"job {event.id} ({event.rule}) is not replayable: {problem}")
                elif not event.executed.ok:
                    self._say(f"job {event.id} ({event.rule}) failed")
            case Told() if not self._quiet:
                self._say(event.message)

    def _count(self) -> None:
        self._done += 1
        now = time.monotonic()
        if not self._quiet and not self._live and now - self._told > _SILENCE_S:
            self._say(f"{self._done} jobs done.")
            self._told = now

    def _say(self, text: str) -> None:
        self._erase()
        print(clean(text), file=sys.stderr, flush=True)

    def _status(self, text: str) -> None:
        if self._live:
            self._erase()
            # One line less than the narrowest terminal, so that it can be written over.
            sys.stderr.write(f"[{self._done} done] {clean(text)}"[:78])
            sys.stderr.flush()
            self._shown = True

    def _erase(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._shown = False


def show_verdict(verdict: Verdict) -> None:
    """Print a verdict: jobs, outputs, what differs and why, and in the last line the outcome."""
    sheet = output.Sheet()
    _jobs(verdict, sheet)
    _outputs(verdict, sheet)
    for found in verdict.outputs:
        # Of the others, what is told of the job says all.
        if found.outcome in ("equivalent", "different"):
            _finding(found, sheet)
    for job in verdict.jobs:
        _explanation(job, sheet)
    if verdict.notes:
        sheet.heading("notes")
        for note in verdict.notes:
            sheet.lines(note)
    sheet.heading("verdict")
    _place(verdict, sheet)
    starts = list(_starts(verdict))
    for start in starts[:_STARTS]:
        sheet.pair("starts at", start)
    if len(starts) > _STARTS:
        sheet.pair("starts at", f"and {len(starts) - _STARTS} jobs more")
    print()
    print(last_line(verdict))


def last_line(verdict: Verdict) -> str:
    """The outcome over all, in one line."""
    outcomes = _counts([found.outcome for found in verdict.outputs])
    outputs = f"{len(verdict.outputs)} output{'' if len(verdict.outputs) == 1 else 's'}"
    jobs = f"{len(verdict.jobs)} job{'' if len(verdict.jobs) == 1 else 's'}"
    what = clean(verdict.target)
    return f"{verdict.outcome.upper()}: {what}: {outputs} of {jobs}{outcomes}"


def _counts(outcomes: Sequence[Outcome]) -> str:
    parts = [f"{outcomes.count(one)} {one}" for one in dict.fromkeys(outcomes)]
    return f" ({', '.join(parts)})" if parts else ""


def _jobs(verdict: Verdict, sheet: output.Sheet) -> None:
    sheet.heading("jobs")
    listed = _listed(verdict.jobs)
    several = len(verdict.runs) > 1
    columns = ["job", "rule", "outcome", "time", "recorded"]
    rows = [
        [
            job.id,
            job.rule,
            job.outcome,
            short(job.wall_s) if job.wall_s is not None else "",
            short(job.recorded_wall_s) if job.recorded_wall_s is not None else "",
            *([job.run] if several else []),
        ]
        for job in listed
    ]
    output.table([*columns, "run"] if several else columns, rows, ("time", "recorded"))
    _unlisted(len(verdict.jobs) - len(listed), "job")


def _outputs(verdict: Verdict, sheet: output.Sheet) -> None:
    sheet.heading("outputs")
    listed = _listed(verdict.outputs)
    rows = [[found.path, found.outcome, found.job, _about(found)] for found in listed]
    output.table(["output", "outcome", "job", "compared"], rows, (), ("compared",))
    _unlisted(len(verdict.outputs) - len(listed), "output")


def _listed(items: Sequence[_T]) -> list[_T]:
    if len(items) <= MOST_GOOD:
        return list(items)
    return [item for item in items if item.outcome != "identical"]


def _unlisted(count: int, noun: str) -> None:
    if count:
        print(f"and {count} {noun}{'' if count == 1 else 's'} more, identical (--json lists them)")


def _about(found: OutputVerdict) -> str:
    if found.finding is None:
        return "by digest" if found.outcome == "identical" else ""
    count = found.finding.count
    more = f", {count} difference{'' if count == 1 else 's'}" if count else ""
    return f"as {found.finding.compared_as}{more}"


def _finding(found: OutputVerdict, sheet: output.Sheet) -> None:
    if found.finding is None and found.reason is None:
        return
    sheet.heading(f"{found.path}: {found.outcome}")
    if found.reason is not None:
        sheet.lines(found.reason)
    if found.finding is not None:
        for difference in found.finding.differences[:_EACH]:
            sheet.lines(_difference(difference))
        for line in _beside(found.finding):
            sheet.lines(line)


def _difference(difference: Difference) -> str:
    recorded, replayed = difference.recorded, difference.replayed
    where = f"{difference.where}: "
    if recorded is None and replayed is None:
        return difference.where
    if replayed is None:
        return f"{where}{recorded} is not there any more"
    if recorded is None:
        return f"{where}{replayed} was not there before"
    by = f" (by {difference.amount:g})" if difference.amount is not None else ""
    return f"{where}{replayed} instead of {recorded}{by}"


def _beside(finding: Finding) -> Iterator[str]:
    shown = min(_EACH, len(finding.differences))
    if finding.count > shown:
        yield f"… {finding.count - shown} more differences"
    largest = finding.largest_absolute
    if largest:
        relative = finding.largest_relative
        also = f", {relative:g} of the recorded value" if relative is not None else ""
        yield f"the largest difference of numbers is {largest:g}{also}"
    for ignored in finding.ignored:
        yield f"not counted: {ignored}"


def _explanation(job: JobVerdict, sheet: output.Sheet) -> None:
    if job.reason is None and not job.causes:
        return
    sheet.heading(f"job {job.id} ({job.rule}): {job.outcome}")
    if job.reason is not None:
        sheet.lines(job.reason)
    for cause in job.causes:
        sheet.lines(f"- {cause}")


def _starts(verdict: Verdict) -> Iterator[str]:
    """The jobs at which it begins that not all is good, with the first line of what explains it."""
    for job in verdict.jobs:
        told = (*job.causes, job.reason or "")
        followed = any(sign in text for text in told for sign in _FOLLOWED)
        if job.outcome in ("different", "failed", "not replayable") and not followed:
            words = (job.causes or (job.reason or "",))[0].partition("\n")[0]
            yield f"job {job.id} ({job.rule}): {words.rstrip(':')}"


def _place(verdict: Verdict, sheet: output.Sheet) -> None:
    from snakemake_renku.cli.units import moment

    place, tolerance = verdict.place, verdict.tolerance
    sheet.pair("id", verdict.id)
    sheet.pair("of", verdict.target)
    if verdict.commit is not None:
        sheet.pair("commit", verdict.commit)
    took = short(verdict.finished - verdict.started)
    sheet.pair("when", f"{moment(verdict.started)}, in {took}")
    sheet.pair("by", f"{place.user} on {place.host}")
    versions = f"Python {place.python}, Snakemake {place.snakemake}, renku {place.renku}"
    sheet.pair("with", versions)
    numbers = f"relative {tolerance.relative:g}, absolute {tolerance.absolute:g}"
    sheet.pair("tolerances", numbers)
