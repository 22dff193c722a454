"""Recorded jobs, executed by a backend, and written into a journal of their own."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from snakemake_renku.backends.base import (
    Backend,
    BackendEvent,
    Closed,
    JobEnded,
    JobRuns,
    Lost,
    Said,
)
from snakemake_renku.journal import (
    Event,
    JobFinished,
    JobStarted,
    JobSubmitted,
    JournalWriter,
    Notice,
    RunFinished,
)
from snakemake_renku.model import Failure, JobRecord, JobSpec, RunEnd, RunStatus
from snakemake_renku.replay.execute.executed import Began, Ended, Executed, Listener, Told
from snakemake_renku.replay.execute.jobs import Jobs, made_up_record
from snakemake_renku.replay.execute.stream import Stream
from snakemake_renku.replay.execute.walk import Walk
from snakemake_renku.replay.execute.workspace import Workspace

_RESTARTS = 3
"""How often a job, or the backend, is started again after a fault of the platform."""

_UNREADABLE = "The workflow could not be parsed again"
"""How the failure of a cold start begins that did not get as far as its job."""


class Runner:
    """Executes jobs once, in their order, as many at a time as the backend has cores for."""

    def __init__(
        self,
        jobs: Jobs,
        workspace: Workspace,
        open_backend: Callable[[], Backend],
        journal: JournalWriter,
        listener: Listener,
        host: str,
    ) -> None:
        self._jobs, self._workspace, self._journal = jobs, workspace, journal
        self._open_backend, self._listener, self._host = open_backend, listener, host
        self._walk = Walk(list(jobs.by_id), jobs.parents, jobs.after())
        self._stream: Stream | None = None
        self._executed: dict[str, Executed] = {}
        self._attempts: dict[str, str] = {}
        """Of each attempt that was submitted, the recorded job; both by their ids."""
        self._submitted: set[str] = set()
        """The attempts in the backend's hands."""
        self._faults: Counter[str] = Counter()
        self._losses = 0
        self._gone: Failure | None = None
        """Why nothing more can be executed, once no backend is left."""
        self._unreadable: Failure | None = None
        """Why no job that needs the workflow itself can be executed, once that is known."""
        self._cpu_s = 0.0

    def run(self) -> Mapping[str, Executed]:
        """Execute all; what became of each, by its recorded id.

        Raises:
            RenkuError: the journal cannot be written, or the backend not be started.
            KeyboardInterrupt: after all jobs have been ended.
        """
        status: RunStatus = "interrupted"
        try:
            self._execute_all()
            ok = all(executed.ok for executed in self._executed.values())
            status = "success" if ok else "failed"
        except Exception:
            status = "failed"
            raise
        finally:
            self._close(status)
        return self._executed

    def _execute_all(self) -> None:
        self._stream = Stream(self._open_backend())
        self._submit_ready()
        while self._stream is not None and not self._walk.over:
            for event in self._stream.wait():
                self._handle(event)
            self._submit_ready()

    def _handle(self, event: BackendEvent) -> None:
        match event:
            case JobRuns():
                self._began(event)
            case JobEnded():
                self._ended(event.record)
            case Said():
                self._told(event)
            case Closed():
                self._cpu_s += event.cpu_s
            case Lost():
                self._lost(event.message)

    def _lost(self, message: str) -> None:
        """Start another backend, and give it the jobs again that the lost one had."""
        self._write(Notice(time.time(), message))
        stranded, self._submitted = self._submitted, set()
        failure = Failure("node_lost", message)
        self._losses += 1
        self._stream = None
        if self._losses > _RESTARTS:
            self._gone = failure
        else:
            self._stream = Stream(self._open_backend())
        for attempt in stranded:
            spec = replace(self._spec(attempt), id=attempt)
            self._settle_or_repeat(made_up_record(spec, self._host, failure))

    def _close(self, status: RunStatus) -> None:
        """End what still runs, and then the journal."""
        try:
            if self._stream is not None:
                if not self._walk.over:
                    self._stream.backend.cancel()
                self._stream.backend.close()
                for event in self._stream.rest():
                    self._last_words(event)
        finally:
            now = time.time()
            end = RunEnd(now, status, runner_cpu_s=self._cpu_s)
            with contextlib.suppress(Exception):
                self._journal.append([RunFinished(now, end)], sync=True)
            self._journal.close()

    def _last_words(self, event: BackendEvent) -> None:
        match event:
            case Closed():
                self._cpu_s += event.cpu_s
            case JobEnded():
                with contextlib.suppress(Exception):
                    self._write(JobFinished(event.record.finished, event.record))

    # --- jobs that may start ----------------------------------------------------------------

    def _submit_ready(self) -> None:
        specs: list[JobSpec] = []
        for id, bad in self._walk.take():
            spec = self._jobs.by_id[id].spec
            settled = self._without_executing(id, spec, bad)
            if settled is None:
                specs.append(spec)
            else:
                self._settle(id, settled)
        self._submit({spec.id: spec for spec in specs})

    def _without_executing(self, id: str, spec: JobSpec, bad: str | None) -> Executed | None:
        """What becomes of a job that is not executed; None if it is to be."""
        problem = self._jobs.by_id[id].problem or (bad and self._because_of(id, bad))
        if problem:
            return Executed(not_replayable=problem)
        if spec.mode == "snakemake":
            record = made_up_record(spec, self._host)
            self._write(JobSubmitted(record.started, spec), JobFinished(record.finished, record))
            return Executed(record)
        failure = self._gone or (self._unreadable if spec.mode == "warm" else None)
        if failure is not None:
            return Executed(made_up_record(spec, self._host, failure))
        problem = self._prepare(id, spec)
        return None if problem is None else Executed(not_replayable=problem)

    def _prepare(self, id: str, spec: JobSpec) -> str | None:
        """Look for the inputs of a job, and make its folders; what stands against it."""
        missing = self._workspace.missing_inputs(spec)
        if missing:
            return f"input {missing[0]} is not there ({self._why_missing(id, missing[0])})"
        try:
            self._workspace.make_folders(spec)
        except OSError as error:
            return f"the folders of its outputs cannot be made: {error}"
        return None

    def _submit(self, specs: Mapping[str, JobSpec]) -> None:
        """Hand attempts over, each under the id of the recorded job."""
        if specs and self._stream is not None:
            now = time.time()
            self._attempts.update({spec.id: id for id, spec in specs.items()})
            self._submitted.update(spec.id for spec in specs.values())
            self._write(*(JobSubmitted(now, spec) for spec in specs.values()))
            self._stream.backend.submit(tuple(specs.values()))

    def _because_of(self, id: str, parent: str) -> str:
        what = "failed" if self._executed[parent].record is not None else "could not be replayed"
        path = self._jobs.made_by(id, parent)
        return f"its input {path} was not made, because {self._jobs.named(parent)} {what}"

    def _why_missing(self, id: str, path: str) -> str:
        return self._jobs.why_missing(id, path) or self._workspace.why_missing(path)

    # --- jobs that run ----------------------------------------------------------------------

    def _began(self, event: JobRuns) -> None:
        self._write(JobStarted(event.time, event.id, event.pid, event.host))
        spec = self._spec(event.id)
        wildcards = spec.steps[0].wildcards if spec.group is None else {}
        self._listener(Began(spec.id, spec.rule, dict(wildcards), event.time))

    def _ended(self, record: JobRecord) -> None:
        self._submitted.remove(record.id)
        spec = self._spec(record.id)
        if record.ok and (missing := self._workspace.missing_outputs(spec)):
            failure = Failure("missing_output", f"It did not make: {', '.join(missing)}.")
            record = replace(record, failure=failure)
        if record.failure is not None and spec.mode == "warm":
            record = replace(record, failure=self._why(record.failure))
        self._settle_or_repeat(record)

    def _why(self, failure: Failure) -> Failure:
        """Once a workflow did not parse for one job, spare all others the same attempt."""
        if self._unreadable is None and failure.message.startswith(_UNREADABLE):
            self._unreadable = failure
            if self._stream is not None:
                waiting = (id for id in self._submitted if self._spec(id).mode == "warm")
                self._stream.backend.cancel(tuple(waiting))
        elif self._unreadable is not None and failure.kind == "cancelled":
            return self._unreadable
        return failure

    def _settle_or_repeat(self, record: JobRecord) -> None:
        """A fault of the platform is no fault of the job, which is tried again a few times."""
        self._write(JobFinished(record.finished, record))
        id = self._attempts[record.id]
        if record.failure is not None and record.failure.kind == "node_lost":
            self._faults[id] += 1
            if self._stream is not None and self._faults[id] <= _RESTARTS:
                spec = self._jobs.by_id[id].spec
                self._workspace.clear([spec])
                self._submit({id: replace(spec, id=f"{id}+{self._faults[id]}")})
                return
        self._settle(id, Executed(record))

    def _settle(self, id: str, executed: Executed) -> None:
        self._executed[id] = executed
        self._walk.settle(id, ok=executed.ok)
        now = time.time()
        if executed.not_replayable is not None:
            words = f"{self._jobs.named(id)} was not executed: {executed.not_replayable}."
            self._write(Notice(now, words[0].upper() + words[1:]))
        self._listener(Ended(id, self._jobs.by_id[id].spec.rule, executed, now))

    def _told(self, event: Said) -> None:
        self._write(Notice(time.time(), event.message, event.id))
        self._listener(Told(event.message, event.id and self._attempts.get(event.id)))

    def _spec(self, attempt: str) -> JobSpec:
        return self._jobs.by_id[self._attempts[attempt]].spec

    def _write(self, *events: Event) -> None:
        # Not forced to disk: what is lost with the machine can be replayed again.
        self._journal.append(events, sync=False)
