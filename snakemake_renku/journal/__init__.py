"""The journal: the append-only file of everything that happened in a run.

One file a run, ``.snakemake/renku/runs/<run>.jsonl``, one event a line, JSON. Every other form of
a record is derived from it and can be rebuilt.
"""

from snakemake_renku.journal.events import (
    Event,
    JobFinished,
    JobRejected,
    JobStarted,
    JobSubmitted,
    Notice,
    RunFinished,
    RunStarted,
)
from snakemake_renku.journal.index import find_run, list_runs
from snakemake_renku.journal.read import JobHistory, RunHistory, read_run
from snakemake_renku.journal.redact import Redactor
from snakemake_renku.journal.write import JournalWriter, new_run_id

__all__ = [
    "Event",
    "JobFinished",
    "JobHistory",
    "JobRejected",
    "JobStarted",
    "JobSubmitted",
    "JournalWriter",
    "Notice",
    "Redactor",
    "RunFinished",
    "RunHistory",
    "RunStarted",
    "find_run",
    "list_runs",
    "new_run_id",
    "read_run",
]
