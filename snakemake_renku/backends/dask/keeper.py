"""The keeper: a process that makes a cluster for one run, and ends it when the run is over.

It holds dask's scheduler, so that Snakemake's process has no part of that work, and it sees the end
of Snakemake, however that came, as the end of its socket: then nothing of the cluster stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import dask
import msgspec
from distributed import SchedulerPlugin

from snakemake_renku.backends.dask.making import LOOK_S, gone_workers, make_cluster
from snakemake_renku.backends.dask.scaling import Scaling
from snakemake_renku.backends.dask.security import make_keys
from snakemake_renku.backends.dask.talk import (
    Farewell,
    FromKeeper,
    Joined,
    Left,
    Make,
    Ready,
    Retire,
    ToKeeper,
    Trouble,
    Want,
)
from snakemake_renku.runner.wire import Unframer, frame

_orders: msgspec.msgpack.Decoder[ToKeeper] = msgspec.msgpack.Decoder(ToKeeper)

_SETTINGS = {
    # What passed through is not kept: it has been handed on.
    "distributed.admin.low-level-log-length": 16,
    "distributed.deploy.lost-worker-timeout": "1s",
    "distributed.scheduler.http.routes": [],
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.active-memory-manager.start": False,
}


class Keeper:
    """Serves one run over one socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._unframer = Unframer()
        self._cluster: Any = None
        self._scaling: Any = None

    async def serve(self) -> None:
        """Take orders until the other side goes."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._reader.feed_eof)
        try:
            while data := await self._read():
                for body in self._unframer.feed(data):
                    await self._obey(_orders.decode(body))
        finally:
            await self._end()

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(1 << 16)
        except ConnectionError:
            return b""

    async def _obey(self, order: ToKeeper) -> None:
        match order:
            case Make():
                await self._make(order)
            case Want():
                self._scaling.want(order.workers)
            case Retire():
                self._scaling.retire(order.address)

    async def _make(self, order: Make) -> None:
        folder = Path(order.folder)
        keys = make_keys(folder / "keys")
        try:
            self._cluster = await make_cluster(order.plan, folder, keys)
        except Exception as error:
            self.say(Trouble(f"No cluster could be made: {error}", fatal=True))
            return
        self._cluster.scheduler.add_plugin(_Watch(self))
        self._scaling = Scaling(
            self._cluster,
            lambda message, fatal: self.say(Trouble(message, fatal)),
            partial(gone_workers, order.plan),
            maximum=order.plan.workers,
            idle_s=order.plan.idle_s,
            look_s=LOOK_S[type(order.plan)],
        )
        ca, cert, key = keys or (None, None, None)
        self.say(Ready(self._cluster.scheduler.address, ca, cert, key))

    async def _end(self) -> None:
        if self._cluster is not None:
            self._scaling.stop()
            with contextlib.suppress(AssertionError):
                await self._cluster.close()
        self.say(Farewell(time.process_time()))
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def say(self, message: FromKeeper) -> None:
        """Tell the other side, if it is there."""
        if not self._writer.is_closing():
            self._writer.write(frame(message))


class _Watch(SchedulerPlugin):  # type: ignore[misc]
    """Tells of workers that come and go."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def add_worker(self, scheduler: Any, worker: str) -> None:
        self._keeper.say(Joined(worker))

    def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:
        self._keeper.say(Left(worker))


async def _serve(fd: int) -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=fd))
    await Keeper(reader, writer).serve()


def main() -> None:
    """``python -m snakemake_renku.backends.dask.keeper FD``: serve on an inherited socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with dask.config.set(_SETTINGS):
        asyncio.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
