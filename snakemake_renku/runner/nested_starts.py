"""Jobs that need Snakemake beside them: forks of the warm server, or starts of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from snakemake_renku.runner.execution import REPORT, Executions
from snakemake_renku.runner.life import Job
from snakemake_renku.runner.loop import Loop
from snakemake_renku.runner.spawn import spawn_cold
from snakemake_renku.runner.warm import WarmLink
from snakemake_renku.runner.wire import Configure, Exited, Fork, Forked, Parsed, ServerNews


@dataclass(frozen=True)
class NestedHooks:
    """What the supervisor is told: a job runs, is to start now, cannot start; words for users."""

    running: Callable[[Job], None]
    start: Callable[[Job], None]
    give_up: Callable[[Job, str], None]
    say: Callable[[str], None]


class NestedStarts:
    """Starts such jobs, with one warm server for all of them where that can be."""

    def __init__(self, loop: Loop, executions: Executions, hooks: NestedHooks) -> None:
        self._loop, self._executions, self._hooks = loop, executions, hooks
        self._settings: Configure | None = None
        self._warm: WarmLink | None = None
        self._cold_because: str | None = None
        self._waiting: list[Job] = []
        self._asked: dict[str, Job] = {}
        """Jobs for which a warm server has been asked for a fork, until they end."""
        self._closed = self._told_stale = False

    def configure(self, order: Configure) -> None:
        """Take the settings of the run; start the warm server if it is sure to be needed."""
        self._settings = order
        if order.snapshot is None:
            self._cold_because = order.no_snapshot
        elif order.cold:
            self._cold_because = "that was asked for"
        elif order.warm:
            self._start_warm()

    def start(self, job: Job) -> None:
        """Start a job, now or as soon as the warm server is ready.

        Raises:
            OSError, RenkuError: it cannot be started.
        """
        if self._warm is not None and not self._told_stale and self._warm.is_stale():
            # Snakemake pins its sources for the time of a run as well, by a copy of each.
            self._told_stale = True
            self._hooks.say(
                "The workflow's sources changed while it runs; this run goes on with what it read"
                " at its start."
            )
        if self._warm is None and self._cold_because is None:
            self._start_warm()
        if self._warm is None:
            self._start_cold(job)
        elif self._warm.ready:
            self._fork(job, self._warm)
        else:
            self._waiting.append(job)

    def forget(self, job: Job) -> bool:
        """Take back a job that still waits; False if it does not."""
        if job not in self._waiting:
            return False
        self._waiting.remove(job)
        return True

    def close(self) -> None:
        """End the warm server."""
        self._closed = True
        if self._warm is not None:
            self._warm.close()

    @property
    def _config(self) -> Configure:
        assert self._settings is not None
        return self._settings

    def _start_warm(self) -> None:
        assert self._config.snapshot is not None
        self._warm = WarmLink(self._loop, self._config.snapshot, self._heard, self._lost)

    def _fork(self, job: Job, warm: WarmLink) -> None:
        procs = self._executions.enter_cgroup(job)
        fds = (*self._executions.pipes(job), self._executions.pipe(job, REPORT))
        try:
            warm.fork(self._order(job, procs), fds)
        finally:
            for fd in fds:
                os.close(fd)
        job.server = warm.pid
        self._asked[job.spec.id] = job

    def _start_cold(self, job: Job) -> None:
        if self._config.snapshot is None:
            problem = f"The job cannot be run beside Snakemake: {self._cold_because}."
            self._hooks.give_up(job, problem)
            return
        procs = self._executions.enter_cgroup(job)
        fds = (*self._executions.pipes(job), self._executions.pipe(job, REPORT))
        try:
            pid = spawn_cold(self._order(job, procs), self._config.snapshot, *fds)
        finally:
            for fd in fds:
                os.close(fd)
        job.spec = msgspec.structs.replace(job.spec, mode="cold")
        job.starting = True
        self._executions.adopt(job, pid)
        self._loop.on_exit(pid, partial(self._executions.exited, pid))
        self._hooks.running(job)

    def _order(self, job: Job, procs: str | None) -> Fork:
        spec = job.spec
        return Fork(
            id=spec.id,
            run=spec.run,
            marker=spec.marker,
            jobs=tuple((step.rule, step.wildcards) for step in spec.steps),
            attempt=spec.attempt,
            cores=self._config.cores if spec.group is None else job.cores,
            group_id=None if spec.group is None else spec.jobid,
            unneeded_temp_files=spec.unneeded_temp_files,
            cgroup_procs=procs,
            python=any(step.kind == "run" for step in spec.steps),
            overrides=spec.overrides,
        )

    def _heard(self, warm: WarmLink, news: ServerNews) -> None:
        match news:
            case Parsed():
                if news.problem is not None:
                    self._cold_because = news.problem
                    self._hooks.say(
                        f"Each job that needs Snakemake is started cold, since {news.problem}."
                    )
                    self._drop(warm)
                self._start_waiting()
            case Forked():
                job = self._asked[news.id]
                self._executions.adopt(job, news.pid, news.rss)
                self._hooks.running(job)
            case Exited():
                self._asked = {i: j for i, j in self._asked.items() if j.pid != news.pid}
                self._executions.exited(news.pid, news.status, news)

    def _drop(self, warm: WarmLink) -> None:
        warm.close()
        if self._warm is warm:
            self._warm = None

    def _start_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for job in waiting:
            self._hooks.start(job)

    def _lost(self, warm: WarmLink) -> None:
        """The warm server died: its children die with it, and nobody waits for them."""
        self._drop(warm)
        if self._closed:
            return
        for job in [j for j in self._asked.values() if j.server == warm.pid]:
            del self._asked[job.spec.id]
            job.lost = "The warm server beside the job ended unexpectedly (was it killed?)."
            self._executions.abandon(job)
        self._start_waiting()
