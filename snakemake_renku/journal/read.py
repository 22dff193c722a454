"""Reading a journal back, also one that was cut off."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil

from snakemake_renku.errors import JournalError
from snakemake_renku.journal.events import (
    FORMAT,
    KINDS,
    Event,
    JobFinished,
    JobRejected,
    JobStarted,
    JobSubmitted,
    Notice,
    RunFinished,
    RunStarted,
)
from snakemake_renku.model import JobRecord, JobSpec, RunEnd, RunInfo, RunStatus

_LAST_LINE = 1 << 16

JobState = str
"""``submitted``, ``running``, ``success``, ``failed``, ``cancelled`` or ``interrupted``."""


@dataclass(slots=True)
class JobHistory:
    """All that a journal says of one attempt of one job."""

    spec: JobSpec
    submitted: float
    started: JobStarted | None = None
    record: JobRecord | None = None
    notices: list[Notice] = field(default_factory=list)


@dataclass(slots=True)
class RunHistory:
    """All that a journal says. ``damaged`` lists the numbers of lines that could not be read."""

    path: Path
    info: RunInfo
    end: RunEnd | None = None
    jobs: dict[str, JobHistory] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    torn: bool = False
    alive: bool = False

    @property
    def status(self) -> RunStatus:
        """How the run ended, or whether it goes on; ``interrupted`` if it was cut off."""
        if self.end is not None:
            return self.end.status
        return "running" if self.alive else "interrupted"

    def state(self, job: JobHistory) -> JobState:
        """Where a job of this run stands."""
        if job.record is not None:
            failure = job.record.failure
            if failure is None:
                return "success"
            return "cancelled" if failure.kind == "cancelled" else "failed"
        if self.status != "running":
            return "interrupted"
        return "running" if job.started is not None else "submitted"


def read_run(path: Path) -> RunHistory:
    """Read the journal at ``path``.

    A torn last line (the writer was killed, or the disk full) is passed over, and so is a damaged
    one in the middle; both are told in the result.

    Raises:
        JournalError: the file cannot be read, has no first line, or is of a newer format.
    """
    events, damaged, torn = _events(path)
    _check_format(path)
    first = next(events, None)
    if not isinstance(first, RunStarted):
        rest = sum(1 for _ in events) + (first is not None)
        remedy = (
            f"The other {rest} lines can be read as they stand; each is JSON."
            if rest
            else "It was cut off before anything ran; it can be deleted."
        )
        raise JournalError(f"{path} does not begin with the head of a run.", remedy=remedy)
    history = RunHistory(path, first.info, damaged=damaged)
    for event in events:
        _apply(history, event)
    history.torn = bool(torn)
    history.alive = history.end is None and _is_alive(path, history.info)
    return history


def read_head(path: Path) -> RunInfo | None:
    """The head of the journal at ``path`` alone; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            event = _decode(file.readline())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return event.info if isinstance(event, RunStarted) else None


def was_cut_off(path: Path) -> bool:
    """Whether the run of the journal at ``path`` neither ended in order nor goes on.

    Looks at the head and the last line alone.
    """
    info = read_head(path)
    if info is None:
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LAST_LINE))
        lines = file.read().splitlines()
    return not (lines and b'"event":"run_finished"' in lines[-1]) and not _is_alive(path, info)


def _events(path: Path) -> tuple[Iterator[Event], list[int], list[int]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JournalError(f"Cannot read the journal {path}: {error.strerror}.") from error
    damaged: list[int] = []
    torn: list[int] = []

    def walk() -> Iterator[Event]:
        lines = data.split(b"\n")
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            try:
                event = _decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                (torn if number == len(lines) else damaged).append(number)
                continue
            if event is not None:
                yield event

    return walk(), damaged, torn


def _check_format(path: Path) -> None:
    """Refuse what a newer version wrote, by the one field of the head that never changes."""
    with path.open("rb") as file, contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
        found = msgspec.json.decode(file.readline(), type=_Format).format
        if found > FORMAT:
            raise JournalError(
                f"{path} was written in format {found}, newer than this version knows.",
                remedy="Install a newer snakemake-renku.",
            )


class _Format(msgspec.Struct):
    format: int


class _Kind(msgspec.Struct):
    event: str


_kind_decoder = msgspec.json.Decoder(_Kind)
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def _decode(line: bytes) -> Event | None:
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError:
        if _kind_decoder.decode(line).event not in KINDS:
            return None
        raise


def _apply(history: RunHistory, event: Event) -> None:
    match event:
        case JobSubmitted():
            history.jobs[event.spec.id] = JobHistory(event.spec, event.time)
        case JobStarted() if event.id in history.jobs:
            history.jobs[event.id].started = event
        case JobFinished() if event.record.id in history.jobs:
            history.jobs[event.record.id].record = event.record
        case JobRejected() if event.id in history.jobs:
            _reject(history.jobs[event.id], event)
        case Notice() if event.id is not None and event.id in history.jobs:
            history.jobs[event.id].notices.append(event)
        case Notice():
            history.notices.append(event)
        case RunFinished():
            history.end = event.end


def _reject(job: JobHistory, event: JobRejected) -> None:
    if job.record is not None:
        job.record = msgspec.structs.replace(job.record, failure=event.failure)


def _is_alive(path: Path, info: RunInfo) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return info.host == os.uname().nodename and psutil.pid_exists(info.pid)
    finally:
        os.close(fd)
    return False
