"""One run: Snakemake's jobs on one side, a backend and a journal on the other.

The scheduler's thread submits; a thread of the session hears of events, writes them to the journal,
and only when the disk has them tells Snakemake.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from snakemake_renku import places, recording
from snakemake_renku.backends.base import (
    Backend,
    BackendEvent,
    Closed,
    FilesHashed,
    JobEnded,
    JobPrinted,
    JobRuns,
    Lost,
    Returnable,
    Said,
)
from snakemake_renku.engine import facts
from snakemake_renku.engine.direct import DirectCommand, DirectRules
from snakemake_renku.engine.main import Host, available_cores
from snakemake_renku.engine.specs import job_spec, settle_resources
from snakemake_renku.errors import RenkuError
from snakemake_renku.journal import (
    Event,
    JobFinished,
    JobRejected,
    JobStarted,
    JobSubmitted,
    JournalWriter,
    Notice,
    Redactor,
    RunFinished,
    RunStarted,
    new_run_id,
)
from snakemake_renku.leftovers import end_leftovers
from snakemake_renku.local_jobs import LocalJobs
from snakemake_renku.model import Failure, JobRecord, JobSpec, RunEnd
from snakemake_renku.printing import Printer
from snakemake_renku.repeats import PLATFORM, Repeats, total_memory_mb
from snakemake_renku.settings import Settings, load_settings

_CHUNK = 16
"""So many jobs are prepared before the backend gets them: it need not wait for a long list."""

_CHUNK_ELSEWHERE = 1000
"""As many as one array takes."""

_TAIL = 8192
"""So many characters at most of what a job printed are kept in its record."""

_RESTARTS = 3
"""How often a lost backend is started again in one run."""


def open_session(executor: Any) -> Session:
    """Begin a run for Snakemake's executor.

    Raises:
        WorkflowError: a setting is wrong, or the journal or the backend cannot be opened; worded
            for the user, in the one class that Snakemake shows without a traceback.
    """
    host = Host(executor)
    try:
        given = executor.executor_settings
        settings = load_settings(
            Path.cwd(),
            backend=given.backend,
            start=given.start,
            enforce=given.enforce,
            record=given.record,
            detach=given.detach,
            escalate=given.escalate,
            slurm_client=given.slurm_client,
            dask=given.dask,
            dask_workers=given.dask_workers,
        )
        recording.check_before(host, settings)
        return Session(host, settings)
    except RenkuError as error:
        raise host.workflow_error(error) from error


class Session:
    """Runs and records the jobs of one start of Snakemake."""

    def __init__(self, host: Host, settings: Settings) -> None:
        self._host, self._settings = host, settings
        self._started = time.time()
        self.run = new_run_id(self._started)
        # Elsewhere, the cores of this machine limit nothing.
        here = settings.backend == "local"
        self._cores = host.limit_cores() if here else None
        self._redactor = Redactor(facts.secrets_of(host.workflow))
        leftovers = end_leftovers(Path.cwd())
        self._journal = JournalWriter(Path.cwd(), self.run, self._redactor)
        self._direct = DirectRules(host.workflow)
        self._active: dict[str, tuple[JobSpec, Any]] = {}
        self._recorded: dict[Any, str] = {}
        self._lock = threading.RLock()
        self._repeats = Repeats(host, settings.escalate)
        self._left = 0
        self._held: dict[str, threading.Event] = {}
        self._restarts = 0
        self._closed = self._cancelled = self._failed = False
        self._runner_cpu_s = 0.0
        self._printer = Printer()
        self._write([RunStarted(self._started, self._info())], sync=True)
        self._backend = self._open_backend()
        self._locals = LocalJobs(self.run, host, self._write, self._hash)
        self._thread = threading.Thread(target=self._listen, name="renku", daemon=True)
        self._thread.start()
        atexit.register(self.cancel)
        if leftovers:
            host.warn(
                f"The last run here was cut off; {leftovers} processes of its jobs still ran,"
                " and were ended."
            )
        for name in self._redactor.skipped:
            host.warn(
                f"The value of {name} is too short or too common to be kept out of the records."
            )

    # --- called by Snakemake's scheduler ----------------------------------------------------

    def submit(self, jobs: Sequence[Any]) -> None:
        """Take jobs that are ready."""
        # Elsewhere, jobs that come together also go together: an array costs what a job does.
        size = _CHUNK if self._settings.backend == "local" else _CHUNK_ELSEWHERE
        for chunk in _chunks(jobs, size):
            with self._lock:
                self._hand_over([spec for job in chunk if (spec := self._take(job)) is not None])

    def accepted(self, job: Any) -> None:
        """Note that Snakemake counts the job as done."""
        self._recorded.pop(job, None)

    def rejected(self, job: Any) -> None:
        """Note that Snakemake counts as failed what had ended well by itself."""
        job_id = self._recorded.pop(job, None)
        if job_id is not None:
            missing = self._host.missing_output(job)
            failure = (
                Failure("missing_output", f"It did not make: {', '.join(missing)}.")
                if missing
                else Failure("error", "Snakemake did not accept its output (see its message).")
            )
            self._write([JobRejected(time.time(), job_id, failure)], sync=True)

    def cancel(self) -> None:
        """End all jobs, and then the run."""
        # Snakemake cancels when it is interrupted, and when an error of its own ends the run.
        self._failed = isinstance(sys.exc_info()[1], Exception)
        self._cancelled = True
        if self._settings.detach and not self._failed and isinstance(self._backend, Returnable):
            if not self._closed:
                self._left = self._backend.leave()
                self._tell_of_left()
        else:
            self._backend.cancel()
        self.close()

    def close(self) -> None:
        """End the run once what runs has ended, and close the journal."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._locals.finish()
        self._backend.close()
        self._thread.join()
        self._finish_journal()

    def record(self) -> None:
        """Record the run that has been closed in git, if the settings want that.

        Raises:
            WorkflowError: that cannot be done; the journal is whole.
        """
        if not self._cancelled:
            recording.record_after(self._host, self._settings, self._journal.path)

    # --- submitting -------------------------------------------------------------------------

    def _take(self, job: Any, suffix: str = "") -> JobSpec | None:
        """Prepare a job, and make its spec; None if that failed (Snakemake has been told)."""
        try:
            overrides = self._repeats.overrides(job)
            here = places.is_here(job.resources, self._settings)
            settle_resources(job, here=here, overrides=overrides)
            if not suffix:
                self._host.announce(job)
            command = self._direct_command(job)
            spec = job_spec(
                job,
                run=self.run,
                suffix=suffix,
                mode="warm" if command is None else "direct",
                shell_command=None if command is None else command.command,
                shell_executable=None if command is None else command.executable,
                overrides=overrides,
            )
            taken_up = not suffix and self._take_up(spec, job)
            if not taken_up and command is not None:
                self._direct.prepare(job)
            if not suffix:
                self._host.submitted(job, spec.id)
            if taken_up:
                self._held.pop(spec.id).set()
                return None
        except Exception as error:
            self._host.failed_to_start(job, error)
            return None
        self._active[spec.id] = (spec, job)
        return spec

    def _take_up(self, spec: JobSpec, job: Any) -> bool:
        """Whether an earlier run left this very job; then it is gone on with, not begun again."""
        if not isinstance(self._backend, Returnable):
            return False
        self._active[spec.id] = (spec, job)
        # It may be over already: that is heard of only when the journal and Snakemake have it.
        self._held[spec.id] = threading.Event()
        unconfirmed = partial(self._host.is_unconfirmed, job)
        if not self._backend.reattach(spec, unconfirmed=unconfirmed):
            del self._active[spec.id], self._held[spec.id]
            return False
        now = time.time()
        told = Notice(now, "is taken up from an earlier run, which had left it.", spec.id)
        self._write([JobSubmitted(now, spec), told], sync=False)
        self._host.tell(f"Job {spec.jobid} (rule {spec.rule}) {told.message}")
        return True

    def _direct_command(self, job: Any) -> DirectCommand | None:
        if self._settings.start != "auto" or not self._direct.takes(job):
            return None
        return self._direct.command(job)

    def _hand_over(self, specs: Sequence[JobSpec]) -> None:
        now = time.time()
        if self._write([JobSubmitted(now, spec) for spec in specs], sync=False):
            self._backend.submit(specs)

    # --- events -----------------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            while (lost := self._hear(self._backend)) is not None and self._restart(lost):
                pass
        except Exception as error:
            self._host.abort(error)
        finally:
            self._locals.abandon()

    def _hear(self, backend: Backend) -> Lost | None:
        """Handle events in batches, as many as there are, until the stream ends."""
        queue: SimpleQueue[BackendEvent | None] = SimpleQueue()
        threading.Thread(
            target=_pump, args=(backend, queue), name="renku-events", daemon=True
        ).start()
        while True:
            batch = [queue.get()]
            while not queue.empty():
                batch.append(queue.get_nowait())
            events = [event for event in batch if event is not None]
            self._handle(events)
            lost = next((e for e in events if isinstance(e, Lost)), None)
            if lost is not None or batch[-1] is None:
                return lost

    def _handle(self, events: Sequence[BackendEvent]) -> None:
        for held in self._held_by(events):
            held.wait()
        lines = [line for event in events if (line := self._line(event)) is not None]
        ended = any(isinstance(line, JobFinished) for line in lines)
        if lines and not self._write(lines, sync=ended):
            return
        for event in events:
            self._pass_on(event)

    def _held_by(self, events: Sequence[BackendEvent]) -> list[threading.Event]:
        ids = (e.record.id if isinstance(e, JobEnded) else getattr(e, "id", None) for e in events)
        return [held for i in ids if i is not None and (held := self._held.get(i)) is not None]

    def _line(self, event: BackendEvent) -> Event | None:
        match event:
            case JobRuns():
                return JobStarted(event.time, event.id, event.pid, event.host)
            case JobEnded():
                return JobFinished(event.record.finished, self._with_short_tails(event.record))
            case Said():
                return Notice(time.time(), event.message, event.id)
        return None

    def _with_short_tails(self, record: JobRecord) -> JobRecord:
        if max(len(record.stdout_tail), len(record.stderr_tail)) <= _TAIL:
            return record
        return msgspec.structs.replace(
            record,
            stdout_tail=self._redactor.tail(record.stdout_tail, _TAIL),
            stderr_tail=self._redactor.tail(record.stderr_tail, _TAIL),
        )

    def _pass_on(self, event: BackendEvent) -> None:
        match event:
            case JobPrinted():
                self._printer.write(event.id, event.stream, event.data)
            case JobEnded():
                self._printer.end(event.record.id)
                self._ended(event.record)
            case Said():
                self._tell(event)
            case Closed():
                self._runner_cpu_s += event.cpu_s
            case FilesHashed():
                self._locals.hashed(event)

    def _ended(self, record: JobRecord) -> None:
        spec, job = self._active.pop(record.id)
        if record.ok:
            self._recorded[job] = record.id
            self._host.succeeded(job)
        elif record.failure is not None and record.failure.kind in PLATFORM:
            self._try_again([(spec, job)], record.failure)
        elif not self._try_with_more(spec, job, record):
            self._host.failed(job, spec, record, by_us=self._cancelled)

    @property
    def _goes_on(self) -> bool:
        return not (self._closed or self._cancelled)

    def _try_again(self, stranded: Sequence[tuple[JobSpec, Any]], failure: Failure) -> None:
        """Repeat jobs after a fault of the platform."""
        self._repeat(self._repeats.after_fault(stranded, failure, may=self._goes_on))

    def _try_with_more(self, spec: JobSpec, job: Any, record: JobRecord) -> bool:
        """Repeat a job that had too little memory or time with more, if that is wanted."""
        if not self._goes_on or record.failure is None:
            return False
        backend = self._backend
        most = backend.most(spec) if isinstance(backend, Returnable) else (total_memory_mb(), None)
        if not self._repeats.with_more(spec, job, record.failure, most):
            return False
        self._repeat([job])
        return True

    def _repeat(self, jobs: Sequence[Any]) -> None:
        with self._lock:
            suffixes = ((job, self._repeats.suffix(job)) for job in jobs)
            self._hand_over([s for job, suffix in suffixes if (s := self._take(job, suffix))])

    def _tell(self, event: Said) -> None:
        active = self._active.get(event.id) if event.id is not None else None
        if active is None:
            self._host.warn(event.message)
        else:
            spec = active[0]
            self._host.warn(f"Job {spec.jobid} (rule {spec.rule}) {event.message}.")

    def _restart(self, lost: Lost) -> bool:
        """After a loss of the backend: start another, and give it the jobs again."""
        with self._lock:
            stranded = list(self._active.values())
            self._active.clear()
            lines = [JobRecord.lost(spec, lost.message, time.time()) for spec, _ in stranded]
            events = [JobFinished(record.finished, record) for record in lines]
            if not self._write([*events, Notice(time.time(), lost.message)], sync=True):
                return False
            self._restarts += 1
            if self._closed or self._cancelled or self._restarts > _RESTARTS:
                for spec, job in stranded:
                    self._host.failed(job, spec, JobRecord.lost(spec, lost.message, time.time()))
                return False
            self._backend = self._open_backend()
            self._locals.ask_again()
            self._try_again(stranded, Failure("node_lost", lost.message))
        return True

    # --- the journal and the backend --------------------------------------------------------

    def _write(self, events: Sequence[Event], sync: bool) -> bool:
        """Append to the journal; where that fails the run ends, since nothing runs unrecorded."""
        try:
            self._journal.append(events, sync=sync)
        except RenkuError as error:
            self._cancelled = True
            if hasattr(self, "_backend"):
                self._backend.cancel()
                self._host.abort(error)
                return False
            raise
        return True

    def _finish_journal(self) -> None:
        interrupted = self._cancelled and not self._failed
        status = "failed" if self._failed else self._host.status(interrupted=interrupted)
        with contextlib.suppress(RenkuError):
            now = time.time()
            left = f"{self._left} jobs were left running." if self._left else None
            end = RunEnd(now, status, left, runner_cpu_s=self._runner_cpu_s)
            self._journal.append([RunFinished(now, end)], sync=True)
        self._journal.close()
        atexit.unregister(self.cancel)

    def _open_backend(self) -> Backend:
        configure = self._host.configure(
            self._settings,
            run=self.run,
            run_started=facts.process_started(),
            cores=self._cores or available_cores(),
        )
        stored = partial(self._host.stored_snapshot, configure.cores)
        return places.open_backend(self._settings, configure, stored)

    def _tell_of_left(self) -> None:
        if self._left:
            one = self._left == 1
            jobs, them = ("A job goes", "it") if one else (f"{self._left} jobs go", "them")
            self._host.warn(
                f"{jobs} on in Slurm, and the next Snakemake here takes {them} up again."
                f" To end {them}: scancel --name={self.run}"
            )

    def _hash(self, token: int, spec: JobSpec) -> None:
        step = spec.steps[0]
        self._backend.hash_files(token, step.input, step.output)

    def _info(self) -> Any:
        return self._host.run_info(
            run=self.run, started=self._started, backend=self._settings.backend, cores=self._cores
        )


def _pump(backend: Backend, queue: SimpleQueue[BackendEvent | None]) -> None:
    """Move events out of the event loop, in which Snakemake's own code could not be called."""

    async def move() -> None:
        async for event in backend.events():
            queue.put(event)

    try:
        asyncio.run(move())
    finally:
        queue.put(None)


def _chunks(jobs: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(jobs), size):
        yield jobs[start : start + size]
