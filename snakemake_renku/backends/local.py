"""This machine: a supervisor process beside Snakemake, which runs the jobs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence

import msgspec

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
from snakemake_renku.errors import BackendUnavailable
from snakemake_renku.model import FileSpec, JobSpec
from snakemake_renku.runner.wire import (
    Cancel,
    Close,
    Configure,
    Done,
    Finished,
    Hash,
    Hashed,
    News,
    Output,
    Started,
    Submit,
    Told,
    Unframer,
    frame,
    send_all,
)

_news: msgspec.msgpack.Decoder[News] = msgspec.msgpack.Decoder(News)

_LAST_BREATH_S = 5.0

HOST = os.uname().nodename


class LocalBackend:
    """Runs jobs on this machine, as many as there are cores for.

    Raises:
        BackendUnavailable: the supervisor process cannot be started.
    """

    name = "local"

    def __init__(self, configure: Configure) -> None:
        self._lock = threading.Lock()
        self._closing = False
        self._running: dict[str, int] = {}
        self._sock, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "snakemake_renku.runner.supervisor"]
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*command, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd=configure.workdir,
                    # Its own session: Ctrl-C is for Snakemake, which then says what to end.
                    start_new_session=True,
                )
            except OSError as error:
                raise BackendUnavailable(
                    f"The supervisor of the jobs cannot be started: {error.strerror}.",
                    remedy="Check that this Python can be executed and that processes are left.",
                ) from error
        self._send(configure)

    @property
    def pid(self) -> int:
        """The pid of the supervisor."""
        return self._process.pid

    def submit(self, specs: Sequence[JobSpec]) -> None:
        """Take jobs, to be run when there are cores for them."""
        self._send(Submit(tuple(specs)))

    def cancel(self, ids: Sequence[str] | None = None) -> None:
        """End these jobs, or all: SIGTERM, and SIGKILL to what is left 5 s later."""
        self._send(Cancel(None if ids is None else tuple(ids)))

    def hash_files(
        self, token: int, inputs: Sequence[FileSpec], outputs: Sequence[FileSpec]
    ) -> None:
        """Digest the files of a job that Snakemake ran itself."""
        self._send(Hash(token, tuple(inputs), tuple(outputs)))

    async def events(self) -> AsyncIterator[BackendEvent]:
        """What the supervisor says, until it ends."""
        reader, writer = await asyncio.open_connection(sock=self._sock.dup())
        unframer = Unframer()
        try:
            while data := await _read(reader):
                for body in unframer.feed(data):
                    yield self._event(_news.decode(body))
        finally:
            writer.close()
        code = self._reap()
        if not self._closing or self._running:
            yield self._lost(code)

    def close(self) -> None:
        """Take no more jobs; the supervisor ends once those that run have ended."""
        self._closing = True
        self._send(Close())

    def _event(self, news: News) -> BackendEvent:
        match news:
            case Started():
                self._running[news.id] = news.pid
                return JobRuns(news.id, news.pid, HOST, news.time)
            case Output():
                return JobPrinted(news.id, news.stream, news.data)
            case Finished():
                self._running.pop(news.record.id, None)
                return JobEnded(news.record)
            case Hashed():
                return FilesHashed(news.token, news.input, news.output, news.problem)
            case Done():
                return Closed(news.cpu_s)
            case Told():
                return Said(news.message, news.id)

    def _reap(self) -> int:
        """The supervisor has closed its end: wait for it, and end it if it hangs."""
        try:
            return self._process.wait(_LAST_BREATH_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _lost(self, code: int) -> Lost:
        """The supervisor died with jobs running: end their process groups."""
        for pid in self._running.values():
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        self._running.clear()
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        return Lost(f"The supervisor of the jobs ended unexpectedly ({how}).")

    def _send(self, message: msgspec.Struct) -> None:
        # If it is gone, its end of the stream says so to events(), which knows what to do.
        with self._lock, contextlib.suppress(OSError):
            send_all(self._sock, frame(message))


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(1 << 18)
    except ConnectionError:
        return b""
