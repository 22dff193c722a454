"""Appending to a journal: whole lines or nothing, and on disk where it matters."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from snakemake_renku.errors import JournalError
from snakemake_renku.journal.events import Event
from snakemake_renku.journal.redact import Redactor

RUNS = Path(".snakemake") / "renku" / "runs"
"""Where the journals of a working directory are, below it."""


def new_run_id(now: float | None = None) -> str:
    """A name for a run that sorts by its start (UTC, to the millisecond) and that no other has."""
    now = time.time() if now is None else now
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    return f"{stamp}.{int(now % 1 * 1000):03d}-{secrets.token_hex(2)}"


class JournalWriter:
    """Appends events to the journal of one run; safe to call from several threads.

    While it is open it holds a lock on the file, by which a reader tells a run that is going on
    from one that was cut off.

    Raises:
        JournalError: the file cannot be created or appended to. What was there stays readable: a
            line that could not be written whole is taken back.
    """

    def __init__(self, workdir: Path, run: str, redactor: Redactor) -> None:
        self.run = run
        self.path = workdir / RUNS / f"{run}.jsonl"
        self._redactor = redactor
        self._lock = threading.Lock()
        self._encoder = msgspec.json.Encoder()
        self._fd = self._create()

    def append(self, events: Iterable[Event], *, sync: bool) -> None:
        """Write ``events`` as one piece; with ``sync`` return only when the disk has them."""
        data = b"".join(self._line(event) for event in events)
        with self._lock:
            if self._fd < 0:
                raise JournalError(f"The journal {self.path} is closed.")
            self._write(data)
            if sync:
                self._sync()

    def close(self) -> None:
        """Let go of the file (and so of its lock)."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _create(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            fd = os.open(self.path, flags, 0o644)
        except OSError as error:
            raise self._failed("create", error) from error
        # Some network file systems have no locks; the reader then asks for the process instead.
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd

    def _line(self, event: Event) -> bytes:
        raw = self._encoder.encode(event)
        if self._redactor.has_work(raw):
            raw = self._encoder.encode(self._redactor.value(msgspec.to_builtins(event)))
        return raw + b"\n"

    def _write(self, data: bytes) -> None:
        end = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, end)
            raise self._failed("append to", error) from error

    def _sync(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise self._failed("write to disk", error) from error

    def _failed(self, what: str, error: OSError) -> JournalError:
        return JournalError(
            f"Cannot {what} the journal {self.path}: {error.strerror}.", remedy=_remedy(error)
        )


def _remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Make room on that disk, then start again with --rerun-incomplete."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Every run is recorded, so Snakemake's working directory must be writable for you."
    return "Check that disk, then start again with --rerun-incomplete."
