"""What becomes of jobs when a part of the cluster dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from snakemake_renku.backends import Closed, Lost
from snakemake_renku.backends.dask import Local
from tests.runner.samples import shell_job

from .conftest import Start, kill, processes, wait_until

ONE = Local(workers=1, cores=2, idle_s=60)


def test_a_job_whose_worker_is_killed_is_lost_and_not_run_again(
    start: Start, tmp_path: Path
) -> None:
    running = start(ONE)
    running.backend.submit(
        [
            shell_job("runs", "echo begun >> begun; sleep 1000.5 & wait"),
            shell_job("too", "sleep 1000.5"),
            shell_job("waits", "true"),
        ]
    )
    running.wait_for_start("runs", "too")
    kill(running.workers())
    records = running.wait("runs", "too", "waits")
    assert records["waits"].ok
    for job in ("runs", "too"):
        failure = records[job].failure
        assert failure is not None
        assert failure.kind == "node_lost"
    assert (tmp_path / "begun").read_text() == "begun\n"
    assert not processes("1000.5"), "a job that was given back still ran"
    assert isinstance(running.close(), Closed)


def test_a_killed_supervisor_is_replaced_and_its_jobs_are_given_back(start: Start) -> None:
    running = start(ONE)
    running.backend.submit([shell_job("runs", "sleep 1000.75")])
    running.wait_for_start("runs")
    kill(running.supervisors())
    failure = running.wait("runs", deadline_s=10)["runs"].failure
    assert failure is not None
    assert failure.kind == "node_lost"
    assert not processes("1000.75")
    assert running.run(shell_job("next", "true"))["next"].ok


def test_workers_come_for_jobs_and_go_without(start: Start) -> None:
    running = start(Local(workers=2, cores=1, idle_s=1))
    assert running.workers() == []
    jobs = [shell_job(str(n), "sleep 0.5") for n in range(16)]
    running.backend.submit(jobs)
    wait_until(lambda: len(running.workers()) == 2, "both workers")
    running.wait(*(job.id for job in jobs))
    wait_until(lambda: not running.workers(), "the end of the workers")
    assert running.run(shell_job("later", "true"))["later"].ok


def test_when_the_keeper_is_killed_all_is_lost_and_all_ends(start: Start) -> None:
    running = start(ONE)
    running.backend.submit([shell_job("runs", "sleep 1000.625")])
    running.wait_for_start("runs")
    workers = running.workers()
    kill([workers[0].parent()])  # type: ignore[list-item]
    assert isinstance(running.end(), Lost)
    assert not processes("1000.625"), "a job ran on after its loss was told"
    psutil.wait_procs(workers, 10)
    assert not any(worker.is_running() for worker in workers)


def test_when_this_process_is_killed_nothing_is_left(tmp_path: Path) -> None:
    script = """
        import sys, time
        from pathlib import Path
        from tests.dask.conftest import Running
        from tests.runner.samples import shell_job
        from snakemake_renku.backends.dask import Local

        running = Running(Local(workers=1, cores=1), Path(sys.argv[1]))
        running.backend.submit([shell_job("runs", "sleep 1000.875")])
        time.sleep(1000)
    """
    root = Path(__file__).parents[2]
    main = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    wait_until(lambda: processes("1000.875"), "the job")
    began = psutil.Process(main.pid).children(recursive=True)
    assert len(began) >= 2
    main.send_signal(signal.SIGKILL)
    main.wait()
    end = time.monotonic()
    wait_until(lambda: not processes("1000.875"), "the end of the job")
    _, left = psutil.wait_procs(began, 15)
    assert left == []
    assert time.monotonic() - end < 15


def test_workers_that_cannot_start_are_not_tried_for_ever(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__WORKER__PRELOAD", '["no_such_module"]')
    running = start(ONE)
    running.backend.submit([shell_job("1", "true")])
    end = running.end()
    assert isinstance(end, Lost)
    assert f"logs below {tmp_path}" in end.message
    assert any("ended before it was ready" in message for message in running.said)
    (log, *_) = running.folder.glob("shared/*/workers/*.log")
    assert "no_such_module" in log.read_text()
