"""The jobs of one run on a cluster of dask, from order to record; all in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import uuid
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec

from snakemake_renku.backends.base import Closed, JobEnded, JobPrinted, JobRuns, Lost, Said
from snakemake_renku.backends.dask import claims
from snakemake_renku.backends.dask.attempt import Attempt, is_loss
from snakemake_renku.backends.dask.cluster import Connection
from snakemake_renku.backends.dask.opening import Opened, open_cluster
from snakemake_renku.backends.dask.placing import Places
from snakemake_renku.backends.dask.plan import ClusterPlan, Local, Size, SlurmPool
from snakemake_renku.backends.dask.plugin import JobRunner
from snakemake_renku.backends.dask.talk import (
    Batch,
    Farewell,
    FromKeeper,
    Joined,
    Left,
    Ready,
    Retire,
    Trouble,
    Want,
)
from snakemake_renku.backends.dask.telling import EXPOSED, Teller, too_large
from snakemake_renku.backends.stream import EventStream
from snakemake_renku.model import FailureKind, JobRecord, JobSpec
from snakemake_renku.runner.kill import GRACE
from snakemake_renku.runner.wire import Configure, Done, Finished, News, Output, Started, Told

_TICK_S = 0.5

_SURELY_DEAD_S = GRACE + 1.5
"""So long after a worker's end its supervisor has ended all jobs."""

_ANSWER_S = GRACE + 5.0
"""So long a cancelled job may take to end before it is called cancelled anyway."""

_LINGER_S = 120.0
"""So long a supervisor without jobs is kept."""


