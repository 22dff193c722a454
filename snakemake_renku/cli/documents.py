"""The JSON that commands print: the model as it is, and beside it what is computed from it.

A field that has its default is left out of what comes from the model; all others are always there.
"""

from __future__ import annotations

from typing import Any

import msgspec

from snakemake_renku.cli.runs import RunSummary
from snakemake_renku.journal import JobHistory, RunHistory

FORMAT = 1
"""Grows when a field changes its meaning or goes away."""


def summary_document(run: RunSummary) -> dict[str, Any]:
    """A run in a list of runs."""
    return {
        "run": run.info.run,
        "status": run.status,
        "started": run.info.started,
        "finished": run.end.finished if run.end is not None else None,
        "jobs": {"total": run.total, "ok": run.ok, "failed": run.failed},
        "snakefile": run.info.snakefile,
        "git": _plain(run.info.git),
        "journal": str(run.path),
        "damaged_lines": run.damaged,
        "torn": run.torn,
    }


def run_document(run: RunHistory) -> dict[str, Any]:
    """A run without its jobs."""
    return {
        "run": run.info.run,
        "status": run.status,
        "info": _plain(run.info),
        "end": _plain(run.end),
        "notices": [_notice(notice) for notice in run.notices],
        "journal": str(run.path),
        "damaged_lines": run.damaged,
        "torn": run.torn,
    }


def job_document(run: RunHistory, job: JobHistory) -> dict[str, Any]:
    """One attempt of one job."""
    return {
        "id": job.spec.id,
        "status": run.state(job),
        "submitted": job.submitted,
        "started": job.started.time if job.started is not None else None,
        "spec": _plain(job.spec),
        "record": _plain(job.record),
        "notices": [_notice(notice) for notice in job.notices],
    }


def _notice(notice: Any) -> dict[str, Any]:
    return {"time": notice.time, "message": notice.message}


def _plain(value: object) -> Any:
    return None if value is None else msgspec.to_builtins(value)
