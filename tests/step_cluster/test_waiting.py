"""What is said of workers that do not come, from what Slurm says of their jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snakemake_renku.backends.slurm.client import TaskState
from snakemake_renku.errors import BackendUnavailable, SlurmUnavailable, SubmissionRefused
from snakemake_renku.step_cluster.plan import Plan
from snakemake_renku.step_cluster.waiting import check_slurm

PLAN = Plan("fit", workers=3, minimum=2, wait_s=600)


class Told:
    """A Slurm that tells what it is given, or does not answer."""

    def __init__(self, *states: TaskState | Exception) -> None:
        self.states = states

    def tasks(self, name: str) -> list[TaskState]:
        assert name == "dask-fit"
        for state in self.states:
            if isinstance(state, Exception):
                raise state
        return [state for state in self.states if isinstance(state, TaskState)]


def say(logs: Path, *states: TaskState | Exception, late: bool = True) -> Any:
    slurm: Any = Told(*states)
    return check_slurm(PLAN, slurm, "dask-fit", logs, [])(late)


def test_too_few_in_time_says_why_the_others_wait(tmp_path: Path) -> None:
    running = TaskState(1, None, "RUNNING")
    waiting = TaskState(2, None, "PENDING", reason="Resources")
    problem = say(tmp_path, running, waiting, waiting)
    assert isinstance(problem, BackendUnavailable)
    assert "fewer than 2 started within 10 minutes: 2 of 3 jobs wait (It waits for cor" in str(
        problem
    )
    assert "dask_wait" in str(problem)
    assert "dask_min_workers" in str(problem)


def test_jobs_that_ended_are_told_with_the_end_of_their_log(tmp_path: Path) -> None:
    (tmp_path / "dask-fit-1.err").write_text("one\nModuleNotFoundError: dask\n")
    problem = say(tmp_path, TaskState(1, None, "FAILED"))
    assert "ended (FAILED) before the step met one" in str(problem)
    assert "ModuleNotFoundError: dask" in str(problem)


def test_a_slurm_that_does_not_answer_is_waited_for_and_then_told(tmp_path: Path) -> None:
    assert isinstance(say(tmp_path, SlurmUnavailable("down")), SlurmUnavailable)
    assert say(tmp_path, SlurmUnavailable("down"), late=False) is None


def test_a_refusal_is_told_at_once(tmp_path: Path) -> None:
    slurm: Any = Told()
    problem = check_slurm(PLAN, slurm, "dask-fit", tmp_path, ["invalid account"])(False)
    assert isinstance(problem, SubmissionRefused)
    assert "invalid account" in str(problem)


def test_workers_in_time_are_no_problem(tmp_path: Path) -> None:
    assert say(tmp_path, TaskState(1, None, "PENDING", reason="Priority"), late=False) is None
