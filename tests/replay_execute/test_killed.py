"""Replays that are interrupted, and processes that go away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from snakemake_renku.journal import find_run, read_run

from ..faults.conftest import wait_until
from .conftest import ENVIRONMENT, Project

REPLAY = """
import sys
from pathlib import Path
from snakemake_renku.journal import RunGraph, find_run, read_run
from snakemake_renku.replay.execute import execute
run = read_run(find_run(Path(sys.argv[1])))
jobs = [job for job in RunGraph(run).jobs if job.spec.rule in ("slow_a", "slow_b")]
done = execute(run, jobs, Path(sys.argv[2]), cores=2)
print(sorted(id for id, executed in done.items() if executed.ok))
"""


@pytest.fixture
def clone(project: Project, tmp_path: Path) -> Path:
    """A clone in which the jobs take for ever."""
    clone = project.clone(tmp_path / "clone")
    (clone / "data/seconds.txt").write_text("1000\n")
    return clone


@pytest.fixture
def replaying(project: Project, clone: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that replays, with both jobs running."""
    process = subprocess.Popen(
        [sys.executable, "-c", REPLAY, str(project.root), str(clone)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: len(list(clone.glob(".snakemake/begun.*"))) == 2, "both jobs")
    with process:
        yield process
        process.kill()


def left_behind(clone: Path) -> list[psutil.Process]:
    """What still lives in the clone, apart from who replays."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(clone)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_jobs_end_with_who_replays(
    replaying: subprocess.Popen[str], clone: Path, number: signal.Signals
) -> None:
    assert left_behind(clone)
    replaying.send_signal(number)
    replaying.wait()
    psutil.wait_procs(left_behind(clone), timeout=30)
    assert [(process, process.cmdline()) for process in left_behind(clone)] == []


def test_ctrl_c_ends_all_jobs_and_the_journal(
    replaying: subprocess.Popen[str], clone: Path
) -> None:
    os.killpg(replaying.pid, signal.SIGINT)
    assert replaying.wait() != 0
    assert left_behind(clone) == []
    journal = read_run(find_run(clone))
    assert journal.status == "interrupted"
    running = [job for job in journal.jobs.values() if job.started is not None]
    assert {journal.state(job) for job in running} == {"cancelled"}


def test_jobs_of_a_lost_supervisor_are_started_again(
    replaying: subprocess.Popen[str], clone: Path
) -> None:
    (clone / "data/seconds.txt").write_text("0\n")
    (supervisor,) = psutil.Process(replaying.pid).children()
    supervisor.kill()
    assert replaying.stdout is not None
    output = replaying.stdout.read()
    assert len(output.split(",")) == 2
    journal = read_run(find_run(clone))
    assert journal.status == "success"
    assert {id.partition("+")[2] for id in journal.jobs} == {"", "1"}
