"""How many workers a cluster has: as many as are of use, and none for long without work."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from distributed import Status
from distributed.deploy.adaptive import Adaptive

_INTERVAL_S = 0.5

_VAIN = 3
"""So often no worker could be started before the cluster is given up."""


class Scaling(Adaptive):  # type: ignore[misc]
    """Starts workers as wanted, and ends those that have been idle for ``idle_s`` seconds.

    ``tell`` takes words for the user, and whether they mean the end of the cluster.
    """

    def __init__(
        self,
        cluster: Any,
        tell: Callable[[str, bool], None],
        *,
        maximum: int,
        idle_s: float,
    ) -> None:
        self._wanted = self._vain = 0
        self._tell = tell
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
            self._vain = 0
        except Exception as error:
            self._forget_failed()
            self._vain += 1
            if self._vain in (1, _VAIN):
                self._tell(f"No worker could be started: {error}", self._vain == _VAIN)

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

    def _forget_failed(self) -> None:
        """Dask counts a worker that could not be started as one that is there."""
        workers = self.cluster.workers
        for name in [n for n, worker in workers.items() if worker.status != Status.running]:
            del workers[name]
            self.cluster.worker_spec.pop(name, None)
