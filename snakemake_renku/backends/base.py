"""The seam between Snakemake's side and the places where jobs run.

Batches in, events out; no polling per job. A backend knows nothing of provenance.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from snakemake_renku.model import FileRef, FileSpec, JobRecord, JobSpec


class JobRuns(msgspec.Struct, frozen=True):
    """A job's process was started; ``time`` in seconds since the epoch."""

    id: str
    pid: int
    host: str
    time: float


class JobPrinted(msgspec.Struct, frozen=True):
    """What a job wrote to its stdout (``stream`` 1) or stderr (2)."""

    id: str
    stream: int
    data: bytes


class JobEnded(msgspec.Struct, frozen=True):
    """An attempt is over."""

    record: JobRecord


class Said(msgspec.Struct, frozen=True):
    """Words for the user, about one job or (``id`` None) about the run."""

    message: str
    id: str | None = None


class FilesHashed(msgspec.Struct, frozen=True):
    """The answer to :meth:`Backend.hash_files`; ``problem`` if some file could not be read."""

    token: int
    input: tuple[FileRef, ...]
    output: tuple[FileRef, ...]
    problem: str | None = None


class Closed(msgspec.Struct, frozen=True):
    """The backend ended in order; ``cpu_s`` is the CPU time of all that it ran, in seconds."""

    cpu_s: float


class Lost(msgspec.Struct, frozen=True):
    """The backend itself is gone, with the jobs that it had not yet ended; the last event."""

    message: str


BackendEvent = JobRuns | JobPrinted | JobEnded | Said | FilesHashed | Closed | Lost


class Backend(Protocol):
    """Runs jobs somewhere. All methods but :meth:`events` may be called from any thread."""

    name: str

    def submit(self, specs: Sequence[JobSpec]) -> None:
        """Take jobs, to be run when there is room for them."""

    def cancel(self, ids: Sequence[str] | None = None) -> None:
        """End these jobs, or all; each ends with a record of kind ``cancelled``."""

    def hash_files(
        self, token: int, inputs: Sequence[FileSpec], outputs: Sequence[FileSpec]
    ) -> None:
        """Digest the files of a job that Snakemake ran itself."""

    def events(self) -> AsyncIterator[BackendEvent]:
        """What happens, until the backend is closed or lost."""

    def close(self) -> None:
        """Take no more jobs, and end once those that run have ended."""


@runtime_checkable
class Returnable(Protocol):
    """What a backend has whose jobs go on without this process."""

    def leave(self) -> int:
        """End now, and leave the jobs running; how many they are."""

    def reattach(self, spec: JobSpec, *, unconfirmed: Callable[[], bool]) -> bool:
        """Take up a job that an earlier run left, if it is the work of ``spec``.

        ``unconfirmed`` tells whether Snakemake does not know its output to be whole: only then the
        end of one that is over is taken. False if there is none; then ``spec`` is to be submitted.
        """

    def most(self, spec: JobSpec) -> tuple[int | None, int | None]:
        """How much memory (MB) and time (minutes) a job could get; None where that is open."""
