"""Processes that a run left behind when it was killed together with its supervisor.

Whoever kills Snakemake alone need not care: the supervisor ends the jobs. Where both were killed at
once, a job may go on, and would write to the same files as its repetition in the next run.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec
import psutil

from snakemake_renku.journal import list_runs
from snakemake_renku.journal.read import read_head, was_cut_off


def end_leftovers(workdir: Path) -> int:
    """Kill what still runs of the last run in ``workdir`` if that was cut off; how many they were.

    They are known by the mark of their run in their environment. A run that ended in order is left
    alone, and with it what its jobs started on purpose to stay.
    """
    run = _cut_off_run(workdir)
    if run is None:
        return 0
    found = [process for process in psutil.process_iter() if _belongs_to(process, run)]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.kill()
    return len(found)


def _cut_off_run(workdir: Path) -> str | None:
    runs = list_runs(workdir)
    if not runs:
        return None
    try:
        info = read_head(runs[-1])
        cut_off = info is not None and was_cut_off(runs[-1])
    except (OSError, msgspec.MsgspecError):
        return None
    here = info is not None and info.host == os.uname().nodename
    return info.run if info is not None and here and cut_off else None


def _belongs_to(process: psutil.Process, run: str) -> bool:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    # What Slurm runs on this very machine goes on without us, and is taken up again.
    elsewhere = environment.get("SLURM_JOB_ID") != os.environ.get("SLURM_JOB_ID")
    return environment.get("RENKU_RUN") == run and not elsewhere
