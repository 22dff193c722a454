"""This side of the keeper: its process, and the words that go to and fro."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from snakemake_renku.backends.dask.plan import Made
from snakemake_renku.backends.dask.talk import FromKeeper, Make, ToKeeper
from snakemake_renku.errors import BackendUnavailable
from snakemake_renku.runner.wire import Unframer, frame

_words: msgspec.msgpack.Decoder[FromKeeper] = msgspec.msgpack.Decoder(FromKeeper)

_LAST_BREATH_S = 20.0


class Keeping:
    """Starts a keeper, and speaks with it; to be made and used in one event loop.

    Raises:
        BackendUnavailable: the process cannot be started.
    """

    def __init__(self, plan: Made, folder: Path) -> None:
        self.log = folder / "keeper.log"
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "snakemake_renku.backends.dask.keeper"]
        try:
            with theirs, self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [*command, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            raise BackendUnavailable(
                f"The keeper of the dask cluster cannot be started: {error.strerror}.",
                remedy="Check that this Python can be executed and that processes are left.",
            ) from error
        self._sock = ours
        self._writer: asyncio.StreamWriter | None = None
        self._first = Make(plan, str(folder))

    @property
    def pid(self) -> int:
        """The pid of the keeper."""
        return self._process.pid

    async def words(self) -> AsyncIterator[FromKeeper]:
        """Have the cluster made; what the keeper says, until it ends."""
        reader, self._writer = await asyncio.open_connection(sock=self._sock)
        self.say(self._first)
        unframer = Unframer()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                for body in unframer.feed(data):
                    yield _words.decode(body)

    def say(self, message: ToKeeper) -> None:
        """Tell the keeper; if it is gone, the end of its words says so."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(frame(message))

    def end(self) -> None:
        """Have the keeper end the cluster and itself; its last words still come."""
        with contextlib.suppress(OSError):
            self._sock_shutdown()

    async def ended(self) -> None:
        """Wait until the process has ended; end it by force if it hangs."""
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._process.pid, number)
            if await self._ends():
                break
        if self._writer is not None:
            self._writer.close()

    def _sock_shutdown(self) -> None:
        if self._writer is None:
            self._sock.shutdown(socket.SHUT_WR)
        elif self._writer.can_write_eof():
            self._writer.write_eof()

    async def _ends(self) -> bool:
        end = asyncio.get_running_loop().time() + _LAST_BREATH_S
        while self._process.poll() is None:
            if asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(0.02)
        return True
