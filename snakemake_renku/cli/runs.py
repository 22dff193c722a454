"""The gist of a run, read without decoding all that its journal says of each job."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from snakemake_renku.errors import JournalError
from snakemake_renku.journal import read_run
from snakemake_renku.journal.events import FORMAT
from snakemake_renku.model import FailureKind, RunEnd, RunInfo, RunStatus


@dataclass(slots=True)
class RunSummary:
    """A run, and how many of its jobs ended how; of a job's attempts, the last one counts.

    ``damaged`` lists the numbers of lines that could not be read.
    """

    path: Path
    info: RunInfo
    status: RunStatus
    end: RunEnd | None
    total: int
    ok: int
    failed: int
    damaged: list[int]
    torn: bool


class _Failure(msgspec.Struct):
    kind: FailureKind


class _Record(msgspec.Struct):
    id: str
    failure: _Failure | None = None


class _Spec(msgspec.Struct):
    id: str
    jobid: str


class _Line(msgspec.Struct):
    event: str
    format: int = FORMAT
    id: str | None = None
    info: RunInfo | None = None
    spec: _Spec | None = None
    record: _Record | None = None
    failure: _Failure | None = None
    end: RunEnd | None = None


_decoder = msgspec.json.Decoder(_Line)


@dataclass(slots=True)
class _Scan:
    jobs: dict[str, str] = field(default_factory=dict)
    ended: dict[str, _Failure | None] = field(default_factory=dict)
    end: RunEnd | None = None
    damaged: list[int] = field(default_factory=list)
    torn: bool = False

    def take(self, line: _Line) -> None:
        if line.spec is not None:
            self.jobs[line.spec.jobid] = line.spec.id
        if line.record is not None:
            self.ended[line.record.id] = line.record.failure
        if line.event == "job_rejected" and line.id is not None:
            self.ended[line.id] = line.failure
        if line.end is not None:
            self.end = line.end


def summarize(path: Path) -> RunSummary:
    """Read the gist of the journal at ``path``.

    Raises:
        JournalError: it cannot be read, has no first line, or is of a newer format.
    """
    try:
        first, *lines = path.read_bytes().split(b"\n")
        head = _decoder.decode(first)
    except (OSError, msgspec.MsgspecError):
        return _hopeless(path)
    if head.info is None or head.format > FORMAT:
        return _hopeless(path)
    scan = _scan(lines)
    # Only the full reader knows whether a run without an end still goes on.
    status = scan.end.status if scan.end is not None else read_run(path).status
    last = [id for id in scan.jobs.values() if id in scan.ended]
    return RunSummary(
        path=path,
        info=head.info,
        status=status,
        end=scan.end,
        total=len(scan.jobs),
        ok=sum(scan.ended[id] is None for id in last),
        failed=sum(scan.ended[id] is not None for id in last),
        damaged=scan.damaged,
        torn=scan.torn,
    )


def _scan(lines: list[bytes]) -> _Scan:
    scan = _Scan()
    for number, line in enumerate(lines, start=2):
        if not line:
            continue
        try:
            scan.take(_decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            if number == len(lines) + 1:
                scan.torn = True
            else:
                scan.damaged.append(number)
    return scan


def _hopeless(path: Path) -> RunSummary:
    # The full reader says best why it cannot be read.
    read_run(path)
    raise JournalError(f"{path} is not a journal.")
