"""Work that would hold up the event loop, done in a forked helper that may use threads."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from snakemake_renku.runner.loop import Loop
from snakemake_renku.runner.parent import die_with_parent


class Helpers:
    """Forks a helper for each piece of work, and calls back with the bytes that it returned."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.busy = 0
        """How many helpers are at work."""

    def call(self, work: Callable[[], bytes], done: Callable[[bytes | None], None]) -> None:
        """Run ``work`` in a helper; ``done`` gets its result, or None if the helper died."""
        read, write = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            _work_and_end(work, write)
        os.close(write)
        self.busy += 1
        received = bytearray()
        self._loop.watch(read, lambda: self._receive(read, received, done))

    def _receive(
        self, read: int, received: bytearray, done: Callable[[bytes | None], None]
    ) -> None:
        data = os.read(read, 1 << 16)
        received += data
        if data:
            return
        self._loop.drop(read)
        self.busy -= 1
        done(bytes(received) or None)


def _work_and_end(work: Callable[[], bytes], write: int) -> NoReturn:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    die_with_parent()
    code = 1
    with contextlib.suppress(BaseException):
        data = memoryview(work())
        while data:
            data = data[os.write(write, data) :]
        code = 0
    sys.stderr.flush()
    os._exit(code)
