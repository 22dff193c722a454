"""Schedulers in the step's own process, with workers of two kinds.

dask's ``LocalCluster`` is none of them: its workers import the main module anew, which here is a
script of Snakemake's that would run a second time.
"""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from snakemake_renku.step_cluster.keys import Keys
from snakemake_renku.step_cluster.plan import Plan
from snakemake_renku.step_cluster.workers import DEATH_TIMEOUT, prologue

# By name, since what dask says of its types is neither complete nor right.
_distributed: Any = importlib.import_module("distributed")


def bare_cluster(host: str, keys: Keys | None) -> Any:
    """A cluster whose workers come by themselves."""
    options = _scheduler_options(host)
    if keys is not None:
        options |= {"protocol": "tls", "security": keys.security}
    return _distributed.SpecCluster(
        workers={},
        scheduler={"cls": _distributed.Scheduler, "options": options},
        security=keys.security if keys is not None else None,
        silence_logs="ERROR",
        name="step",
    )


def slurm_cluster(
    plan: Plan, name: str, host: str, keys: Keys | None, logs: Path, refusals: list[str]
) -> Any:
    """A cluster whose workers are Slurm jobs of this name, not yet submitted.

    What Slurm says to those that it does not take is added to ``refusals``.
    """
    slurm: Any = importlib.import_module("dask_jobqueue.slurm")
    return slurm.SLURMCluster(
        job_cls=_telling(slurm.SLURMJob, refusals),
        cores=plan.threads,
        processes=1,
        memory=f"{plan.mem_mb}MB",
        job_mem=f"{plan.mem_mb}M",
        job_name=name,
        queue=plan.partition,
        account=plan.account,
        walltime=None if plan.runtime_min is None else _walltime(plan.runtime_min),
        job_directives_skip=["#SBATCH -t "] if plan.runtime_min is None else [],
        job_extra_directives=[*([f"--qos={plan.qos}"] if plan.qos else []), *plan.extra],
        job_script_prologue=prologue(plan, os.environ),
        log_directory=str(logs),
        death_timeout=DEATH_TIMEOUT,
        python=f"{shlex.quote(sys.executable)} -P",
        worker_command="snakemake_renku.step_cluster.worker",
        worker_extra_args=["--nworkers", "1", "--nanny", "--no-dashboard"],
        security=keys.security if keys is not None else None,
        scheduler_options=_scheduler_options(host),
        silence_logs="ERROR",
        name=name,
    )


def _scheduler_options(host: str) -> dict[str, Any]:
    """A scheduler on this address, on a free port, without a dashboard."""
    return {"host": host, "port": 0, "dashboard": False, "dashboard_address": f"{host}:0"}


def _telling(job: Any, refusals: list[str]) -> Any:
    """That kind of job, which also tells when it is not taken: dask_jobqueue only logs it."""

    async def submit(self: Any, script: str) -> Any:
        try:
            return await job._submit_job(self, script)
        except (RuntimeError, OSError) as error:
            refusals.append(_words(error))
            raise

    return type("WorkerJob", (job,), {"_submit_job": submit})


def _walltime(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours}:{rest:02}:00"


def _words(error: Exception) -> str:
    """What ``sbatch`` said, out of what dask_jobqueue made of it."""
    text = str(error)
    said = text.partition("stderr:\n")[2].strip() or text.strip()
    lines = [line.removeprefix("sbatch: ").removeprefix("error: ") for line in said.splitlines()]
    return "; ".join(line.strip() for line in lines if line.strip())
