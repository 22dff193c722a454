"""The supervisor: runs the jobs of one Snakemake on this machine, several at a time.

One process with one event loop and no threads. It starts a shell (direct), asks the warm server for
a fork (warm), or starts Python anew (cold); watches memory and time; hashes what goes in and comes
out; and gives a record of each.
"""

from __future__ import annotations

import heapq
import itertools
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import msgspec

from snakemake_renku.errors import DigestError, RenkuError
from snakemake_renku.model import FileRef, FileSpec, ResolvedEnvironment
from snakemake_renku.runner.cgroup_support import find_cgroups
from snakemake_renku.runner.digest_cache import DigestCache
from snakemake_renku.runner.execution import Executions, start_problem
from snakemake_renku.runner.hashing import Found, Hashing, Request
from snakemake_renku.runner.helper import Helpers
from snakemake_renku.runner.images import Environments
from snakemake_renku.runner.life import Job
from snakemake_renku.runner.limits import Judge, Limits
from snakemake_renku.runner.loop import Loop
from snakemake_renku.runner.nested_starts import NestedHooks, NestedStarts
from snakemake_renku.runner.wire import (
    Cancel,
    Close,
    Configure,
    Done,
    Finished,
    Hash,
    Hashed,
    News,
    Order,
    Output,
    Started,
    Submit,
    Told,
)

_PATIENCE = 50
"""How often a job that needs many cores is passed over by smaller ones before they wait for it."""

_FLUSH_EVERY_S = 5.0