class Engine:
    """Serves one backend.

    On a cluster of our own, jobs wait here and are placed by us; elsewhere dask has them all and
    places them, since others use it too.
    """

    def __init__(
        self, configure: Configure, plan: ClusterPlan, folder: Path, stream: EventStream
    ) -> None:
        self._configure, self._plan, self._stream = configure, plan, stream
        token = uuid.uuid4().hex[:8]
        self._topic = f"renku-{configure.run}-{token}"
        self._folder = folder / f"dask-{token}"
        self._teller = Teller(plan, self._folder, lambda message: stream.say(Said(message)))
        self._jobs: dict[str, Attempt] = {}
        self._size: Size | None = None
        self._places: Places | None = None
        if isinstance(plan, Local | SlurmPool):
            self._size = plan.size
            self._places = Places(plan.size, plan.workers, runtime_s=plan.longest_s)
        self._connection: Connection
        self._opened: Opened
        self._workers: set[str] = set()
        self._wanted = 0
        self._cpu_s = 0.0
        self._closing = self._placing = self._trouble = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop
        self._last: asyncio.Future[Closed | Lost]

    # --- from the start to the end ----------------------------------------------------------

    async def start(self) -> None:
        """Have a cluster whose workers can run jobs.

        Raises:
            BackendUnavailable: there is none.
        """
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.create_future()
        claimed = claims.make_folder(self._folder)
        try:
            self._opened = await open_cluster(self._plan, self._folder, self._from_keeper)
        except BaseException:
            claims.clear(self._folder)
            raise
        try:
            address, security = self._opened.address, self._opened.security
            self._connection = await Connection.open(address, security, self._topic, self._hear)
            encoded = msgspec.msgpack.encode(self._configure)
            runner = JobRunner(encoded, str(claimed), self._topic, _LINGER_S)
            await self._connection.prepare(runner)
        except BaseException:
            await self._opened.close()
            raise
        if self._opened.exposed:
            self._teller.tell(EXPOSED)
        self._spawn(self._tick())

    async def serve(self) -> None:
        """Run jobs until the backend is closed or lost."""
        last = await self._last
        if isinstance(last, Lost):
            # What a worker ran ends soon after the worker; nobody may start it anew before that.
            await asyncio.sleep(_SURELY_DEAD_S)
        for task in self._tasks:
            task.cancel()
        await self._connection.close()
        await self._opened.close()
        claims.clear(self._folder)
        shutil.rmtree(self._folder / "keys", ignore_errors=True)
        if isinstance(last, Closed):
            last = Closed(self._cpu_s)
            if not self._trouble:
                shutil.rmtree(self._folder, ignore_errors=True)
        self._stream.say(last)

    # --- orders -----------------------------------------------------------------------------

    def submit(self, specs: Sequence[JobSpec]) -> None:
        """Take jobs."""
        jobs = [Attempt(spec) for spec in specs]
        self._jobs.update({job.spec.id: job for job in jobs})
        if self._places is None or self._size is None:
            with contextlib.suppress(Exception):
                self._teller.size_up(specs, self._connection.sizes())
            self._hand_over([(job, None) for job in jobs])
            return
        for job in jobs:
            if self._size.holds(job.spec):
                self._places.wait(job.spec)
            else:
                self._end(job, "rejected", too_large(job.spec, self._size))
        self._place_soon()
        self._want()

    def cancel(self, ids: Sequence[str] | None) -> None:
        """End jobs."""
        wanted = tuple(self._jobs) if ids is None else ids
        placed = []
        for job in [self._jobs[job] for job in wanted if job in self._jobs]:
            job.cancelled = True
            if job.future is None:
                self._end(job, "cancelled", "It was cancelled.")
            else:
                placed.append(job)
        if placed:
            self._spawn(self._cancel(placed))

    def close(self) -> None:
        """End once nothing is left to do."""
        self._closing = True
        self._end_if_idle()

    async def _cancel(self, jobs: list[Attempt]) -> None:
        workers = None if self._places is None else list({str(job.worker) for job in jobs})
        ran = await self._connection.cancel([job.spec.id for job in jobs], workers)
        others = [job for job in jobs if job.spec.id not in ran]
        await self._connection.release([job.future for job in others])
        for job in others:
            self._end(job, "cancelled", "It was cancelled.")
        await asyncio.sleep(_ANSWER_S)
        for job in jobs:
            self._end(job, "cancelled", "It was cancelled, and its end was not heard of.")

    # --- from job to worker -----------------------------------------------------------------

    def _place_soon(self) -> None:
        if not self._placing:
            self._placing = True
            self._loop.call_soon(self._place)

    def _place(self) -> None:
        self._placing = False
        if self._places is not None and not self._last.done():
            placed = [(self._jobs[spec.id], address) for spec, address in self._places.place()]
            self._hand_over(placed)

    def _hand_over(self, placed: Sequence[tuple[Attempt, str | None]]) -> None:
        groups: dict[Any, list[Attempt]] = defaultdict(list)
        for job, address in placed:
            job.worker = address
            spec = job.spec
            groups[address, spec.threads, spec.mem_mb, spec.priority].append(job)
        for (address, *_), jobs in groups.items():
            try:
                wanted = [(job.spec, job.claim) for job in jobs]
                futures = self._connection.submit(wanted, address)
            except Exception as error:
                self._lost(f"The cluster of dask takes no jobs ({error}).")
                return
            for job, future in zip(jobs, futures, strict=True):
                job.future = future
                self._spawn(self._watch(job, job.placing, future))

    async def _watch(self, job: Attempt, placing: int, future: Any) -> None:
        """Look after a task until it is over: by then its record was heard, or it is lost."""
        error = await self._connection.over(future)
        if job.placing != placing or job.spec.id not in self._jobs or self._last.done():
            return
        if not self._connection.up:
            self._lost("The connection with the scheduler of dask was lost.")
        elif error is None or is_loss(error):
            await self._lose(job, placing)
        else:
            self._end(job, "launch_failed", f"Dask could not run the job: {error!r}")

    async def _lose(self, job: Attempt, placing: int) -> None:
        """A worker is gone that had begun a job: give it back when it is surely dead."""
        await asyncio.sleep(_SURELY_DEAD_S)
        if job.placing == placing:
            self._end(job, "node_lost", f"The worker of job {job.spec.id} was lost.")

    # --- from worker to record --------------------------------------------------------------

    def _hear(self, batch: Batch) -> None:
        for news in batch.news:
            self._take(news, batch.host)

    def _take(self, news: News, host: str) -> None:
        match news:
            case Started() if news.id in self._jobs:
                self._stream.say(JobRuns(news.id, news.pid, host, news.time))
            case Output() if news.id in self._jobs:
                self._stream.say(JobPrinted(news.id, news.stream, news.data))
            case Finished() if news.record.id in self._jobs:
                self._finish(news.record)
            case Told() if news.id is not None:
                self._stream.say(Said(news.message, news.id))
            case Told():
                self._teller.tell(news.message)
            case Done():
                self._cpu_s += news.cpu_s

    def _end(self, job: Attempt, kind: FailureKind, message: str) -> None:
        """The end of a job that no supervisor tells of."""
        if self._jobs.get(job.spec.id) is job:
            self._finish(job.failed(kind, message))

    def _finish(self, record: JobRecord) -> None:
        job = self._jobs.pop(record.id)
        self._stream.say(JobEnded(record))
        if self._places is not None:
            self._places.ended(job.spec, record)
            self._place_soon()
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._closing and not self._jobs and not self._last.done():
            self._last.set_result(Closed(0.0))

    def _lost(self, message: str) -> None:
        if not self._last.done():
            self._trouble = True
            self._last.set_result(Lost(message))

    # --- the cluster ------------------------------------------------------------------------

    def _from_keeper(self, word: FromKeeper | None) -> None:
        """What the keeper says once the cluster is there; None when it has gone."""
        assert self._places is not None
        match word:
            case Joined():
                self._workers.add(word.address)
                self._places.join(word.address)
                self._place_soon()
            case Left():
                self._worker_left(word.address)
            case Trouble():
                self._trouble = True
                self._teller.tell(word.message)
                if word.fatal:
                    self._lost("The cluster of dask is of no use.")
            case Farewell():
                self._cpu_s += word.cpu_s
            case None:
                self._lost("The keeper of the dask cluster ended unexpectedly.")
            case Ready():
                pass

    def _worker_left(self, address: str) -> None:
        assert self._places is not None
        self._workers.discard(address)
        over = []
        for spec in self._places.leave(address):
            job = self._jobs[spec.id]
            over.append(job.future)
            # Whoever has the claim: either the worker began the job, or now it never can.
            if job.cancelled or not claims.take(str(self._folder / "claims"), job.claim):
                self._spawn(self._lose(job, job.placing))
            else:
                job.future, job.placing = None, job.placing + 1
                self._places.wait(spec)
        self._spawn(self._connection.release(over))
        self._place_soon()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            if not self._connection.up:
                self._lost("The connection with the scheduler of dask was lost.")
            if self._places is not None:
                self._want()
                self._retire(self._places)
                self._teller.waits(alone=bool(self._jobs) and not self._workers)

    def _want(self) -> None:
        assert self._places is not None
        wanted = self._places.wanted()
        if wanted != self._wanted:
            self._wanted = wanted
            self._opened.say(Want(wanted))

    def _retire(self, places: Places) -> None:
        """End workers whose time is too short for another job."""
        for address in places.spent():
            places.leave(address)
            self._opened.say(Retire(address))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
