"""A twin of a backend, in memory: for tests of what stands on the other side of the seam.

It starts no process. A job runs when the test says so, prints what it says, and ends as it says.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence

from snakemake_renku.backends.base import (
    BackendEvent,
    Closed,
    FilesHashed,
    JobEnded,
    JobPrinted,
    JobRuns,
    Lost,
)
from snakemake_renku.backends.stream import EventStream
from snakemake_renku.model import Failure, FileRef, FileSpec, JobRecord, JobSpec, Role, StepFiles

HOST = "memory"


class MemoryBackend:
    """Keeps the jobs that it is given in ``jobs``, by id, until one ends.

    ``digests`` says what :meth:`hash_files` finds, by path; any other file is missing. All methods
    but :meth:`events` may be called from any thread.
    """

    name = "memory"

    def __init__(self, digests: Mapping[str, str] | None = None) -> None:
        self.jobs: dict[str, JobSpec] = {}
        self._started: dict[str, tuple[int, float]] = {}
        self._digests = digests or {}
        self._lock = threading.RLock()
        self._closing = self._over = False
        self._stream = EventStream()

    # --- what a test says -------------------------------------------------------------------

    def start(self, job: str, pid: int = 1) -> None:
        """Let a job run."""
        with self._lock:
            self._started[job] = pid, time.time()
            self._stream.say(JobRuns(job, pid, HOST, self._started[job][1]))

    def print(self, job: str, data: bytes, stream: int = 1) -> None:
        """Let a job write to its stdout (1) or stderr (2)."""
        self._stream.say(JobPrinted(job, stream, data))

    def end(self, job: str, failure: Failure | None = None) -> None:
        """Let a job end, well or with ``failure``."""
        with self._lock:
            spec = self.jobs.pop(job)
            pid, started = self._started.pop(job, (0, time.time()))
            code = 0 if failure is None else failure.exit_code
            signal = None if failure is None else failure.signal
            steps = tuple(StepFiles(step.rule) for step in spec.steps)
            self._stream.say(
                JobEnded(
                    JobRecord(
                        spec.id, spec.mode, started, time.time(), HOST, pid, steps, code, signal,
                        failure,
                    )
                )
            )  # fmt: skip
            self._close_if_idle()

    def lose(self, message: str) -> None:
        """Let the backend itself go, with its jobs."""
        with self._lock:
            self.jobs.clear()
            self._finish(Lost(message))

    # --- what stands in the seam ------------------------------------------------------------

    def submit(self, specs: Sequence[JobSpec]) -> None:
        """Keep jobs until the test lets them run and end."""
        with self._lock:
            if not self._over:
                self.jobs.update({spec.id: spec for spec in specs})

    def cancel(self, ids: Sequence[str] | None = None) -> None:
        """End these jobs, or all, at once."""
        with self._lock:
            for job in tuple(self.jobs) if ids is None else ids:
                if job in self.jobs:
                    self.end(job, Failure("cancelled", "It was cancelled."))

    def hash_files(
        self, token: int, inputs: Sequence[FileSpec], outputs: Sequence[FileSpec]
    ) -> None:
        """Answer from ``digests``."""
        found = self._found(inputs, "input"), self._found(outputs, "output")
        self._stream.say(FilesHashed(token, *found))

    def events(self) -> AsyncIterator[BackendEvent]:
        """What happened and happens, until the backend is closed or lost."""
        return self._stream.events()

    def close(self) -> None:
        """End once no job is left."""
        with self._lock:
            self._closing = True
            self._close_if_idle()

    def _found(self, files: Sequence[FileSpec], role: Role) -> tuple[FileRef, ...]:
        found = ((file, self._digests.get(file.path)) for file in files)
        return tuple(
            FileRef(file.path, role, "missing" if digest is None else "file", digest)
            for file, digest in found
        )

    def _close_if_idle(self) -> None:
        if self._closing and not self.jobs:
            self._finish(Closed(cpu_s=0.0))

    def _finish(self, last: Closed | Lost) -> None:
        self._over = True
        self._stream.say(last)
