"""A cluster as a plan says: found, or made."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake_renku.backends.dask.keeping import Keeping
from snakemake_renku.backends.dask.plan import ClusterPlan, Gateway, Made, Scheduler
from snakemake_renku.backends.dask.security import security
from snakemake_renku.backends.dask.talk import FromKeeper, Ready, ToKeeper, Trouble
from snakemake_renku.errors import BackendUnavailable

Hear = Callable[[FromKeeper | None], None]


@dataclass(slots=True)
class Opened:
    """Where a cluster is, and how it is ended. ``exposed``: what passes can be read by others."""

    address: Any
    security: Any
    exposed: bool
    say: Callable[[ToKeeper], None]
    close: Callable[[], Awaitable[None]]


async def open_cluster(plan: ClusterPlan, folder: Path, hear: Hear) -> Opened:
    """Find or make the cluster.

    Raises:
        BackendUnavailable: something that is needed is not here, or nobody answers.
    """
    if isinstance(plan, Scheduler):
        return Opened(plan.address, None, is_exposed(plan.address), _nothing, _no_end)
    if isinstance(plan, Gateway):
        return await _gateway(plan)
    return await _make(plan, folder, hear)


async def _make(plan: Made, folder: Path, hear: Hear) -> Opened:
    keeping = Keeping(plan, folder)
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    closing = False

    async def listen() -> None:
        async for word in keeping.words():
            if ready.done():
                hear(word)
            elif isinstance(word, Ready):
                ready.set_result(word)
            elif isinstance(word, Trouble):
                ready.set_exception(
                    BackendUnavailable(word.message, remedy=f"More may be in {keeping.log}.")
                )
        if not ready.done():
            words = "The keeper of the dask cluster ended while it started."
            ready.set_exception(BackendUnavailable(words, remedy=f"See {keeping.log}."))
        elif not closing:
            hear(None)

    async def close() -> None:
        nonlocal closing
        closing = True
        keeping.end()
        await keeping.ended()
        await listening

    listening = asyncio.create_task(listen())
    try:
        there = await ready
    except BaseException:
        await close()
        raise
    protected = None
    if there.ca is not None and there.cert is not None and there.key is not None:
        protected = security(there.ca, there.cert, there.key)
    return Opened(there.address, protected, is_exposed(there.address), keeping.say, close)


async def _gateway(plan: Gateway) -> Opened:
    try:
        from dask_gateway import Gateway as Server
    except ImportError as error:
        raise BackendUnavailable(
            "A dask-gateway needs the package dask-gateway, which is not installed.",
            remedy="Install it: pip install dask-gateway.",
        ) from error
    server: Any = Server(address=plan.url, asynchronous=True)
    try:
        cluster = await server.new_cluster(shutdown_on_close=True)
        await cluster.adapt(minimum=0, maximum=plan.workers)
    except Exception as error:
        raise BackendUnavailable(
            f"The dask-gateway at {plan.url} makes no cluster ({error}).",
            remedy="Check the address, and that you may log in there.",
        ) from error

    async def close() -> None:
        with contextlib.suppress(Exception):
            await cluster.close(shutdown=True)
        with contextlib.suppress(Exception):
            await server.close()

    return Opened(cluster, cluster.security, False, _nothing, close)


def is_exposed(address: str) -> bool:
    """Whether what is said to this address passes a network without encryption."""
    return address.startswith("tcp://") and not address.startswith(
        ("tcp://127.", "tcp://localhost", "tcp://[::1]")
    )


def _nothing(word: ToKeeper) -> None:
    """There is no keeper to be told anything."""


async def _no_end() -> None:
    """The cluster is not ours to be ended."""
