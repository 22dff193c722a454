"""What a line of the journal may say.

Each event is a JSON object with its kind under ``event`` and its time (seconds since the epoch)
under ``time``. A reader skips kinds that it does not know, so a newer writer may add some.
"""

from __future__ import annotations

import msgspec

from snakemake_renku.model import Failure, JobRecord, JobSpec, RunEnd, RunInfo

FORMAT = 1
"""Version of the journal's format; grows when an old reader would misread a new journal."""


class RunStarted(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", tag="run_started"
):
    """The first line."""

    time: float
    info: RunInfo
    format: int = FORMAT


class JobSubmitted(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", tag="job_submitted"
):
    """A job was handed to the backend."""

    time: float
    spec: JobSpec


class JobStarted(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", tag="job_started"
):
    """A job's process runs; ``pid`` is also the number of its process group."""

    time: float
    id: str
    pid: int
    host: str


class JobFinished(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", tag="job_finished"
):
    """An attempt ended, well or not."""

    time: float
    record: JobRecord


class JobRejected(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", tag="job_rejected"
):
    """Snakemake did not accept what an attempt left that had itself ended well."""

    time: float
    id: str
    failure: Failure


class Notice(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", tag="notice"):
    """Something that the user was told, of one job or of the run."""

    time: float
    message: str
    id: str | None = None


class RunFinished(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", tag="run_finished"
):
    """The last line of a run that ended in order."""

    time: float
    end: RunEnd


Event = RunStarted | JobSubmitted | JobStarted | JobFinished | JobRejected | Notice | RunFinished

KINDS = frozenset(
    {
        "run_started",
        "job_submitted",
        "job_started",
        "job_finished",
        "job_rejected",
        "notice",
        "run_finished",
    }
)
