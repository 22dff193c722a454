"""The supervisor as a process of its own, which serves Snakemake over a socket.

When Snakemake goes, it ends all jobs, and itself.
"""

from __future__ import annotations

import ctypes
import signal
import socket
import sys

import msgspec

from snakemake_renku.runner.supervise import Supervisor
from snakemake_renku.runner.wire import News, Order, Unframer, frame

_orders: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)


class Line:
    """A supervisor at one end of a socket, with Snakemake at the other."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._unframer = Unframer()
        self._cut = False
        self._supervisor = Supervisor(self._send)
        self._supervisor.loop.watch(sock.fileno(), self._orders_arrive)

    def serve(self) -> None:
        """Serve until Snakemake closes or goes."""
        self._supervisor.serve()

    def _send(self, news: News) -> None:
        if self._cut:
            return
        try:
            self._sock.sendall(frame(news))
        except OSError:
            self._snakemake_is_gone()

    def _orders_arrive(self) -> None:
        try:
            data = self._sock.recv(1 << 18)
        except OSError:
            data = b""
        if not data:
            self._snakemake_is_gone()
        for body in self._unframer.feed(data):
            self._supervisor.obey(_orders.decode(body))

    def _snakemake_is_gone(self) -> None:
        if not self._cut:
            self._cut = True
            self._supervisor.loop.unwatch(self._sock.fileno())
            self._supervisor.end_all()


def adopt_orphans() -> None:
    """Have the kernel give us the processes that jobs leave behind, to wait for them (Linux)."""
    if sys.platform == "linux":
        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def main() -> None:
    """``python -m snakemake_renku.runner.supervisor FD``: serve on an inherited socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        # A job that had this end as well would keep Snakemake from noticing that we died.
        sock.set_inheritable(False)
        Line(sock).serve()


if __name__ == "__main__":
    main()
