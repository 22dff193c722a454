"""What several tests of the runner need."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from snakemake_renku.runner.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    """An event loop in this process, whose signal handling is put back afterwards."""
    before = signal.getsignal(signal.SIGCHLD)
    wakeup = signal.set_wakeup_fd(-1)
    yield Loop()
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGCHLD, before)
