"""Clusters that are made for a run: processes on this machine, or jobs of Slurm."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from distributed import Scheduler, SpecCluster, Status
from distributed.deploy.spec import ProcessInterface

from snakemake_renku.backends.dask.plan import Local, Made, SlurmPool
from snakemake_renku.backends.dask.security import security
from snakemake_renku.backends.dask.talk import CORES, MEMORY, machine_mb

Keys = tuple[str, str, str] | None
"""Paths of the authority, the certificate and its key; None for no encryption."""

_DEATH_S = 60
"""A worker that has no scheduler for so long ends."""

_LAST_S = 20
"""So long before the end of its Slurm job a worker ends by itself."""

_GRACE_S = 5.0

LOOK_S: dict[type[Made], float] = {Local: 2.0, SlurmPool: 15.0}
"""So often workers are looked after that were started and have not come, in seconds."""


async def make_cluster(plan: Made, folder: Path, keys: Keys) -> Any:
    """A cluster without workers; logs go below ``folder``.

    Raises:
        Exception: as dask or dask-jobqueue find.
    """
    logs = folder / "workers"
    logs.mkdir(parents=True, exist_ok=True)
    protected = None if keys is None else security(*keys)
    if isinstance(plan, SlurmPool):
        return await _slurm(plan, logs, protected)
    return await _local(plan, logs, keys, protected)


def _local(plan: Local, logs: Path, keys: Keys, protected: Any) -> Any:
    scheduler = {"host": "127.0.0.1", **_scheduler_options(protected)}
    arguments = [*_worker_arguments(plan), *_key_arguments(keys)]
    options = {"arguments": [*arguments, "--nthreads", str(plan.cores), "--no-nanny"], "logs": logs}
    return SpecCluster(
        scheduler={"cls": Scheduler, "options": scheduler},
        worker={"cls": WorkerProcess, "options": options},
        security=protected,
        asynchronous=True,
    )


def _slurm(plan: SlurmPool, logs: Path, protected: Any) -> Any:
    from dask_jobqueue import SLURMCluster

    return SLURMCluster(
        asynchronous=True,
        security=protected,
        scheduler_options=_scheduler_options(protected),
        job_name=plan.name,
        cores=plan.cores,
        processes=1,
        nanny=False,
        memory=f"{plan.mem_mb}MiB",
        job_mem=f"{plan.mem_mb}M",
        walltime=str(plan.walltime),
        # A folder of the workflow must not hide modules of Python.
        python=f"{shlex.quote(sys.executable)} -P",
        death_timeout=_DEATH_S,
        # The key is in files already; this is where dask-jobqueue would put it otherwise.
        shared_temp_directory=str(logs),
        job_extra_directives=[
            f'--output="{logs}/%j.log"',
            "--open-mode=append",
            "--no-requeue",
            *plan.extra,
        ],
        worker_extra_args=[
            *map(shlex.quote, _worker_arguments(plan)),
            "--lifetime",
            f"{plan.walltime * 60 - _LAST_S}s",
        ],
    )


def _scheduler_options(protected: Any) -> dict[str, Any]:
    return {
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
        "protocol": "tcp://" if protected is None else "tls://",
        "security": protected,
    }


def _worker_arguments(plan: Made) -> list[str]:
    size = plan.size
    resources = f"{CORES}={size.cores} {MEMORY}={size.mem_mb or machine_mb()}"
    # Memory is bounded for each job; dask would only look at its own process.
    return ["--no-dashboard", "--memory-limit", "0", "--resources", resources]


def _key_arguments(keys: Keys) -> list[str]:
    if keys is None:
        return []
    ca, cert, key = keys
    return ["--tls-ca-file", ca, "--tls-cert", cert, "--tls-key", key]


async def gone_workers(plan: Made, workers: dict[str, Any]) -> set[str]:
    """Which of these workers have ended; none where that cannot be found out."""
    if not isinstance(plan, SlurmPool):
        return {name for name, worker in workers.items() if worker.ended}
    if not workers:
        return set()
    query = await asyncio.create_subprocess_exec(
        *("squeue", "--noheader", "--format", "%i", "--name", plan.name),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    answer, _ = await query.communicate()
    if query.returncode:
        return set()
    known = set(answer.decode().split())
    return {n for n, worker in workers.items() if worker.job_id and worker.job_id not in known}


class WorkerProcess(ProcessInterface):  # type: ignore[misc]
    """A worker on this machine, as a process of its own that shares nothing with its starter."""

    def __init__(self, scheduler: str, name: Any, arguments: list[str], logs: Path) -> None:
        super().__init__(scheduler=scheduler, name=name)
        self._name, self._scheduler, self._arguments = name, scheduler, arguments
        self._log = logs / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ended(self) -> bool:
        """Whether its process was started and is over."""
        return self._process is not None and self._process.poll() is not None

    async def start(self) -> None:
        """Start it; it will tell the scheduler when it is there."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "distributed.cli.dask_worker", self._scheduler),
                    *("--name", str(self._name), "--death-timeout", str(_DEATH_S)),
                    *self._arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await super().start()

    async def close(self) -> None:
        """End it, by force if it does not end by itself."""
        process = self._process
        if process is not None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
                if await _ends(process):
                    break
        self.status = Status.closed
        await super().close()


async def _ends(process: subprocess.Popen[bytes]) -> bool:
    end = asyncio.get_running_loop().time() + _GRACE_S
    while process.poll() is None:
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(0.05)
    return True
