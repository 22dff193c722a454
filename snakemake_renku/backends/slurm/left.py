"""Jobs that an earlier run left with Slurm: it was cut off, or its user went away on purpose."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from snakemake_renku.backends.slurm.client import Client, TaskId, TaskState
from snakemake_renku.backends.slurm.endings import standing
from snakemake_renku.errors import RenkuError
from snakemake_renku.model import FileRef, JobRecord, JobSpec
from snakemake_renku.runner import spool

_OWNER = "owner"
_END_S = 60.0


def claim(folder: Path) -> BinaryIO:
    """Mark a folder as that of a process that lives, as long as the file stays open.

    Raises:
        OSError: it cannot be written.
    """
    file = (folder / _OWNER).open("wb")
    with contextlib.suppress(OSError):  # no locks there: then two at once are kept off by Snakemake
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


@dataclass(frozen=True)
class LeftJob:
    """A job of an earlier run: ``name`` is that of its jobs in Slurm."""

    name: str
    place: Path
    number: int
    spec: JobSpec
    job: int
    array: bool
    time: float

    @property
    def id(self) -> TaskId:
        """Slurm's name for it."""
        return self.job, self.number if self.array else None


class Left:
    """The jobs that earlier runs below ``folder`` left behind, by what they write."""

    def __init__(self, folder: Path, run: str, client: Client) -> None:
        self._client = client
        self._jobs: dict[tuple[str, ...], LeftJob] = {}
        self._states: dict[TaskId, TaskState] = {}
        for run_folder in sorted(folder.iterdir()):
            if run_folder.name != run and _is_abandoned(run_folder):
                for job in _jobs_of(run_folder):
                    # The later run of two that left the same.
                    self._jobs[_outputs(job.spec)] = job
        for name in {job.name for job in self._jobs.values()}:
            with contextlib.suppress(RenkuError):
                self._states.update({(s.job, s.task): s for s in client.tasks(name)})

    def match(self, spec: JobSpec, *, unconfirmed: bool) -> LeftJob | None:
        """The job that does the work of ``spec`` already, or has done it.

        A job that goes on but is other work on the same files is cancelled, and waited for.
        """
        left = self._jobs.pop(_outputs(spec), None)
        if left is None:
            return None
        same = _work(left.spec) == _work(spec)
        ended = spool.get_struct(left.place / f"{left.number}{spool.ENDED}", spool.Ended)
        if ended is not None:
            fine = same and unconfirmed and ended.record.ok and _files_are_as(ended.record)
            return left if fine else None
        state = self._states.get(left.id)
        if state is None or standing(state.state) == "over":
            return None
        if same and _inputs_are_older(spec, left.time):
            return left
        self._end(left)
        return None

    def _end(self, left: LeftJob) -> None:
        last = time.monotonic() + _END_S
        while time.monotonic() < last:
            with contextlib.suppress(RenkuError):
                self._client.cancel([left.id])
                state = self._client.describe(left.id)
                if state is None or standing(state.state) == "over":
                    return
            time.sleep(1)


def _is_abandoned(folder: Path) -> bool:
    try:
        with (folder / _OWNER).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return (folder / _OWNER).exists()
    return True


def _jobs_of(folder: Path) -> Iterator[LeftJob]:
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        note = spool.get_struct(place / spool.SUBMITTED, spool.Submitted)
        if note is None:
            continue
        with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
            for number, spec in enumerate(spool.get_tasks(place / spool.TASKS), start=1):
                yield LeftJob(folder.name, place, number, spec, note.job, note.array, note.time)


def _outputs(spec: JobSpec) -> tuple[str, ...]:
    return tuple(sorted(file.path for step in spec.steps for file in step.output)) or (spec.jobid,)


def _work(spec: JobSpec) -> bytes:
    """What a job does, without what it was asked to have for that, and without its number."""
    return msgspec.msgpack.encode((spec.steps, spec.shell_command, spec.shell_executable))


def _inputs_are_older(spec: JobSpec, moment: float) -> bool:
    for path in (file.path for step in spec.steps for file in step.input):
        try:
            if os.stat(path).st_mtime > moment:
                return False
        except OSError:
            return False
    return True


def _files_are_as(record: JobRecord) -> bool:
    """Whether inputs and outputs still are what the record says, by their size and time."""
    refs = (ref for step in record.steps for ref in (*step.input, *step.output))
    return all(_is_as(ref) for ref in refs)


def _is_as(ref: FileRef) -> bool:
    if ref.kind != "file":
        return ref.kind in ("directory", "special") and os.path.lexists(ref.path)
    try:
        status = os.stat(ref.path)
    except OSError:
        return False
    return (
        status.st_size == ref.size
        and ref.mtime is not None
        and (abs(status.st_mtime - ref.mtime) < 1e-3)
    )
