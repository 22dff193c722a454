"""A small event loop for one thread: files that become readable, children that end, and clocks."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from collections.abc import Callable
from resource import struct_rusage

ExitCallback = Callable[[int, struct_rusage], None]
"""Called with the status and the use of resources as of :func:`os.wait4`."""

Ticker = Callable[[], float | None]
"""Called in each turn; returns the seconds until it must be called again, None for no matter."""


class Loop:
    """Runs callbacks. Children that nobody asked about are reaped and forgotten."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, ExitCallback] = {}
        self._tickers: list[Ticker] = []
        self._wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self.watch(self._wake_read, self._woken)

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever ``fd`` can be read."""
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def unwatch(self, fd: int) -> None:
        """Call back no more for ``fd``."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(fd)

    def drop(self, fd: int) -> None:
        """Call back no more for ``fd``, and close it."""
        self.unwatch(fd)
        os.close(fd)

    def on_exit(self, pid: int, callback: ExitCallback) -> None:
        """Call ``callback`` when this child has ended."""
        self._children[pid] = callback

    def on_tick(self, ticker: Ticker) -> None:
        """Call ``ticker`` in each turn."""
        self._tickers.append(ticker)

    def turn(self) -> None:
        """Wait for something to happen, and handle it."""
        delays = [delay for ticker in self._tickers if (delay := ticker()) is not None]
        for key, _ in self._selector.select(min(delays) if delays else None):
            # One callback may have dropped the file of another that was ready as well.
            if self._selector.get_map().get(key.fd) is key:
                key.data()

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            callback = self._children.pop(pid, None)
            if callback is not None:
                callback(status, usage)
