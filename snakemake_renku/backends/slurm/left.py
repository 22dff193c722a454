"""Jobs that an earlier run left with Slurm: it was cut off, or its user went away on purpose."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import msgspec

from snakemake_renku.backends.slurm.client import Client, TaskId, TaskState
from snakemake_renku.backends.slurm.endings import standing
from snakemake_renku.errors import BackendUnavailable, RenkuError, SlurmUnavailable
from snakemake_renku.model import FileRef, JobRecord, JobSpec
from snakemake_renku.runner import spool

_OWNER = "owner"
_END_S = 60.0
"""So long it is waited for the end of a job that is in the way, in seconds."""

_ANSWER_S = 60.0
"""So long it is waited for Slurm to tell of what an earlier run left."""


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
    """The jobs that earlier runs below ``folder`` left behind, by what they write.

    Raises:
        BackendUnavailable: there are such jobs, and Slurm does not tell of them.
    """

    def __init__(self, folder: Path, run: str, client: Client) -> None:
        self._client = client
        self._jobs: dict[tuple[str, ...], LeftJob] = {}
        self._states: dict[TaskId, TaskState] = {}
        for run_folder in sorted(folder.iterdir()):
            if run_folder.name != run and _is_abandoned(run_folder):
                self._find(run_folder)

    def _find(self, folder: Path) -> None:
        """Take the jobs of one run, and ask Slurm about those that are not over."""
        places = sorted(path for path in folder.iterdir() if (path / spool.TASKS).is_file())
        batches = [LeftBatch.read(place) for place in places]
        states = [] if all(batch.is_over for batch in batches) else self._ask(folder.name)
        for before, batch in zip(batches, assign(batches, states), strict=True):
            if before.note is None and batch.note is not None:
                with contextlib.suppress(OSError):
                    spool.put_struct(batch.place / spool.SUBMITTED, batch.note)
            for job in batch.jobs():
                # The later run of two that left the same.
                self._jobs[_outputs(job.spec)] = job
        self._states.update({(s.job, s.task): s for s in states})

    def _ask(self, name: str) -> list[TaskState]:
        """What Slurm knows of a run. Without its answer jobs might be begun that still run."""
        last = time.monotonic() + _ANSWER_S
        while True:
            try:
                return self._client.tasks(name)
            except SlurmUnavailable as error:
                if time.monotonic() > last:
                    raise BackendUnavailable(
                        f"An earlier run here ({name}) left jobs with Slurm, which does not tell"
                        f" whether they still run: {error.message}",
                        remedy="Start again once `squeue` answers.",
                    ) from error
            time.sleep(2)

    def match(self, spec: JobSpec, *, unconfirmed: Callable[[], bool]) -> LeftJob | None:
        """The job that does the work of ``spec`` already, or has done it.

        A job that goes on but is other work on the same files is cancelled, and waited for.
        """
        left = self._jobs.pop(_outputs(spec), None)
        if left is None:
            return None
        same = _work(left.spec) == _work(spec)
        ended = spool.get_struct(left.place / f"{left.number}{spool.ENDED}", spool.Ended)
        if ended is not None:
            fine = same and ended.record.ok and unconfirmed() and _files_are_as(ended.record)
            return left if fine else None
        state = self._states.get(left.id)
        if state is None or standing(state.state) == "over":
            return None
        if same and _inputs_are_older(spec, left.time):
            return left
        self._end(left)
        return None

    def _end(self, left: LeftJob) -> None:
        last, pause = time.monotonic() + _END_S, 0.1
        while time.monotonic() < last:
            with contextlib.suppress(RenkuError):
                self._client.cancel([left.id])
                state = self._client.describe(left.id)
                if state is None or standing(state.state) == "over":
                    return
            time.sleep(pause)
            pause = min(2 * pause, 2.0)


def _is_abandoned(folder: Path) -> bool:
    try:
        with (folder / _OWNER).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return (folder / _OWNER).exists()
    return True


@dataclass(frozen=True)
class LeftBatch:
    """A batch of an earlier run; ``note`` is None where that died before it could write one.

    ``begun`` are Slurm's numbers by what its runners wrote.
    """

    place: Path
    count: int
    ended: int
    note: spool.Submitted | None
    begun: frozenset[int] = frozenset()

    @classmethod
    def read(cls, place: Path) -> LeftBatch:
        """Read what is in the folder of a batch."""
        count, ended, begun = 0, 0, set()
        with contextlib.suppress(OSError):
            count = spool.count_tasks(place / spool.TASKS)
            for path in place.iterdir():
                ended += path.suffix == spool.ENDED
                if path.suffix == spool.BEGUN:
                    start = spool.get_struct(path, spool.Begun)
                    if start is not None and start.job.isdigit():
                        begun.add(int(start.job))
        note = spool.get_struct(place / spool.SUBMITTED, spool.Submitted)
        return cls(place, count, ended, note, frozenset(begun))

    @property
    def is_over(self) -> bool:
        """Whether all of its jobs have left their ends."""
        return self.ended >= self.count

    def may_be(self, tasks: Sequence[int | None]) -> bool:
        """Whether a Slurm job with these tasks can be this batch."""
        if self.count == 1:
            return list(tasks) == [None]
        return all(task is not None and task <= self.count for task in tasks)

    def jobs(self) -> Iterator[LeftJob]:
        """Its jobs, if Slurm's number of it is known."""
        if self.note is None:
            return
        run, note = self.place.parent.name, self.note
        with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
            for number, spec in enumerate(spool.get_tasks(self.place / spool.TASKS), start=1):
                yield LeftJob(run, self.place, number, spec, note.job, note.array, note.time)


def assign(batches: Sequence[LeftBatch], states: Sequence[TaskState]) -> list[LeftBatch]:
    """The batches, with Slurm's numbers also for those whose submission was not noted.

    By what their runners wrote, else by what Slurm has under the run's name that no other batch
    accounts for; one after another, as both were numbered.
    """
    known = {batch.note.job for batch in batches if batch.note is not None}
    known |= {job for batch in batches for job in batch.begun}
    tasks: dict[int, list[int | None]] = {}
    for state in states:
        if state.job not in known:
            tasks.setdefault(state.job, []).append(state.task)
    found = []
    for batch in batches:
        if batch.note is None:
            fitting = (job for job in sorted(tasks) if batch.may_be(tasks[job]))
            job = min(batch.begun, default=None) or next(fitting, None)
            if job is not None:
                tasks.pop(job, None)
                note = spool.Submitted(job, _made(batch.place), batch.count > 1)
                batch = replace(batch, note=note)
        found.append(batch)
    return found


def _made(place: Path) -> float:
    """When a batch was about to be submitted."""
    try:
        return (place / spool.TASKS).stat().st_mtime
    except OSError:
        return 0.0


def submitted_jobs(folder: Path) -> Iterator[int]:
    """Slurm's numbers of the batches of a run, as far as noted."""
    for place in folder.iterdir():
        note = spool.get_struct(place / spool.SUBMITTED, spool.Submitted)
        if note is not None:
            yield note.job


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
