"""A cluster that is somebody else's: it is used, and left as it was."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from distributed import Client

from snakemake_renku.backends import Closed, Lost
from snakemake_renku.backends.dask import DaskBackend, Gateway, Scheduler
from snakemake_renku.errors import BackendUnavailable
from snakemake_renku.runner.wire import Configure
from tests.runner.samples import shell_job

from .conftest import Foreign, Start, processes, wait_until


def test_jobs_run_there_and_their_supervisors_end_with_the_run(
    foreign: Foreign, start: Start, tmp_path: Path
) -> None:
    running = start(foreign.plan)
    jobs = [shell_job(str(n), "sleep 0.1") for n in range(8)]
    assert all(record.ok for record in running.run(*jobs).values())
    assert len(running.supervisors()) == 1
    assert isinstance(running.close(), Closed)
    wait_until(lambda: not running.supervisors(), "the end of the supervisor")
    assert list((tmp_path / "shared").iterdir()) == []


def test_workers_that_come_later_run_jobs(foreign: Foreign, start: Start) -> None:
    running = start(foreign.plan)
    running.backend.submit([shell_job("wide", "true", threads=3)])
    wait_until(lambda: running.said, "words of the wait")
    assert "No worker of the dask cluster has 3 cores" in running.said[0]
    foreign.add_worker("--nthreads", "3")
    assert running.wait("wide")["wide"].ok


def test_a_job_whose_worker_is_killed_is_not_run_again_by_dask(
    foreign: Foreign, start: Start, tmp_path: Path
) -> None:
    running = start(foreign.plan)
    running.backend.submit([shell_job("runs", "echo begun >> begun; sleep 1000.125")])
    running.wait_for_start("runs")
    foreign.add_worker()
    (worker,) = running.supervisors()[0].parents()[:1]
    worker.kill()
    failure = running.wait("runs")["runs"].failure
    assert failure is not None
    assert failure.kind == "node_lost"
    assert (tmp_path / "begun").read_text() == "begun\n"
    assert not processes("1000.125")


def test_cancelled_jobs_end_there(foreign: Foreign, start: Start) -> None:
    running = start(foreign.plan)
    jobs = [shell_job(str(n), "sleep 1000.375") for n in range(6)]
    running.backend.submit(jobs)
    running.wait_for_start("0")
    running.backend.cancel()
    records = running.wait(*(job.id for job in jobs), deadline_s=10)
    assert {r.failure.kind for r in records.values() if r.failure} == {"cancelled"}
    assert not processes("1000.375")


def test_jobs_of_a_client_that_is_killed_end_there(foreign: Foreign, tmp_path: Path) -> None:
    script = """
        import sys, time
        from pathlib import Path
        from tests.dask.conftest import Running
        from tests.runner.samples import shell_job
        from snakemake_renku.backends.dask import Scheduler

        running = Running(Scheduler(sys.argv[2]), Path(sys.argv[1]))
        running.backend.submit([shell_job("runs", "sleep 1000.0625")])
        time.sleep(1000)
    """
    main = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), foreign.plan.address],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    wait_until(lambda: processes("1000.0625"), "the job")
    main.kill()
    main.wait()
    wait_until(lambda: not processes("1000.0625"), "the end of the job")


def test_when_the_scheduler_goes_the_backend_is_lost(foreign: Foreign, start: Start) -> None:
    running = start(foreign.plan)
    running.backend.submit([shell_job("runs", "sleep 1000.1875")])
    running.wait_for_start("runs")
    foreign.end_scheduler()
    assert isinstance(running.end(), Lost)
    assert not processes("1000.1875"), "a job ran on after its loss was told"


def test_workers_without_this_package_are_named_and_left_alone(
    foreign: Foreign, tmp_path: Path
) -> None:
    foreign.add_worker(without_us=True)
    with Client(foreign.plan.address) as client:
        client.wait_for_workers(2)
        with pytest.raises(BackendUnavailable, match="Install snakemake-renku in their Python"):
            open_in(tmp_path, foreign.plan)
        foreign.add_worker()
        client.wait_for_workers(3)


def open_in(folder: Path, plan: Scheduler | Gateway) -> DaskBackend:
    configure = Configure("test-run", 0.0, str(folder), 1, True, False, False, None, "none")
    return DaskBackend(configure, plan, folder=folder)


def test_a_scheduler_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snakemake_renku.backends.dask.cluster._CONNECT_S", 0.5)
    with pytest.raises(BackendUnavailable, match=r"tcp://127\.0\.0\.1:1 does not answer"):
        open_in(tmp_path, Scheduler("tcp://127.0.0.1:1"))


def test_a_gateway_needs_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask_gateway", None)
    with pytest.raises(BackendUnavailable, match="pip install dask-gateway"):
        open_in(tmp_path, Gateway("http://127.0.0.1:1"))
