"""Places where jobs run."""

from snakemake_renku.backends.base import (
    Backend,
    BackendEvent,
    Closed,
    FilesHashed,
    JobEnded,
    JobPrinted,
    JobRuns,
    Lost,
    Said,
)

__all__ = [
    "Backend",
    "BackendEvent",
    "Closed",
    "FilesHashed",
    "JobEnded",
    "JobPrinted",
    "JobRuns",
    "Lost",
    "Said",
]
