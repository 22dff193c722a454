"""One recorder at a time: a lock on a file that all working trees of a repository share."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import msgspec

from snakemake_renku.errors import RecordError, RepositoryBusy

FILE = "renku-record.lock"

_STEP = 0.05


class _Holder(msgspec.Struct):
    pid: int
    host: str
    name: str
    since: float


class RecorderLock:
    """Held from :meth:`acquire` to :meth:`release`, or until this process is gone.

    A git that this process started and handed the descriptor to holds it too, so who gets the lock
    knows that nothing of an earlier recorder is at work any more.
    """

    def __init__(self, common: Path) -> None:
        self._path = common / FILE
        self.descriptor = -1

    def acquire(self, name: str, wait: float) -> None:
        """Wait up to ``wait`` seconds; raises :class:`RepositoryBusy`, which says who holds it."""
        self.descriptor = self._open()
        until = time.monotonic() + wait
        while not _try(self.descriptor):
            if time.monotonic() >= until:
                holder = self._holder()
                self.release()
                raise RepositoryBusy(
                    f"Another process records in this repository{holder}.",
                    remedy="Try again when it is done.",
                )
            time.sleep(_STEP)
        me = _Holder(os.getpid(), os.uname().nodename, name, time.time())
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, msgspec.json.encode(me), 0)

    def release(self) -> None:
        """Let others in."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise RecordError(
                f"The repository cannot be written to: {self._path}: {error.strerror}.",
                remedy="Give the user who records the permission to write.",
            ) from error

    def _holder(self) -> str:
        try:
            holder = msgspec.json.decode(os.pread(self.descriptor, 4096, 0), type=_Holder)
        except (OSError, msgspec.MsgspecError):
            return ""
        since = time.strftime("%H:%M:%S", time.localtime(holder.since))
        return f": {holder.name}, by process {holder.pid} on {holder.host} since {since}"


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
