"""The commands by which workers are started."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping

from snakemake_renku.step_cluster.keys import Keys
from snakemake_renku.step_cluster.plan import Plan

DEATH_TIMEOUT = 60
"""Seconds for which a worker looks for the step before it gives up."""

_MODULE = "distributed.cli.dask_worker"

_OF_THE_STEP = (
    *("SLURM_CPUS_PER_TASK", "SLURM_TRES_PER_TASK", "SLURM_NTASKS", "SLURM_NPROCS"),
    *("SLURM_NTASKS_PER_NODE", "SLURM_TASKS_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_MEM_PER_GPU"),
    *("SLURM_DISTRIBUTION", "SLURM_CPU_BIND", "SLURM_EXACT", "SLURM_OVERLAP", "SLURM_WHOLE"),
)
"""By these ``srun`` would take over how the step itself was asked for."""


def worker(plan: Plan, address: str, keys: Keys | None, *options: str) -> list[str]:
    """One worker with its own nanny, which starts it again if it uses too much memory."""
    return [
        *(sys.executable, "-P", "-m", _MODULE, address),
        *("--nthreads", str(plan.threads), "--memory-limit", f"{plan.mem_mb}MB"),
        *("--nworkers", "1", "--nanny", "--no-dashboard"),
        *("--death-timeout", str(DEATH_TIMEOUT)),
        *(keys.options() if keys is not None else ()),
        *options,
    ]


def local_workers(plan: Plan, address: str, keys: Keys | None) -> list[list[str]]:
    """One command for each worker on this machine."""
    return [
        worker(plan, address, keys, "--host", "127.0.0.1", "--name", str(number))
        for number in range(plan.workers)
    ]


def allocated_workers(plan: Plan, address: str, keys: Keys | None, room: int) -> list[list[str]]:
    """One ``srun`` for all workers, beside the step in its own allocation."""
    return [
        [
            *("srun", "--overlap", f"--ntasks={min(room, plan.workers)}"),
            *(f"--cpus-per-task={plan.threads}", "--mem=0", "--export=ALL", "--input=none"),
            *("--kill-on-bad-exit=0", "--wait=0", "--quiet", "--job-name=dask-workers"),
            *worker(plan, address, keys),
        ]
    ]


def environment(plan: Plan, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of this process, for its workers: they import what the script imports."""
    found = {name: value for name, value in environ.items() if name not in _OF_THE_STEP}
    if path := python_path(plan, environ):
        found["PYTHONPATH"] = path
    return found


def python_path(plan: Plan, environ: Mapping[str, str]) -> str:
    """The value of ``PYTHONPATH`` for workers."""
    inherited = environ.get("PYTHONPATH", "")
    return os.pathsep.join([*plan.path, *([inherited] if inherited else [])])


def prologue(plan: Plan, environ: Mapping[str, str]) -> list[str]:
    """What a worker's Slurm job does first: it is no process of the step that asked for it."""
    lines = ["unset RENKU_JOB"]
    if path := python_path(plan, environ):
        lines.append(f"export PYTHONPATH={shlex.quote(path)}")
    return lines
