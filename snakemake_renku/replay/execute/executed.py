"""What became of each recorded job, and what is told meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from snakemake_renku.model import JobRecord


class Executed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One recorded job in the replay: its new record, or why there is none.

    Paths in ``record`` are those in the clone (relative ones are the same as recorded); of a rule
    without anything to do the record is made up, and well. Where a job was repeated after a fault
    of the platform, ``record`` is of the last attempt.
    """

    record: JobRecord | None = None
    not_replayable: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the job was executed, and ended well."""
        return self.record is not None and self.record.ok


class Began(msgspec.Struct, frozen=True):
    """A job's process runs; ``id`` is that of the recorded attempt, ``time`` since the epoch."""

    id: str
    rule: str
    wildcards: dict[str, str]
    time: float


class Ended(msgspec.Struct, frozen=True):
    """A job is settled; also told of jobs that were never begun."""

    id: str
    rule: str
    executed: Executed
    time: float


class Told(msgspec.Struct, frozen=True):
    """Words for the user, about one job or (``id`` None) about the replay."""

    message: str
    id: str | None = None


Event = Began | Ended | Told

Listener = Callable[[Event], None]
