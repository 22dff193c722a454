"""How far a run is: a model fed with Snakemake's events. No input, no output.

Times are seconds of any one clock, given by the caller.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

JobState = Literal["running", "done", "failed", "waiting"]

_RESTART = re.compile(r"Trying to restart job (\S+)\.$")


@dataclass(slots=True)
class Job:
    """A job that was started at least once; ``since`` is when its last attempt was."""

    id: str
    rule: str
    wildcards: str
    state: JobState
    since: float
    attempts: int = 1
    took: float = 0.0


@dataclass(slots=True)
class RuleCount:
    """The jobs of one rule; ``seconds`` is what the finished ones took together."""

    name: str
    total: int = 0
    seen: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """What an event changed: the plan was made, or a job moved."""

    kind: Literal["planned", "started", "finished", "failed"]
    job: Job | None = None


@dataclass(slots=True)
class RunProgress:
    """Counts over all jobs and by rule. Who reads it in another thread holds ``lock`` meanwhile."""

    total: int = 0
    rules: dict[str, RuleCount] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    first_start: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def done(self) -> int:
        """Jobs that ended well."""
        return sum(rule.done for rule in self.rules.values())

    @property
    def running(self) -> int:
        """Jobs that were handed to the executor and have not come back."""
        return sum(rule.running for rule in self.rules.values())

    @property
    def failed(self) -> int:
        """Jobs whose last attempt failed."""
        return sum(rule.failed for rule in self.rules.values())

    def apply(self, event: str | None, fields: Mapping[str, Any], now: float) -> Change | None:
        """Take in one event; unknown ones, and ones that lack what they should say, do nothing."""
        with self.lock:
            return self._apply(event, fields, now)

    def eta(self, now: float) -> float | None:
        """Seconds that the rest will take at the pace so far; None before anything ended.

        The work that is left (each rule's jobs at that rule's mean time) is divided by how many
        jobs were under way at a time so far.
        """
        finished = sum(rule.seconds for rule in self.rules.values())
        done = self.done
        if not done or self.first_start is None or now <= self.first_start:
            return None
        overall = finished / done
        left, busy = 0.0, finished
        for job in self.jobs.values():
            if job.state == "running":
                elapsed = max(0.0, now - job.since)
                busy += elapsed
                left += max(0.0, _mean(self.rules[job.rule], overall) - elapsed)
        waiting = 0
        for rule in self.rules.values():
            count = max(0, rule.total - rule.done - rule.running - rule.failed)
            waiting += count
            left += count * _mean(rule, overall)
        unplanned = self.total - done - self.running - self.failed - waiting
        left += max(0, unplanned) * overall
        abreast = busy / (now - self.first_start)
        return left / abreast if abreast > 0 else None

    def _apply(self, event: str | None, fields: Mapping[str, Any], now: float) -> Change | None:
        match event:
            case "run_info":
                return self._plan(fields.get("stats"))
            case "job_info":
                return self._start(fields, now)
            case "job_finished":
                return self._end(fields.get("job_id"), "done", now)
            case "job_error":
                return self._end(fields.get("jobid"), "failed", now)
            case "progress":
                self._set_total(fields.get("total"))
            case None:
                self._restart(str(fields.get("msg")))
        return None

    def _plan(self, stats: object) -> Change | None:
        if not isinstance(stats, Mapping):
            return None
        for name, count in stats.items():
            if name != "total":
                self._rule(str(name)).total = int(count)
        self._set_total(stats.get("total"))
        return Change("planned")

    def _set_total(self, total: object) -> None:
        if isinstance(total, int):
            self.total = total

    def _rule(self, name: str) -> RuleCount:
        return self.rules.setdefault(name, RuleCount(name))

    def _start(self, fields: Mapping[str, Any], now: float) -> Change | None:
        if fields.get("jobid") is None:
            return None
        id = str(fields["jobid"])
        job = self.jobs.get(id)
        if job is None:
            job = self._first_start(id, fields, now)
        else:
            self._leave(job)
            job.state, job.since = "running", now
            job.attempts += 1
        self._rule(job.rule).running += 1
        return Change("started", job)

    def _first_start(self, id: str, fields: Mapping[str, Any], now: float) -> Job:
        rule = self._rule(str(fields.get("rule_name")))
        wildcards = fields.get("wildcards")
        pairs = wildcards.items() if isinstance(wildcards, Mapping) else ()
        job = Job(id, rule.name, ", ".join(f"{k}={v}" for k, v in pairs), "running", now)
        self.jobs[id] = job
        rule.seen += 1
        # Jobs that a checkpoint added were in no plan.
        rule.total = max(rule.total, rule.seen)
        if self.first_start is None:
            self.first_start = now
        return job

    def _end(self, id: object, state: Literal["done", "failed"], now: float) -> Change | None:
        job = self.jobs.get(str(id))
        if job is None or job.state == state:
            return None
        rule = self.rules[job.rule]
        self._leave(job)
        job.state = state
        job.took = max(0.0, now - job.since)
        if state == "done":
            rule.done += 1
            rule.seconds += job.took
            return Change("finished", job)
        rule.failed += 1
        return Change("failed", job)

    def _restart(self, message: str) -> None:
        found = _RESTART.match(message)
        job = self.jobs.get(found[1]) if found else None
        if job is not None and job.state == "failed":
            self._leave(job)
            job.state = "waiting"

    def _leave(self, job: Job) -> None:
        rule = self.rules[job.rule]
        match job.state:
            case "running":
                rule.running -= 1
            case "failed":
                rule.failed -= 1
            case "done":
                rule.done -= 1
                rule.seconds -= job.took


def _mean(rule: RuleCount, otherwise: float) -> float:
    return rule.seconds / rule.done if rule.done else otherwise
