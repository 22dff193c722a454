"""The jobs of one run on a cluster of dask, from order to record; all in one event loop."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from snakemake_renku.backends.base import Closed, JobEnded, JobPrinted, JobRuns, Lost, Said
from snakemake_renku.backends.dask import claims
from snakemake_renku.backends.dask.attempt import Attempt, is_loss
from snakemake_renku.backends.dask.cluster import Connection
from snakemake_renku.backends.dask.handing import Handing, Own, Shared
from snakemake_renku.backends.dask.opening import Opened, open_cluster
from snakemake_renku.backends.dask.plan import ClusterPlan, Local, SlurmPool
from snakemake_renku.backends.dask.plugin import JobRunner
from snakemake_renku.backends.dask.talk import Batch, FromKeeper
from snakemake_renku.backends.dask.telling import EXPOSED, Teller
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

_LOST = "The connection with the scheduler of dask was lost."


class Engine:
    """Serves one backend."""

    def __init__(
        self, configure: Configure, plan: ClusterPlan, folder: Path, stream: EventStream
    ) -> None:
        self._configure, self._plan, self._stream = configure, plan, stream
        token = uuid.uuid4().hex[:8]
        self._topic = f"renku-{configure.run}-{token}"
        self._folder = folder / f"dask-{token}"
        self._teller = Teller(plan, self._folder, lambda message: stream.say(Said(message)))
        self._attempts: dict[str, Attempt] = {}
        self._connection: Connection
        self._opened: Opened
        self._handing: Handing
        self._cpu_s = 0.0
        self._closing = False
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
        claimed = str(claims.make_folder(self._folder))
        try:
            self._opened = await open_cluster(
                self._plan, self._folder, partial(self.do, self._from_keeper)
            )
            try:
                await self._connect(claimed)
            except BaseException:
                await self._opened.close()
                raise
        except BaseException:
            claims.clear(self._folder)
            raise
        if self._opened.exposed:
            self._teller.tell(EXPOSED)
        self._spawn(self._tick())

    async def _connect(self, claimed: str) -> None:
        opened, plan = self._opened, self._plan
        connection = self._connection = await Connection.open(
            opened.address, opened.security, self._topic, partial(self.do, self._hear)
        )
        if isinstance(plan, Local | SlurmPool):
            self._handing = Own(plan, self, self._teller, claimed, opened.say)
        else:
            self._handing = Shared(self, self._teller, connection.sizes)
        encoded = msgspec.msgpack.encode(self._configure)
        try:
            await connection.prepare(JobRunner(encoded, claimed, self._topic, _LINGER_S))
        except BaseException:
            await connection.close()
            raise

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
            shutil.rmtree(self._folder, ignore_errors=True)
        self._stream.say(last)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            if not self._connection.up:
                self.lost(_LOST)
            await self._handing.tick()

    def do(self, order: Callable[..., None], *arguments: Any) -> None:
        """Call what an event asks for; an error of ours there is the end, rather than a silence."""
        try:
            order(*arguments)
        except Exception as error:
            self.lost(f"The dask backend broke: {error!r}.")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.lost(f"The dask backend broke: {error!r}.")

    # --- orders -----------------------------------------------------------------------------

    def submit(self, specs: Sequence[JobSpec]) -> None:
        """Take jobs."""
        attempts = [Attempt(spec) for spec in specs]
        self._attempts.update({attempt.spec.id: attempt for attempt in attempts})
        self._handing.take(attempts)

    def cancel(self, ids: Sequence[str] | None) -> None:
        """End jobs."""
        wanted = tuple(self._attempts) if ids is None else ids
        placed = []
        for attempt in [self._attempts[job] for job in wanted if job in self._attempts]:
            attempt.cancelled = True
            if attempt.future is None:
                self.end(attempt, "cancelled", "It was cancelled.")
            else:
                placed.append(attempt)
        if placed:
            self._spawn(self._cancel(placed))

    def close(self) -> None:
        """End once nothing is left to do."""
        self._closing = True
        self._end_if_idle()

    async def _cancel(self, attempts: list[Attempt]) -> None:
        ids = [attempt.spec.id for attempt in attempts]
        ran = await self._connection.cancel(ids, self._handing.workers_of(attempts))
        others = [attempt for attempt in attempts if attempt.spec.id not in ran]
        await self._connection.release([attempt.future for attempt in others])
        for attempt in others:
            self.end(attempt, "cancelled", "It was cancelled.")
        await asyncio.sleep(_ANSWER_S)
        for attempt in attempts:
            self.end(attempt, "cancelled", "It was cancelled, and its end was not heard of.")

    # --- from job to worker: what Handing asks for ------------------------------------------

    def hand_over(self, placed: Sequence[tuple[Attempt, str | None]]) -> None:
        """Make tasks of attempts, each for a worker or (None) for any."""
        groups: dict[Any, list[Attempt]] = defaultdict(list)
        for attempt, address in placed:
            attempt.worker = address
            spec = attempt.spec
            groups[address, spec.threads, spec.mem_mb, spec.priority].append(attempt)
        for (address, *_), attempts in groups.items():
            try:
                wanted = [(attempt.spec, attempt.claim) for attempt in attempts]
                futures = self._connection.submit(wanted, address)
            except Exception as error:
                self.lost(f"The cluster of dask takes no jobs ({error}).")
                return
            for attempt, future in zip(attempts, futures, strict=True):
                attempt.future = future
                self._spawn(self._watch(attempt, attempt.placing, future))

    async def _watch(self, attempt: Attempt, placing: int, future: Any) -> None:
        """Look after a task until it is over: by then its record was heard, or it is lost."""
        error = await self._connection.over(future)
        if attempt.placing != placing or attempt.spec.id not in self._attempts:
            return
        if not self._connection.up:
            self.lost(_LOST)
        elif error is None or is_loss(error):
            self.lose(attempt)
        else:
            self.end(attempt, "launch_failed", f"Dask could not run the job: {error!r}")

    def release(self, attempts: Sequence[Attempt]) -> None:
        """Have dask forget the tasks of attempts."""
        self._spawn(self._connection.release([attempt.future for attempt in attempts]))

    def lose(self, attempt: Attempt) -> None:
        """Give an attempt back that a worker had begun, when it is surely dead."""
        message = f"The worker of job {attempt.spec.id} was lost."
        self._loop.call_later(_SURELY_DEAD_S, self.end, attempt, "node_lost", message)

    def end(self, attempt: Attempt, kind: FailureKind, message: str) -> None:
        """End an attempt that no supervisor tells of, unless it is over."""
        if self._attempts.get(attempt.spec.id) is attempt and not self._last.done():
            self._finish(attempt.failed(kind, message))

    def spent(self, cpu_s: float) -> None:
        """Add CPU time in seconds to that of the run."""
        self._cpu_s += cpu_s

    def lost(self, message: str) -> None:
        """The cluster is gone, or of no use."""
        if not self._last.done():
            self._last.set_result(Lost(message))

    # --- from worker to record --------------------------------------------------------------

    def _from_keeper(self, word: FromKeeper | None) -> None:
        self._handing.hear(word)

    def _hear(self, batch: Batch) -> None:
        for news in batch.news:
            self._take(news, batch.host)

    def _take(self, news: News, host: str) -> None:
        match news:
            case Started() if news.id in self._attempts:
                self._stream.say(JobRuns(news.id, news.pid, host, news.time))
            case Output() if news.id in self._attempts:
                self._stream.say(JobPrinted(news.id, news.stream, news.data))
            case Finished() if news.record.id in self._attempts:
                self._finish(news.record)
            case Told() if news.id is not None:
                self._stream.say(Said(news.message, news.id))
            case Told():
                self._teller.tell(news.message)
            case Done():
                self.spent(news.cpu_s)

    def _finish(self, record: JobRecord) -> None:
        attempt = self._attempts.pop(record.id)
        self._stream.say(JobEnded(record))
        self._handing.ended(attempt, record)
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._closing and not self._attempts and not self._last.done():
            self._last.set_result(Closed(0.0))
