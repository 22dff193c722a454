"""Messages between Snakemake, the supervisor of the jobs, and the warm server.

A message is a msgpack map with its kind under ``type``, preceded by its length (4 bytes,
big-endian). All three are processes of one user on one machine, connected by socket pairs.
"""

from __future__ import annotations

import array
import select
import socket
import struct
from collections.abc import Iterator, Sequence

import msgspec

from snakemake_renku.model import FileRef, FileSpec, JobRecord, JobSpec

# --- Snakemake to the supervisor ----------------------------------------------------------------


class Configure(msgspec.Struct, tag=True):
    """The first message.

    ``snapshot`` is a pickled workflow snapshot, or None, and then ``no_snapshot`` the reason;
    ``warm`` whether some job is sure to need the warm server, ``cold`` that it must not be used;
    ``digests`` the folder of remembered digests, if not that of ``workdir``; ``kernel_limits``
    whether limits may be kept by cgroups of our own.
    """

    run: str
    run_started: float
    workdir: str
    cores: int
    enforce: bool
    cold: bool
    warm: bool
    snapshot: bytes | None = None
    no_snapshot: str | None = None
    digests: str | None = None
    kernel_limits: bool = True


class Submit(msgspec.Struct, tag=True):
    """Jobs to be run as soon as there are cores for them."""

    specs: tuple[JobSpec, ...]


class Cancel(msgspec.Struct, tag=True):
    """End these jobs; None for all."""

    ids: tuple[str, ...] | None = None


class Hash(msgspec.Struct, tag=True):
    """Digest files for a job that Snakemake ran itself; answered by :class:`Hashed`."""

    token: int
    input: tuple[FileSpec, ...]
    output: tuple[FileSpec, ...]


class Close(msgspec.Struct, tag=True):
    """Nothing more will come."""


Order = Configure | Submit | Cancel | Hash | Close

# --- the supervisor to Snakemake ----------------------------------------------------------------


class Started(msgspec.Struct, tag=True):
    """A job's process runs."""

    id: str
    pid: int
    time: float


class Output(msgspec.Struct, tag=True):
    """What a job printed (``stream`` 1 or 2)."""

    id: str
    stream: int
    data: bytes


class Finished(msgspec.Struct, tag=True):
    """An attempt ended."""

    record: JobRecord


class Told(msgspec.Struct, tag=True):
    """Something that the user should know, of a job or of the run."""

    message: str
    id: str | None = None


class Hashed(msgspec.Struct, tag=True):
    """The answer to :class:`Hash`."""

    token: int
    input: tuple[FileRef, ...]
    output: tuple[FileRef, ...]
    problem: str | None = None


class Done(msgspec.Struct, tag=True):
    """The last word: the CPU time of the supervisor and all its children, in seconds."""

    cpu_s: float


News = Started | Output | Finished | Told | Hashed | Done

# --- the supervisor and the warm server ---------------------------------------------------------


class Parse(msgspec.Struct, tag=True):
    """Parse the workflow of this pickled snapshot; answered by :class:`Parsed`."""

    snapshot: bytes


class Fork(msgspec.Struct, tag=True):
    """Fork a child for a job; its stdout, stderr and report pipe come with the message."""

    id: str
    run: str
    marker: str
    jobs: tuple[tuple[str, dict[str, str]], ...]
    attempt: int
    cores: int
    group_id: str | None = None
    unneeded_temp_files: tuple[str, ...] = ()
    cgroup_procs: str | None = None
    python: bool = False
    """Whether code of the workflow itself runs in the child (a ``run:`` directive)."""
    overrides: dict[str, int] = {}
    """Resources in place of those that the rules give."""


class Parsed(msgspec.Struct, tag=True):
    """The workflow is parsed, or why it cannot be served."""

    sources: tuple[str, ...] = ()
    problem: str | None = None


class Forked(msgspec.Struct, tag=True):
    """A child runs; ``rss`` is its resident memory at the fork, in bytes."""

    id: str
    pid: int
    rss: int


class Exited(msgspec.Struct, tag=True):
    """A child ended: ``status`` and use of resources as of :func:`os.wait4`."""

    pid: int
    status: int
    ru_utime: float
    ru_stime: float
    ru_maxrss: int
    ru_inblock: int
    ru_oublock: int


class Report(msgspec.Struct, tag=True):
    """What a child says of its job before it ends."""

    ok: bool
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None
    missing_output: bool = False


ServerOrder = Parse | Fork
ServerNews = Parsed | Forked | Exited

_LENGTH = struct.Struct(">I")

BASELINE_SIZE = 8
"""Bytes, little-endian, by which a cold start says on its report pipe what memory it has (bytes)
before its job begins; its :class:`Report` follows."""


def frame(message: msgspec.Struct) -> bytes:
    """A message as bytes, with its length in front."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


class Unframer:
    """Cuts a stream of bytes back into message bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more bytes; give each message that is now whole."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield body


def send_all(sock: socket.socket, data: bytes) -> None:
    """Send ``data`` whole, also on a socket that asyncio has made one that does not block."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[sock.send(rest) :]
        except BlockingIOError:
            room = select.poll()
            room.register(sock, select.POLLOUT)
            room.poll()


def send_with_fds(sock: socket.socket, message: msgspec.Struct, fds: Sequence[int]) -> None:
    """Send a message whole, and open files with its first byte."""
    data = frame(message)
    sent = sock.sendmsg(
        [data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    )
    sock.sendall(data[sent:])


def receive_with_fds(sock: socket.socket, most: int = 65536) -> tuple[bytes, list[int]]:
    """Receive bytes and the files that came with them; empty bytes at the end of the stream."""
    data, ancillary, _flags, _address = sock.recvmsg(most, socket.CMSG_SPACE(3 * 4))
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return data, list(fds)
