"""What the main process knows of the batches that it has handed to Slurm."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from snakemake_renku.backends.slurm.client import TaskId, TaskState
from snakemake_renku.model import JobSpec
from snakemake_renku.runner import spool

_TAIL = 2000


@dataclass(slots=True, eq=False)
class Live:
    """A job that Slurm has and that is not over for us. Moments are of the monotonic clock."""

    spec: JobSpec
    batch: Batch
    number: int
    since: float = field(default_factory=time.monotonic)
    runs: bool = False
    cancelled: bool = False
    cancel_sent: bool = False
    """Whether Slurm has been told so."""
    state: TaskState | None = None
    """Slurm's last word."""
    over_since: float | None = None
    looked: float = 0.0
    """When its end was last looked for by its name."""
    missing_since: float | None = None
    end: spool.Ended | None = None
    end_since: float | None = None
    put_back: bool = False
    """Whether the user was told that Slurm has put it back into the queue."""
    never: int = 0
    """How often in a row Slurm said that it can never start."""

    @property
    def id(self) -> TaskId:
        """Slurm's name for it."""
        return self.batch.job, self.number if self.batch.array else None

    @property
    def printed(self) -> Path:
        """The file of all that it printed."""
        return self.batch.place / f"{self.number}{spool.PRINTED}"

    def begun(self) -> spool.Begun | None:
        """What its runner said when it began."""
        path = self.batch.place / f"{self.number}{spool.BEGUN}"
        return spool.get_struct(path, spool.Begun)

    def last_words(self) -> str:
        """The last line of what was printed, if there is any."""
        try:
            with self.printed.open("rb") as file:
                file.seek(max(0, self.printed.stat().st_size - _TAIL))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][:500] if lines else ""


@dataclass(slots=True, eq=False)
class Batch:
    """An array, or a job of its own. ``name`` is that of its jobs in Slurm."""

    name: str
    place: Path
    job: int
    array: bool
    live: dict[int, Live] = field(default_factory=dict)
    failed: bool = False
    adopted: bool = False
    done: set[int] = field(default_factory=set)
    """Those that have been told of as ended."""
    _seen: set[int] = field(default_factory=set)
    _mtime: int = -1
    _settled: bool = False

    def new_ends(self) -> Iterator[tuple[Live, spool.Ended]]:
        """The ends that were written since the last call."""
        try:
            mtime = self.place.stat().st_mtime_ns
            if mtime == self._mtime and self._settled:
                return
            # A file may still appear under the same time stamp, as clocks of file systems tick.
            self._settled = time.time_ns() - mtime > 2_000_000_000
            self._mtime = mtime
            names = os.listdir(self.place)
        except OSError:
            return
        for name in names:
            number = _number(name)
            live = self.live.get(number)
            if live is None or number in self._seen:
                continue
            ended = spool.get_struct(self.place / name, spool.Ended)
            if ended is not None:
                self._seen.add(number)
                yield live, ended

    def forget_end(self, live: Live) -> None:
        """Slurm has put the job back: what its runner wrote at the first end no longer counts."""
        if self.look_again(live) == live.end:
            with contextlib.suppress(OSError):
                (self.place / f"{live.number}{spool.ENDED}").unlink()
        live.end = live.end_since = None
        self._seen.discard(live.number)
        self._settled = False

    def is_over(self) -> bool:
        """Whether all of its jobs have left their ends, also those that nobody asked for again."""
        try:
            names = os.listdir(self.place)
            count = spool.count_tasks(self.place / spool.TASKS)
        except OSError:
            return True
        return {0, *self.done, *map(_number, names)} >= set(range(count + 1))

    def look_again(self, live: Live) -> spool.Ended | None:
        """Whether the end of this job is there by now, past what a folder's listing tells."""
        return spool.get_struct(self.place / f"{live.number}{spool.ENDED}", spool.Ended)


def _number(name: str) -> int:
    stem, dot, _ = name.partition(spool.ENDED)
    return int(stem) if dot and stem.isdigit() else 0
