"""How many workers a cluster has: as many as are of use, and none for long without work."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from distributed import Status
from distributed.deploy.adaptive import Adaptive

_INTERVAL_S = 0.5

_VAIN = 3
"""So often no worker could be started before the cluster is given up."""

Gone = Callable[[dict[str, Any]], Awaitable[set[str]]]
"""Which of these workers (as dask's objects, by name) have ended."""


class Scaling(Adaptive):  # type: ignore[misc]
    """Starts workers as wanted, and ends those that have been idle for ``idle_s`` seconds.

    ``tell`` takes words for the user, and whether they mean the end of the cluster; ``gone`` finds
    workers that ended before they came, and is asked each ``look_s`` seconds.
    """

    def __init__(
        self,
        cluster: Any,
        tell: Callable[[str, bool], None],
        gone: Gone,
        *,
        maximum: int,
        idle_s: float,
        look_s: float,
    ) -> None:
        self._wanted = self._vain = 0
        self._tell, self._gone, self._look_s = tell, gone, look_s
        self._looked = time.monotonic()
        self._came: set[str] = set()
        self._retiring: set[str] = set()
        super().__init__(
            cluster,
            interval=_INTERVAL_S,
            minimum=0,
            maximum=maximum,
            wait_count=max(1, round(idle_s / _INTERVAL_S)),
        )

    def want(self, workers: int) -> None:
        """So many workers are of use from now on."""
        self._wanted = workers
        self.loop.add_callback(self._adapt_now)

    def retire(self, address: str) -> None:
        """End a worker soon."""
        self._retiring.add(address)
        self.loop.add_callback(self._retire_now)

    # --- called by dask ---------------------------------------------------------------------

    async def target(self) -> int:
        """So many workers there should be."""
        here = {str(ws.name) for ws in self.cluster.scheduler.workers.values()}
        self._came |= here
        if here:
            self._vain = 0
        if time.monotonic() - self._looked > self._look_s:
            await self._look()
            self._looked = time.monotonic()
        return self._wanted

    async def workers_to_close(self, target: int) -> list[str]:
        """Names of workers without jobs, as many as there are too many."""
        workers = self.cluster.scheduler.workers.values()
        idle = [ws.name for ws in workers if not ws.processing]
        return idle[: max(0, len(self.plan) - target)]

    async def scale_up(self, n: int) -> None:
        """Start workers until there are ``n``."""
        try:
            self.cluster.scale(n)
            await self.cluster
        except Exception as error:
            workers = self.cluster.workers
            self._forget({n for n, worker in workers.items() if worker.status != Status.running})
            self._fail(f"No worker could be started: {_reason(error)}")

    # --- by ourselves -----------------------------------------------------------------------

    async def _adapt_now(self) -> None:
        if self.state == "running" and self._wanted > len(self.plan):
            with contextlib.suppress(Exception):
                await self.adapt()

    async def _retire_now(self) -> None:
        workers = self.cluster.scheduler.workers
        names = [workers[a].name for a in self._retiring if a in workers]
        self._retiring.clear()
        await self.scale_down([name for name in names if name in self.cluster.worker_spec])

    async def _look(self) -> None:
        """Have workers replaced that ended before they came."""
        workers = self.cluster.workers
        here = {str(ws.name) for ws in self.cluster.scheduler.workers.values()}
        gone = await self._gone({n: w for n, w in workers.items() if str(n) not in here})
        self._forget(gone)
        if any(str(name) not in self._came for name in gone):
            self._fail("A worker of dask ended before it was ready; its log tells why.")

    def _forget(self, names: set[str]) -> None:
        """Take out workers that dask counts as there."""
        for name in names:
            self.cluster.workers.pop(name, None)
            self.cluster.worker_spec.pop(name, None)

    def _fail(self, message: str) -> None:
        self._vain += 1
        if self._vain in (1, _VAIN):
            self._tell(message, self._vain == _VAIN)


def _reason(error: Exception) -> str:
    """What a command of the cluster said, of all that dask-jobqueue tells of it."""
    return str(error).rpartition("stderr:")[2].strip() or repr(error)
