"""What others may import: a name that goes away breaks them, so it goes on purpose or stays."""

from __future__ import annotations

import importlib

import pytest

NAMES = {
    "snakemake_renku": ["__version__", "dask_client"],
    "snakemake_renku.model": [
        "Difference",
        "Environment",
        "Failure",
        "FailureKind",
        "FileKind",
        "FileRef",
        "FileSpec",
        "Finding",
        "GitState",
        "JobRecord",
        "JobSpec",
        "JobVerdict",
        "Mode",
        "Outcome",
        "OutputVerdict",
        "Place",
        "ResolvedEnvironment",
        "Role",
        "RunEnd",
        "RunInfo",
        "RunStatus",
        "Software",
        "SourceFile",
        "Step",
        "StepFiles",
        "StepKind",
        "Tolerance",
        "Usage",
        "Verdict",
        "WorkflowOptions",
        "worst",
    ],
    "snakemake_renku.journal": [
        "Event",
        "JobFinished",
        "JobHistory",
        "JobRejected",
        "JobStarted",
        "JobSubmitted",
        "JournalWriter",
        "Notice",
        "RECORDED_RUNS",
        "RECORDS",
        "Redactor",
        "RunFinished",
        "RunGraph",
        "RunHistory",
        "RunStarted",
        "VERDICTS",
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
    ],
    "snakemake_renku.backends": [
        "Backend",
        "BackendEvent",
        "Closed",
        "FilesHashed",
        "JobEnded",
        "JobPrinted",
        "JobRuns",
        "Lost",
        "Said",
    ],
}


@pytest.mark.parametrize("module", NAMES)
def test_the_public_names_are_these(module: str) -> None:
    assert sorted(importlib.import_module(module).__all__) == NAMES[module]


@pytest.mark.parametrize("module", NAMES)
def test_each_public_name_is_there(module: str) -> None:
    imported = importlib.import_module(module)
    assert [name for name in imported.__all__ if not hasattr(imported, name)] == []
