"""What several tests of the runner need."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture
def private_file() -> Iterator[Path]:
    """A file that this process may see but not read; root becomes another user for that long."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "private"
        path.touch(mode=0o000)
        user = os.geteuid()
        if user == 0:
            os.seteuid(_NOBODY)
        try:
            yield path
        finally:
            os.seteuid(user)


_NOBODY = 65534
