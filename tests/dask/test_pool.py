"""A pool of warm workers on a real Slurm."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakemake_renku.backends import Closed, JobRuns, Lost
from snakemake_renku.backends.dask import SlurmPool
from tests.runner.samples import shell_job

from .conftest import Running, Start, processes, wait_until

pytestmark = pytest.mark.skipif(
    "RENKU_TEST_SLURM" not in os.environ, reason="RENKU_TEST_SLURM is not set: no Slurm here"
)


def slurm_jobs(name: str) -> list[list[str]]:
    """Id, state and node of the Slurm jobs of this name that have not ended."""
    command = ["squeue", "--noheader", "--name", name, "--format", "%i %t %N"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    return [line for line in lines if line[1] != "CG"]


def a_pool(**fields: object) -> SlurmPool:
    given = {"cores": 2, "mem_mb": 900, "walltime": 5, "runtime": 2, "workers": 2, "idle_s": 2}
    return SlurmPool(f"test-{uuid.uuid4().hex[:8]}", **{**given, **fields})  # type: ignore[arg-type]


@pytest.fixture
def name() -> Iterator[str]:
    """A name for Slurm jobs, of which none is left in the end."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    subprocess.run(["scancel", "--name", name], check=True)


def test_short_jobs_run_on_workers_that_are_slurm_jobs_and_go_when_idle(start: Start) -> None:
    plan = a_pool()
    running = start(plan)
    assert slurm_jobs(plan.name) == []
    jobs = [shell_job(str(n), "sleep 0.05", resources={"runtime": 1}) for n in range(60)]
    assert all(record.ok for record in running.run(*jobs).values())
    nodes = {event.host for event in running.events if isinstance(event, JobRuns)}
    assert nodes <= {"n1", "n2", "n3", "n4"}
    wait_until(lambda: not slurm_jobs(plan.name), "the end of idle workers")
    assert running.run(shell_job("later", "true"))["later"].ok
    assert isinstance(running.close(), Closed)
    assert slurm_jobs(plan.name) == []


def test_a_job_beyond_its_memory_is_stopped_and_not_its_worker(start: Start) -> None:
    running = start(a_pool(workers=1))
    hold = f"exec {sys.executable} -S -c \"import time; held = b'x' * 300_000_000; time.sleep(20)\""
    ended = running.run(
        shell_job("greedy", hold, resources={"mem_mb": 100}),
        shell_job("neighbour", "sleep 2", resources={"mem_mb": 100}),
    )
    assert ended["greedy"].failure is not None
    assert ended["greedy"].failure.kind == "out_of_memory"
    assert ended["neighbour"].ok


def test_jobs_of_a_worker_that_slurm_ends_are_given_back(start: Start) -> None:
    plan = a_pool(workers=1)
    running = start(plan)
    running.backend.submit(
        [shell_job("runs", "sleep 1000.3125", threads=2), shell_job("waits", "true", threads=2)]
    )
    running.wait_for_start("runs")
    ((slurm_job, *_),) = slurm_jobs(plan.name)
    subprocess.run(["scancel", slurm_job], check=True)
    records = running.wait("runs", "waits")
    assert records["runs"].failure is not None
    assert records["runs"].failure.kind == "node_lost"
    assert records["waits"].ok
    assert not processes("1000.3125")


def test_what_slurm_refuses_is_told(start: Start) -> None:
    running = start(a_pool(extra=("--partition=nowhere",)))
    running.backend.submit([shell_job("1", "true")])
    assert isinstance(running.end(), Lost)
    assert any("invalid partition" in message for message in running.said)


def test_when_this_process_is_killed_no_slurm_job_is_left(tmp_path: Path, name: str) -> None:
    script = """
        import sys, time
        from pathlib import Path
        from tests.dask.conftest import Running
        from tests.runner.samples import shell_job
        from snakemake_renku.backends.dask import SlurmPool

        plan = SlurmPool(sys.argv[2], runtime=2, cores=1, mem_mb=900, walltime=5, workers=1)
        running = Running(plan, Path(sys.argv[1]))
        running.backend.submit([shell_job("runs", "sleep 1000.4375")])
        time.sleep(1000)
    """
    main = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), name],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    wait_until(lambda: processes("1000.4375"), "the job")
    main.kill()
    main.wait()
    wait_until(lambda: not slurm_jobs(name), "the end of the Slurm job", 20)
    wait_until(lambda: not processes("1000.4375"), "the end of the job", 20)


def test_without_its_keeper_a_worker_ends_by_itself(start: Start) -> None:
    plan = a_pool(workers=1)
    running: Running = start(plan)
    running.backend.submit([shell_job("runs", "sleep 1000.5625")])
    running.wait_for_start("runs")
    (keeper,) = [
        p for p in processes("snakemake_renku.backends.dask.keeper") if p.ppid() == os.getpid()
    ]
    keeper.kill()
    assert isinstance(running.end(), Lost)
    assert not processes("1000.5625")
    wait_until(lambda: not slurm_jobs(plan.name), "the end of the Slurm job", 20)


def test_a_worker_without_time_for_a_job_is_replaced(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its Slurm job has 5 minutes; of these, all but 6 seconds are kept free at the end.
    monkeypatch.setattr("snakemake_renku.backends.dask.plan._MARGIN_S", 294.0)
    plan = a_pool(workers=1, runtime=0, idle_s=60)
    running = start(plan)
    assert running.run(shell_job("first", "true"))["first"].ok
    (first,) = slurm_jobs(plan.name)
    wait_until(lambda: first not in slurm_jobs(plan.name), "the end of the first worker", 20)
    assert running.run(shell_job("second", "true"))["second"].ok
