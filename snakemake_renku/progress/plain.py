"""Progress as lines, for logs and pipes: they only ever grow."""

from __future__ import annotations

import logging

from snakemake_renku.progress.out import Out
from snakemake_renku.progress.shown import Shown
from snakemake_renku.progress.state import Change, Job, RunProgress
from snakemake_renku.progress.text import clean, duration, jobs, percent, short
from snakemake_renku.progress.wording import Message

MANY = 200
"""Of more jobs than these, not each has a line of its own."""
LEAST_S = 2.0
"""With many jobs, lines are at least this far apart, in seconds …"""
MOST_S = 60.0
"""… and at most so far, while jobs end."""
STEP = 0.05
"""With many jobs, a line is due when this share of them more has ended."""

MOST_RULES = 20


class PlainDisplay:
    """Writes a line for the plan, one for each job that ends, and one for the outcome."""

    def __init__(self, out: Out, shown: Shown) -> None:
        self._out = out
        self._shown = shown
        self._last_time = float("-inf")
        self._last_ended = 0

    def message(self, message: Message) -> None:
        """Show what Snakemake says."""
        self._out.line(message.text, message.level)

    def change(self, progress: RunProgress, change: Change, now: float) -> None:
        """Show what became of a job."""
        if self._shown.dryrun or not self._shown.about("progress"):
            return
        if change.kind == "planned":
            self._out.line(plan(progress, self._shown))
        elif change.kind != "started" and change.job is not None:
            if progress.total > MANY or not self._shown.about("rules"):
                self._tick(progress, now)
            else:
                self._out.line(_job_line(progress, change.job))

    def close(self, progress: RunProgress, now: float) -> None:
        """Show how it all ended."""
        show_outcome(self._out, self._shown, progress, now)

    def _tick(self, progress: RunProgress, now: float) -> None:
        ended = progress.done + progress.failed
        passed = now - self._last_time
        step = (ended - self._last_ended) >= STEP * progress.total
        if ended < progress.total and not (
            (step and passed >= LEAST_S) or (passed >= MOST_S and ended > self._last_ended)
        ):
            return
        self._last_time, self._last_ended = now, ended
        self._out.line(f"{_counter(progress)} {', '.join(_state(progress, now))}")


def plan(progress: RunProgress, shown: Shown) -> str:
    """``12 jobs: align 10, sort 1, all 1``."""
    text = jobs(progress.total)
    if not shown.about("rules"):
        return text
    rules = [f"{rule.name} {rule.total}" for rule in progress.rules.values()]
    more = [f"… and {len(rules) - MOST_RULES} more rules"] if len(rules) > MOST_RULES else []
    return f"{text}: {', '.join(rules[:MOST_RULES] + more)}"


def show_outcome(out: Out, shown: Shown, progress: RunProgress, now: float) -> None:
    """Write the last line of a run in which anything was started."""
    if shown.dryrun or not shown.about("progress") or progress.first_start is None:
        return
    took = duration(now - progress.first_start)
    left = progress.total - progress.done - progress.failed
    if not left and not progress.failed:
        out.line(f"All {jobs(progress.total)} done in {took}.")
        return
    parts = [f"{progress.done} of {jobs(progress.total)} done"]
    if progress.failed:
        rules = [f"{rule.name} {rule.failed}" for rule in progress.rules.values() if rule.failed]
        parts.append(f"{progress.failed} failed ({', '.join(rules[:MOST_RULES])})")
    if left > 0:
        parts.append(f"{left} not done")
    out.line(f"{', '.join(parts)}, in {took}.", logging.ERROR)


def _job_line(progress: RunProgress, job: Job) -> str:
    about = [f"job {job.id}"]
    if job.wildcards:
        about.append(clean(job.wildcards))
    if job.attempts > 1:
        about.append(f"attempt {job.attempts}")
    word = "failed" if job.state == "failed" else "done"
    return f"{_counter(progress)} {word}: {job.rule} ({', '.join(about)}) in {short(job.took)}"


def _counter(progress: RunProgress) -> str:
    total = str(progress.total)
    done = str(progress.done).rjust(len(total))
    return f"[{done}/{total} {percent(progress.done, progress.total):>4}]"


def _state(progress: RunProgress, now: float) -> list[str]:
    parts = [f"{progress.running} running"]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.first_start is not None:
        parts.append(duration(now - progress.first_start))
    eta = progress.eta(now)
    if eta is not None and progress.done < progress.total:
        parts.append(f"about {duration(eta)} left")
    return parts
