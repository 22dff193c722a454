"""From a working directory to a report in a file."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from snakemake_renku.errors import JournalError
from snakemake_renku.journal import find_run, read_run, read_verdict, verdict_paths
from snakemake_renku.model import RunStatus, Verdict
from snakemake_renku.report.page import page
from snakemake_renku.report.rules import last_attempts
from snakemake_renku.report.write import write


class Made(msgspec.Struct, frozen=True):
    """What was written: on which run, its jobs, and the size of the file in bytes."""

    run: str
    status: RunStatus
    jobs: int
    size: int


def write_report(workdir: Path, name: str | None, destination: Path) -> Made:
    """Report on the run ``name`` (None: the latest) below ``workdir`` in the file ``destination``.

    Raises:
        NoSuchRun: there is no such run.
        JournalError: its journal cannot be read.
        ExportError: the file cannot be written; what was there is left as it was.
    """
    with _without_collection():
        run = read_run(find_run(workdir, name))
        verdicts, remarks = _verdicts(workdir, run.info.run)
        data = page(run, verdicts, remarks)
    write(destination, data)
    return Made(run.info.run, run.status, len(last_attempts(run)), len(data))


def _verdicts(workdir: Path, run: str) -> tuple[list[Verdict], list[str]]:
    """The verdicts on a run, oldest first, and remarks on those that cannot be read."""
    verdicts, remarks = [], []
    for path in verdict_paths(workdir):
        try:
            verdict = read_verdict(path)
        except JournalError:
            remarks.append(f"The verdict {path.name} cannot be read.")
            continue
        if run in verdict.runs:
            verdicts.append(verdict)
    return verdicts, remarks


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep the garbage collector, which would find nothing, from looking at all that is read."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
