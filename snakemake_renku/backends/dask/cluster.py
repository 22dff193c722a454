"""A connection with a cluster of dask: workers prepared, tasks handed over, news heard.

Imported only when a cluster is used: it needs ``distributed``. All in one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from distributed import Client

from snakemake_renku.backends.dask.plan import Size
from snakemake_renku.backends.dask.plugin import JobRunner
from snakemake_renku.backends.dask.talk import CORES, MEMORY, Batch
from snakemake_renku.backends.dask.task import cancel_jobs, run_job
from snakemake_renku.errors import BackendUnavailable
from snakemake_renku.model import JobSpec

_batches: msgspec.msgpack.Decoder[Batch] = msgspec.msgpack.Decoder(Batch)

_CONNECT_S = 15.0
_ANSWER_S = 5.0

Address = str | None
"""A worker; None for any."""


class Connection:
    """One client of dask. ``hear`` gets what workers tell."""

    def __init__(self, client: Any, topic: str, hear: Callable[[Batch], None]) -> None:
        self._client, self._topic, self._hear = client, topic, hear

    @classmethod
    async def open(
        cls, address: Any, security: Any, topic: str, hear: Callable[[Batch], None]
    ) -> Connection:
        """Connect with a scheduler (or a cluster object).

        Raises:
            BackendUnavailable: nobody answers there, or not in these terms.
        """
        # What it logs is of a connection; what that means for the run is told by us.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            client = await Client(
                address,
                security=security,
                asynchronous=True,
                timeout=_CONNECT_S,
                set_as_default=False,
                name="snakemake-renku",
            )
        except Exception as error:
            raise BackendUnavailable(
                f"The scheduler of dask at {address} does not answer ({error}).",
                remedy="Check the address, and that the cluster is up.",
            ) from error
        self = cls(client, topic, hear)
        client.subscribe_topic(topic, self._event)
        return self

    @property
    def up(self) -> bool:
        """Whether the scheduler is there."""
        return bool(self._client.status == "running")

    async def sizes(self) -> list[Size]:
        """What each worker that is there has for jobs; nothing where that cannot be learned."""
        workers: dict[str, Any] = {}
        with contextlib.suppress(Exception):
            workers = (await self._client.scheduler.identity(n_workers=-1))["workers"]
        return [
            Size(worker["nthreads"], (worker["memory_limit"] or 0) // 10**6 or None)
            for worker in workers.values()
        ]

    async def prepare(self, runner: JobRunner) -> None:
        """Have all workers, and those that come later, run jobs.

        Raises:
            BackendUnavailable: workers lack this package.
        """
        try:
            await self._client.register_plugin(runner, name=self._topic)
        except Exception as error:
            raise BackendUnavailable(
                f"The workers of the dask cluster cannot run jobs ({error}).",
                remedy="Install snakemake-renku in their Python, in the same version as here.",
            ) from error

    def submit(self, jobs: Sequence[tuple[JobSpec, str]], worker: Address) -> list[Any]:
        """Hand over jobs, each with the name of its claim, which all ask for the same; gives
        futures."""
        first = jobs[0][0]
        resources = {CORES: first.threads}
        if first.mem_mb is not None:
            resources[MEMORY] = first.mem_mb
        keys = [f"{spec.rule}-{self._topic}-{claim}" for spec, claim in jobs]
        futures: list[Any] = self._client.map(
            run_job,
            [msgspec.msgpack.encode(spec) for spec, _ in jobs],
            keys,
            [claim for _, claim in jobs],
            key=keys,
            topic=self._topic,
            workers=None if worker is None else [worker],
            resources=resources,
            priority=first.priority,
            pure=False,
        )
        return futures

    async def over(self, future: Any) -> BaseException | None:
        """Wait until a task has ended; the error that ended it, if any."""
        try:
            error: BaseException | None = await future.exception()
        except (Exception, asyncio.CancelledError) as error:
            if _is_cancelled(asyncio.current_task()):
                raise
            return error
        return error

    async def cancel(self, ids: list[str], workers: Sequence[str] | None) -> set[str]:
        """End these jobs where they run (``workers`` None: anywhere); gives those that ran."""
        answers: dict[str, Any] = {}
        with contextlib.suppress(Exception):
            answers = await asyncio.wait_for(
                self._client.run(
                    cancel_jobs,
                    self._topic,
                    ids,
                    workers=workers,
                    on_error="return",
                ),
                _ANSWER_S,
            )
        return {job for here in answers.values() if isinstance(here, list) for job in here}

    async def release(self, futures: Sequence[Any]) -> None:
        """Have the cluster forget tasks, whatever became of them."""
        with contextlib.suppress(Exception):
            await self._client.cancel(list(futures), force=True)

    async def close(self) -> None:
        """Take everything of ours from the workers, and go."""
        with contextlib.suppress(Exception):
            if self.up:
                leaving = self._client.unregister_worker_plugin(self._topic)
                await asyncio.wait_for(leaving, _ANSWER_S)
        with contextlib.suppress(Exception):
            await self._client.close(timeout=_ANSWER_S)

    def _event(self, event: tuple[float, bytes]) -> None:
        self._hear(_batches.decode(event[1]))


def _is_cancelled(task: asyncio.Task[Any] | None) -> bool:
    return task is not None and task.cancelling() > 0
