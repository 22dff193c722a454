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
from snakemake_renku.journal.graph import RunGraph, inputs, normal_path, outputs
from snakemake_renku.journal.index import RECORDED_RUNS, RECORDS, VERDICTS, find_run, list_runs
from snakemake_renku.journal.read import JobHistory, RunHistory, read_run
from snakemake_renku.journal.redact import Redactor
from snakemake_renku.journal.verdicts import (
    encode_verdict,
    read_verdict,
    verdict_paths,
    verdicts_on,
)
from snakemake_renku.journal.write import JournalWriter, new_run_id

__all__ = [
    "RECORDED_RUNS",
    "RECORDS",
    "VERDICTS",
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
    "RunGraph",
    "RunHistory",
    "RunStarted",
    "encode_verdict",
    "find_run",
    "inputs",
    "list_runs",
    "new_run_id",
    "normal_path",
    "outputs",
    "read_run",
    "read_verdict",
    "verdict_paths",
    "verdicts_on",
]
