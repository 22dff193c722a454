"""The supervisor's end of the line to the warm server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Sequence

import msgspec

from snakemake_renku.runner.loop import Loop
from snakemake_renku.runner.spawn import spawn_module
from snakemake_renku.runner.wire import (
    Exited,
    Fork,
    Forked,
    Parse,
    Parsed,
    ServerNews,
    Unframer,
    send_with_fds,
)

_news: msgspec.msgpack.Decoder[ServerNews] = msgspec.msgpack.Decoder(ServerNews)

Stamp = tuple[int, int, int]


class WarmLink:
    """Starts a warm server for a workflow, and talks with it.

    ``on_news`` gets what it says; ``on_lost`` is called if it ends without being asked to.
    """

    def __init__(
        self,
        loop: Loop,
        snapshot: bytes,
        on_news: Callable[[WarmLink, ServerNews], None],
        on_lost: Callable[[WarmLink], None],
    ) -> None:
        self._loop = loop
        self._on_news, self._on_lost = on_news, on_lost
        self._unframer = Unframer()
        self._stamps: dict[str, Stamp | None] = {}
        self._open = True
        self.ready = False
        self._sock, other = socket.socketpair()
        with other:
            self.pid = spawn_module("snakemake_renku.runner.zygote", other)
        loop.watch(self._sock.fileno(), self._news_arrive)
        send_with_fds(self._sock, Parse(snapshot), [])

    def fork(self, order: Fork, fds: Sequence[int]) -> None:
        """Ask for a child; ``fds`` are its stdout, stderr and report pipe."""
        send_with_fds(self._sock, order, fds)

    def is_stale(self) -> bool:
        """Whether a file that the server has parsed is not what it was then."""
        return self.ready and any(_stamp(path) != was for path, was in self._stamps.items())

    def close(self) -> None:
        """End the server, and with it its children."""
        if self._open:
            self._open = False
            self._loop.unwatch(self._sock.fileno())
            self._sock.close()
            # It may be in the middle of parsing, where it would not look at its socket for long.
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)

    def _news_arrive(self) -> None:
        try:
            data = self._sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.close()
            self._on_lost(self)
            return
        for body in self._unframer.feed(data):
            self._hear(_news.decode(body))

    def _hear(self, news: ServerNews) -> None:
        match news:
            case Parsed() if news.problem is None:
                self._stamps = {path: _stamp(path) for path in news.sources}
                self.ready = True
            case Exited() | Forked() | Parsed():
                pass
        self._on_news(self, news)


def _stamp(path: str) -> Stamp | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
