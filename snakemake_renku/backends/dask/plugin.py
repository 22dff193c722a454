"""On a worker of dask: one supervisor, which runs the jobs that come as tasks.

Imported by workers, which may be on other machines.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import msgspec
from distributed import Status, Worker, WorkerPlugin

from snakemake_renku import __version__
from snakemake_renku.backends.base import (
    BackendEvent,
    Closed,
    FilesHashed,
    JobEnded,
    JobPrinted,
    JobRuns,
    Lost,
    Said,
)
from snakemake_renku.backends.dask import claims
from snakemake_renku.backends.dask.talk import CORES, MEMORY, Batch, machine_mb
from snakemake_renku.backends.local import LocalBackend
from snakemake_renku.errors import BackendUnavailable, RenkuError
from snakemake_renku.model import Failure, FailureKind, JobRecord, JobSpec
from snakemake_renku.runner.wire import (
    Configure,
    Done,
    Finished,
    News,
    Output,
    Started,
    Told,
)

_SHOWN = 65_536
"""So many bytes at most of what one job prints pass through the scheduler."""

_DELAY_S = 0.02
"""So long news that no one waits for may be held back, to travel with others."""

_ENOUGH = 16
"""So many pieces of news are sent on without delay."""

_LAST_WORDS_S = 2.0


class JobRunner(WorkerPlugin):  # type: ignore[misc]
    """Starts a supervisor when the first job comes, and ends it after ``linger_s`` without any.

    ``configure`` is an encoded :class:`Configure`, whose cores become those of the worker;
    ``folder`` the folder of claims; ``topic`` names the run in dask's events.
    """

    def __init__(self, configure: bytes, folder: str, topic: str, linger_s: float) -> None:
        self.name = topic
        self._configure, self._folder, self._topic = configure, folder, topic
        self._linger_s = linger_s
        self._version = __version__

    # --- called by dask ---------------------------------------------------------------------

    async def setup(self, worker: Worker) -> None:
        """Tell the scheduler how much fits on this worker."""
        self._worker: Any = worker
        self._host = os.environ.get("SLURMD_NODENAME") or os.uname().nodename
        self._backend: LocalBackend | None = None
        self._listening: asyncio.Task[None] | None = None
        self._waiting: dict[str, tuple[JobSpec, asyncio.Future[None]]] = {}
        self._ids: dict[str, str] = {}
        self._cancelled: set[str] = set()
        self._printed: dict[str, int] = {}
        self._news: list[News] = []
        self._sending: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._cpu_s = time.process_time()
        self._leaving = False
        await self._declare()

    def transition(self, key: Any, start: str, finish: str, **_: Any) -> None:
        """End a job whose task was released: it was cancelled, or its client is gone."""
        if start == "executing" and finish in ("released", "cancelled") and key in self._ids:
            self.cancel([self._ids[key]])

    async def teardown(self, worker: Worker) -> None:
        """End the supervisor and what it runs."""
        self._leaving = True
        if self._backend is not None:
            self._backend.cancel()
            self._backend.close()
            if self._listening is not None:
                await asyncio.wait([self._listening], timeout=_LAST_WORDS_S)
        self._publish(Done(time.process_time() - self._cpu_s))
        self._send()

    # --- called by tasks --------------------------------------------------------------------

    async def run(self, key: str, claim: str, spec: JobSpec) -> None:
        """Run a job to its end, unless it was begun before; its record goes out as news."""
        try:
            if not claims.take(self._folder, claim):
                return
            if spec.id in self._cancelled:
                self._end(spec, "cancelled", "It was cancelled.")
                return
            backend = self._supervisor()
        except OSError as error:
            self._end(
                spec,
                "launch_failed",
                f"Worker {self._worker.address} on {self._host} cannot write to {self._folder}"
                f" ({error.strerror}). The working directory must be the same on all machines.",
            )
            return
        except RenkuError as error:
            self._end(spec, "launch_failed", f"{error} This was on {self._host}.")
            return
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[spec.id], self._ids[key] = (spec, ended), spec.id
        try:
            backend.submit([spec])
            await asyncio.shield(ended)
        finally:
            self._ids.pop(key, None)

    def cancel(self, ids: list[str]) -> list[str]:
        """End these jobs, now or when they come; gives those that are here."""
        here = [job for job in ids if job in self._waiting]
        self._cancelled.update(ids)
        if here and self._backend is not None:
            self._backend.cancel(here)
        return here

    # --- the supervisor ---------------------------------------------------------------------

    def _supervisor(self) -> LocalBackend:
        if self._version != __version__:
            raise BackendUnavailable(
                f"The worker has snakemake-renku {__version__}, and the run {self._version}.",
                remedy="Install the same version in the Python of the workers.",
            )
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if self._backend is None:
            configure = msgspec.msgpack.decode(self._configure, type=Configure)
            configure.cores = self._worker.state.nthreads
            self._backend = LocalBackend(configure)
            self._listening = asyncio.create_task(self._listen(self._backend))
        return self._backend

    async def _listen(self, backend: LocalBackend) -> None:
        try:
            async for event in backend.events():
                self._hear(event)
        except asyncio.CancelledError:
            # The worker ends without a word (a signal): so must what it runs.
            backend.cancel()
            backend.close()
            raise
        finally:
            if self._backend is backend:
                self._backend = None
            # Whatever ended it, no job may be left to be waited for.
            self._lose("The supervisor of the jobs ended.")
            self._send()

    def _hear(self, event: BackendEvent) -> None:
        match event:
            case JobRuns():
                self._publish(Started(event.id, event.pid, event.time))
            case JobPrinted():
                self._show(event)
            case JobEnded():
                self._publish(Finished(self._as_it_was(event.record)))
                self._ended(event.record.id)
            case Said():
                self._publish(Told(event.message, event.id))
            case Closed():
                self._publish(Done(event.cpu_s))
            case Lost():
                self._lose(event.message)
            case FilesHashed():
                pass

    def _as_it_was(self, record: JobRecord) -> JobRecord:
        """The record of a job; one that ended because this worker does was not cancelled."""
        failure = record.failure
        if failure is None or failure.kind != "cancelled" or record.id in self._cancelled:
            return record
        lost = Failure("node_lost", f"The worker on {self._host} ended.")
        return msgspec.structs.replace(record, failure=lost) if self._leaving else record

    def _lose(self, message: str) -> None:
        for spec, _ in tuple(self._waiting.values()):
            where = f"{message} This was on {self._host}."
            self._publish(Finished(JobRecord.lost(spec, where, time.time())))
            self._ended(spec.id)

    def _end(self, spec: JobSpec, kind: FailureKind, message: str) -> None:
        """The end of a job that was not started."""
        record = JobRecord.lost(spec, message, time.time())
        failure = Failure(kind, message)
        self._publish(Finished(msgspec.structs.replace(record, host=self._host, failure=failure)))
        self._send()

    def _ended(self, job: str) -> None:
        self._send()
        self._printed.pop(job, None)
        _, ended = self._waiting.pop(job)
        if not ended.done():
            ended.set_result(None)
        if not self._waiting:
            self._ending = asyncio.get_running_loop().call_later(self._linger_s, self._rest)

    def _rest(self) -> None:
        """Nothing came for a while: end the supervisor, until something comes."""
        if self._backend is not None and not self._waiting:
            self._backend.close()
            self._backend = None

    # --- news -------------------------------------------------------------------------------

    def _show(self, event: JobPrinted) -> None:
        before = self._printed.get(event.id, 0)
        after = self._printed[event.id] = before + len(event.data)
        if before < _SHOWN:
            self._publish(Output(event.id, event.stream, event.data[: _SHOWN - before]))
        if before <= _SHOWN < after:
            words = "prints much; only its last lines are kept from here on"
            self._publish(Told(words, event.id))

    def _publish(self, news: News) -> None:
        self._news.append(news)
        if len(self._news) >= _ENOUGH:
            self._send()
        elif self._sending is None:
            self._sending = asyncio.get_running_loop().call_later(_DELAY_S, self._send)

    def _send(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        if self._news:
            batch = Batch(self._worker.address, self._host, tuple(self._news))
            self._news.clear()
            self._worker.log_event(self._topic, msgspec.msgpack.encode(batch))

    # --- what fits on this worker -----------------------------------------------------------

    async def _declare(self) -> None:
        worker = self._worker
        known = worker.state.total_resources
        if CORES in known and MEMORY in known:
            return
        limit = worker.memory_manager.memory_limit
        mem_mb = machine_mb() if limit is None else limit // 10**6
        quantities = {CORES: worker.state.nthreads, MEMORY: mem_mb}
        await worker.set_resources(**quantities)
        # The scheduler looks for tasks that waited for such a worker only when its state changes.
        if worker.status == Status.running:
            worker.status = Status.paused
            worker.status = Status.running
