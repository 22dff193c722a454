"""Places where jobs run."""

from snakemake_renku.backends.base import (
    Backend,
    BackendEvent,
    JobEnded,
    JobPrinted,
    JobRuns,
    Lost,
    Said,
)

__all__ = ["Backend", "BackendEvent", "JobEnded", "JobPrinted", "JobRuns", "Lost", "Said"]
