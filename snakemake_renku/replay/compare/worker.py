"""A process beside this one that reads what may bring a reader down.

The libraries for netCDF, zarr and images are written in C and meet files from anywhere. Reading a
well-formed netCDF file has been seen to end a process (the hidden attribute ``_NCProperties``,
netCDF 4.10.1). A crash must not take the replay with it, so one process answers all requests, and
is started anew when it has died. It also keeps the memory of these libraries out of this process.

A message is its length (8 bytes, most significant first) and msgpack.
"""

from __future__ import annotations

import atexit
import importlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, cast

import msgspec

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare import patience
from snakemake_renku.replay.compare.pair import Kind, Pair
from snakemake_renku.replay.compare.reasons import reason

PATIENCE = 60
"""Seconds of processor time, see :mod:`~snakemake_renku.replay.compare.patience`."""


FRUGAL = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Against address space that libraries reserve for each core of a large machine."""


class Request(msgspec.Struct, frozen=True):
    """The module of a kind, and what it is to compare; paths as the file system has them."""

    module: str
    recorded: bytes
    replayed: bytes
    name: bytes
    tolerance: Tolerance


class Reply(msgspec.Struct, frozen=True):
    """What was found, or why it could not be compared."""

    finding: Finding | None = None
    error: str = ""


class _Worker:
    """The process, once it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: Request) -> Reply:
        """Raises :class:`CompareError` if the process dies over it."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                send(process.stdin, msgspec.msgpack.encode(request))
                answer = receive(process.stdout)
            except OSError:
                answer = None
            except BaseException:  # An answer that nobody waits for must not meet the next request.
                self._end(process)
                raise
            if answer is None:
                raise CompareError(_died(self._end(process)))
        return msgspec.msgpack.decode(answer, type=Reply)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                # -P: the current folder may be a clone with modules of any name.
                [sys.executable, "-P", "-m", str(__package__), str(PATIENCE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **FRUGAL},
            )
        return self._process

    def close(self) -> None:
        """End the process if there is one."""
        if self._process is not None:
            self._end(self._process)

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        """End the process if it has not ended; its exit code, or the negative of a signal."""
        self._process = None
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:
                pass
        try:
            return process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _died(code: int) -> str:
    if -code in (signal.SIGXCPU, signal.SIGKILL):
        return f"reading it took more than {PATIENCE} s of processor time, or too much memory"
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"reading it ended the reader ({how})"


_worker = _Worker()


def _forget() -> None:
    # A forked child must not talk through its parent's pipes.
    global _worker
    _worker = _Worker()


atexit.register(lambda: _worker.close())
os.register_at_fork(after_in_child=_forget)


def compare(kind: Kind, pair: Pair, tolerance: Tolerance) -> Finding:
    """Have a kind compare a pair in the other process.

    Raises :class:`CompareError` if it cannot, or dies over it.
    """
    module = f"{__package__}.kinds.{kind.__name__.rpartition('.')[2]}"
    recorded, replayed = (os.fsencode(path.absolute()) for path in pair.both)
    name = os.fsencode(pair.name)
    reply = _worker.ask(Request(module, recorded, replayed, name, tolerance))
    if reply.finding is None:
        raise CompareError(reply.error)
    return reply.finding


def send(stream: IO[bytes], message: bytes) -> None:
    """Write one message."""
    stream.write(len(message).to_bytes(8, "big") + message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Read one message; None at the end of the stream."""
    header = stream.read(8)
    length = int.from_bytes(header, "big")
    message = stream.read(length) if len(header) == 8 else b""
    return message if len(header) == 8 and len(message) == length else None


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    while (message := receive(requests)) is not None:
        patience.renew()
        reply = answer(msgspec.msgpack.decode(message, type=Request))
        send(replies, msgspec.msgpack.encode(reply))


def answer(request: Request) -> Reply:
    """Compare, and put any error into words."""
    recorded, replayed = (Path(os.fsdecode(p)) for p in (request.recorded, request.replayed))
    pair = Pair(recorded, replayed, os.fsdecode(request.name), _nothing_inside)
    try:
        kind = cast(Kind, importlib.import_module(request.module))
        return Reply(kind.compare(pair, request.tolerance))
    except CompareError as error:
        return Reply(error=error.message)
    except Exception as error:  # A reader of foreign files may raise anything.
        return Reply(error=reason(error))


def _nothing_inside(pair: Pair, tolerance: Tolerance) -> Finding:
    raise CompareError(f"{pair.name} is inside of a file that has no files inside.")


def main() -> None:
    """Serve on what were standard input and output; whatever else is printed goes nowhere."""
    patience.begin(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Who asked is interrupted too, and ends us.
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    serve(requests, replies)