class Supervisor:
    """Takes orders by :meth:`obey`, and gives news to ``report``."""

    def __init__(self, report: Callable[[News], None]) -> None:
        self._report = report
        self._settings: Configure | None = None
        self._jobs: dict[str, Job] = {}
        self._queue: list[tuple[int, int, Job]] = []
        self._number = itertools.count()
        self._free = 0
        self.loop = Loop()
        self._helpers = Helpers(self.loop)
        self._hashing = Hashing(self._helpers, DigestCache(None))
        self._environments = Environments(self._helpers)
        self._executions = Executions(self.loop, self._printed, self._tell, self._ended)
        self._nested = NestedStarts(
            self.loop,
            self._executions,
            NestedHooks(self._running, self._start, self._give_up, self._say),
        )
        self._closing = False
        self._flushed = time.monotonic()

    def serve(self) -> None:
        """Do what was and will be ordered, until that is over."""
        signal.signal(signal.SIGTERM, lambda *_: self.end_all())
        self.loop.on_tick(self._flush)
        while not (self._closing and not self._jobs and not self._helpers.busy):
            self.loop.turn()
        self._nested.close()
        self._hashing.cache.flush()
        used = (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN))
        self._report(Done(sum(each.ru_utime + each.ru_stime for each in used)))

    def obey(self, order: Order) -> None:
        """Take an order."""
        match order:
            case Configure():
                self._configure(order)
            case Submit():
                for spec in order.specs:
                    limits = Limits.of(spec, enforce=self._config.enforce)
                    job = Job(spec, Judge(limits), max(1, min(spec.threads, self._config.cores)))
                    self._jobs[spec.id] = job
                    heapq.heappush(self._queue, (-spec.priority, next(self._number), job))
                self._schedule()
            case Cancel():
                for job_id in tuple(self._jobs) if order.ids is None else order.ids:
                    self._cancel(job_id)
            case Hash():
                self._hash(order)
            case Close():
                self._closing = True

    @property
    def _config(self) -> Configure:
        assert self._settings is not None
        return self._settings

    def _configure(self, order: Configure) -> None:
        self._settings = order
        self._free = order.cores
        folder = order.digests or Path(order.workdir) / ".snakemake" / "renku"
        self._hashing.cache = DigestCache(folder)
        self._environments.run_started = order.run_started
        if order.enforce and order.kernel_limits:
            support = find_cgroups()
            self._executions.cgroups = support
            support.sweep()
            if not support:
                self._say(
                    "Limits on memory are kept by looking at the jobs a few times a second, not by"
                    f" the kernel ({support.reason})."
                )
        self._nested.configure(order)

    def end_all(self) -> None:
        """End all jobs, and take no more."""
        self._closing = True
        for job_id in tuple(self._jobs):
            self._cancel(job_id)

    def _say(self, message: str) -> None:
        self._report(Told(message))

    def _tell(self, job: Job, message: str) -> None:
        self._report(Told(message, job.spec.id))

    def _printed(self, job: Job, stream: int, data: bytes) -> None:
        self._report(Output(job.spec.id, stream, data))

    def _hash(self, order: Hash) -> None:
        requests = [Request("input", order.input), Request("output", order.output)]

        def answer(found: Found, error: DigestError | None) -> None:
            inputs, outputs = found or ((), ())
            problem = None if error is None else str(error)
            self._report(Hashed(order.token, inputs, outputs, problem))

        self._hashing.files(requests, answer)

    def _flush(self) -> float | None:
        now = time.monotonic()
        if now - self._flushed >= _FLUSH_EVERY_S:
            self._flushed = now
            self._hashing.cache.flush()
        return self._flushed + _FLUSH_EVERY_S - now if self._jobs else None

    # --- the way of a job -------------------------------------------------------------------

    def _schedule(self) -> None:
        passed: list[tuple[int, int, Job]] = []
        while self._queue and self._free > 0:
            entry = heapq.heappop(self._queue)
            job = entry[2]
            if job.stage == "done":
                continue
            if job.cores <= self._free:
                self._begin(job)
                continue
            passed.append(entry)
            job.passed_over += 1
            if job.passed_over > _PATIENCE:
                break
        for entry in passed:
            heapq.heappush(self._queue, entry)

    def _begin(self, job: Job) -> None:
        self._free -= job.cores
        job.stage = "hashing_input"
        made_here = {f.path for step in job.spec.steps for f in step.output}
        requests = [
            Request("input", tuple(f for f in step.input if f.path not in made_here))
            for step in job.spec.steps
        ]
        self._hashing.files(requests, partial(self._input_hashed, job))

    def _input_hashed(self, job: Job, found: Found, error: DigestError | None) -> None:
        job.inputs = found
        if job.cancelled:
            self._finish(job)
        elif error is not None:
            self._give_up(job, f"An input of the job cannot be recorded. {error}")
        else:
            self._start(job)

    def _start(self, job: Job) -> None:
        job.stage = "running"
        try:
            if job.spec.mode == "direct":
                self._executions.spawn(job)
                self._running(job)
            else:
                self._nested.start(job)
        except (OSError, RenkuError) as error:
            self._executions.close_streams(job)
            self._give_up(job, start_problem(error))

    def _running(self, job: Job) -> None:
        """The job has a process."""
        self._report(Started(job.spec.id, job.pid, job.started))
        if job.cancelled:
            self._executions.terminate(job)

    def _ended(self, job: Job) -> None:
        """The job's process is gone."""
        if not job.ended_well:
            self._finish(job)
            return
        job.stage = "hashing_output"
        requests = [
            Request("output", (*step.output, *_if_any(step.benchmark), *step.log))
            for step in job.spec.steps
        ]
        self._hashing.files(requests, partial(self._output_hashed, job))

    def _output_hashed(self, job: Job, found: Found, error: DigestError | None) -> None:
        if error is not None:
            self._give_up(job, f"An output of the job cannot be recorded. {error}")
            return
        job.outputs = tuple(
            roles_given(refs, step.benchmark, step.log)
            for refs, step in zip(found, job.spec.steps, strict=True)
        )
        self._environments.resolve(
            [step.environment for step in job.spec.steps], partial(self._resolved, job)
        )

    def _resolved(self, job: Job, environments: tuple[ResolvedEnvironment, ...]) -> None:
        job.environments = environments
        self._finish(job)

    def _give_up(self, job: Job, problem: str) -> None:
        job.problem = problem
        self._finish(job)

    def _finish(self, job: Job) -> None:
        was = job.stage
        if was == "done":
            return
        job.stage = "done"
        del self._jobs[job.spec.id]
        self._report(Finished(job.record()))
        if was != "queued":
            self._free += job.cores
            self._schedule()

    def _cancel(self, job_id: str) -> None:
        job = self._jobs.get(job_id)
        if job is None:
            return
        job.cancelled = True
        if job.stage == "queued" or self._nested.forget(job):
            self._finish(job)
        elif job.stage == "running":
            self._executions.terminate(job)


def roles_given(
    refs: tuple[FileRef, ...], benchmark: str | None, logs: tuple[FileSpec, ...]
) -> tuple[FileRef, ...]:
    """The found files of a step, each with its role; logs that are not there are left out."""
    log_paths = {log.path for log in logs}
    given = []
    for ref in refs:
        if ref.path in log_paths:
            if ref.kind != "missing":
                given.append(msgspec.structs.replace(ref, role="log"))
        elif ref.path == benchmark:
            given.append(msgspec.structs.replace(ref, role="benchmark"))
        else:
            given.append(ref)
    return tuple(given)


def _if_any(path: str | None) -> tuple[FileSpec, ...]:
    return () if path is None else (FileSpec(path),)
