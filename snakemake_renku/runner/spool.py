"""Files on a shared file system through which a main process and jobs elsewhere know of each other.

::

    <folder>/                one for each run, for its user alone
      run                    TaskRun
      workflow               the pickled snapshot, where jobs need Snakemake
      <batch>/tasks          the jobs of a batch, numbered from 1
      <batch>/submitted      Submitted
      <batch>/<n>.begun      Begun
      <batch>/<n>.ended      Ended
      <batch>/<n>.out        what the job and its runner printed

Each file appears whole: it is written aside, synced and renamed, which holds on NFS too.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from snakemake_renku.model import JobRecord, JobSpec

T = TypeVar("T")

RUN, WORKFLOW, TASKS, SUBMITTED = "run", "workflow", "tasks", "submitted"
BEGUN, ENDED, PRINTED = ".begun", ".ended", ".out"

_ENTRY = struct.Struct("<QQ")


class TaskRun(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the jobs of a run have in common; ``no_snapshot`` tells why there is no workflow."""

    run: str
    run_started: float
    workdir: str
    no_snapshot: str | None = None
    scratch: str | None = None


class Submitted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A batch as it was handed to Slurm: ``job`` is its number there."""

    job: int
    time: float
    array: bool
    cluster: str | None = None


class Begun(msgspec.Struct, frozen=True, omit_defaults=True):
    """A runner began. ``time`` is in seconds since the epoch; ``restarts`` how often before."""

    host: str
    pid: int
    time: float
    job: str = ""
    restarts: int = 0


class Ended(msgspec.Struct, frozen=True, omit_defaults=True):
    """The end of a job, and what its runner had to say."""

    record: JobRecord
    told: tuple[str, ...] = ()


def put(path: Path, data: bytes) -> None:
    """Make a file appear whole, readable for its user alone.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    aside = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(aside, path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def put_struct(path: Path, value: msgspec.Struct) -> None:
    """Write a structure; raises OSError as :func:`put`."""
    put(path, msgspec.msgpack.encode(value))


def get_struct(path: Path, kind: type[T]) -> T | None:
    """Read a structure; None if there is none, or it cannot be understood."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def put_tasks(path: Path, specs: Sequence[JobSpec]) -> None:
    """Write the table of a batch: how many, where each begins and how long it is, and each."""
    bodies = [msgspec.msgpack.encode(spec) for spec in specs]
    at = 8 + _ENTRY.size * len(bodies)
    head = [len(bodies).to_bytes(8, "little")]
    for body in bodies:
        head.append(_ENTRY.pack(at, len(body)))
        at += len(body)
    put(path, b"".join([*head, *bodies]))


def count_tasks(path: Path) -> int:
    """How many jobs a table has; raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return int.from_bytes(file.read(8), "little")


def get_task(path: Path, number: int) -> JobSpec:
    """The job with this number (from 1), without reading the others.

    Raises:
        OSError: the table cannot be read.
        ValueError: it has no such job, or is damaged.
    """
    with path.open("rb") as file:
        count = int.from_bytes(file.read(8), "little")
        if not 1 <= number <= count:
            raise ValueError(f"{path} has {count} jobs, and no number {number}")
        file.seek(8 + _ENTRY.size * (number - 1))
        start, size = _ENTRY.unpack(file.read(_ENTRY.size))
        file.seek(start)
        return msgspec.msgpack.decode(file.read(size), type=JobSpec)


def get_tasks(path: Path) -> list[JobSpec]:
    """All jobs of a table, from number 1 on; raises as :func:`get_task`."""
    data = path.read_bytes()
    count = int.from_bytes(data[:8], "little")
    entries = (_ENTRY.unpack_from(data, 8 + _ENTRY.size * i) for i in range(count))
    return [msgspec.msgpack.decode(data[at : at + n], type=JobSpec) for at, n in entries]
