"""Every job that is submitted ends once, whatever Slurm and the backend stumble over."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from snakemake_renku.backends.base import Lost
from snakemake_renku.backends.slurm import backend as module
from snakemake_renku.backends.slurm.backend import SlurmBackend
from snakemake_renku.backends.slurm.client import Submission, TaskState
from snakemake_renku.backends.slurm.complaints import refusal
from snakemake_renku.errors import SlurmUnavailable

from .pretended import Pretended, ends, events_of, said, spec

JOBS = [spec(i) for i in range(10)]


def test_jobs_beyond_a_limit_of_submitted_jobs_go_in_smaller_arrays(tmp_path: Path) -> None:
    class Narrow(Pretended):
        def submit(self, submission: Submission) -> int:
            if (submission.tasks or 1) > 3:
                raise refusal(
                    "sbatch: error: QOSMaxSubmitJobPerUserLimit\n"
                    "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy"
                    " (job submit limit, user's size and/or time limits)"
                )
            return super().submit(submission)

    client = Narrow(tmp_path)
    events = events_of(client, JOBS)
    assert ends(events) == dict.fromkeys((job.id for job in JOBS), None)
    assert max(client.arrays) <= 3
    assert "takes only some jobs now" in said(events)


@pytest.mark.parametrize("taken", [True, False])
def test_a_lost_answer_neither_loses_nor_doubles_jobs(tmp_path: Path, taken: bool) -> None:
    class Mumbling(Pretended):
        def submit(self, submission: Submission) -> int:
            if self.asked["lost"] == 0:
                self.asked["lost"] += 1
                if taken:
                    self.take(submission)
                raise SlurmUnavailable("no answer")
            return super().submit(submission)

    client = Mumbling(tmp_path)
    events = events_of(client, JOBS)
    assert ends(events) == dict.fromkeys((job.id for job in JOBS), None)
    assert sum(client.arrays) == len(JOBS)


def test_jobs_cancelled_while_they_are_being_submitted_are_cancelled_in_slurm(
    tmp_path: Path,
) -> None:
    submitting, go = threading.Event(), threading.Event()

    class Slow(Pretended):
        def submit(self, submission: Submission) -> int:
            submitting.set()
            go.wait(10)
            return super().submit(submission)

    def cancel(backend: SlurmBackend) -> None:
        assert submitting.wait(10)
        backend.cancel()
        time.sleep(0.2)
        go.set()

    client = Slow(tmp_path, "CANCELLED")
    events = events_of(client, JOBS, cancel)
    assert ends(events) == dict.fromkeys((job.id for job in JOBS), "cancelled")
    assert client.cancelled == [(100, None)]


def test_many_failures_at_once_are_few_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LATE_S", 1.0)
    jobs = [spec(i) for i in range(1000)]
    client = Pretended(tmp_path, "FAILED")
    events = events_of(client, jobs)
    assert ends(events) == dict.fromkeys((job.id for job in jobs), "launch_failed")
    assert client.asked["describe"] + client.asked["history"] < 20


def test_what_can_never_start_is_given_up_in_one_call(tmp_path: Path) -> None:
    class Never(Pretended):
        def tasks(self, name: str) -> list[TaskState]:
            return [TaskState(s.job, s.task, "PENDING", "BadConstraints") for s in self.states]

    client = Never(tmp_path, "PENDING")
    events = events_of(client, JOBS)
    assert ends(events) == dict.fromkeys((job.id for job in JOBS), "rejected")
    assert len(client.cancelled) == len(JOBS)
    assert client.asked["cancel"] <= 2


def test_a_fault_in_a_call_costs_no_job(tmp_path: Path) -> None:
    class Faulty(Pretended):
        def tasks(self, name: str) -> list[TaskState]:
            if self.asked["tasks"] < 2:
                self.asked["tasks"] += 1
                raise KeyError("a fault")
            return super().tasks(name)

    assert ends(events_of(Faulty(tmp_path), JOBS)) == dict.fromkeys((j.id for j in JOBS), None)


def test_a_lasting_fault_is_a_loss_and_slurm_ends_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: SlurmBackend) -> None:
        if self._by_id:
            raise KeyError("a fault")

    monkeypatch.setattr(SlurmBackend, "_settle", fail)
    monkeypatch.setattr(module, "_STUMBLES", 3)
    client = Pretended(tmp_path, "RUNNING")
    events = events_of(client, JOBS)
    assert ends(events) == {}
    assert isinstance(events[-1], Lost)
    assert client.cancelled == [(100, None)]
    monkeypatch.undo()
    again = Pretended(tmp_path)
    assert ends(events_of(again, JOBS)) == dict.fromkeys((job.id for job in JOBS), None)


def test_a_user_need_not_wait_for_a_slurm_that_cannot_be_told_to_cancel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MINUTE", 1.0)

    class Silent(Pretended):
        def cancel(self, tasks: object) -> None:
            raise SlurmUnavailable("no answer")

    def cancel(backend: SlurmBackend) -> None:
        time.sleep(0.5)
        backend.cancel()

    events = events_of(Silent(tmp_path, "RUNNING"), JOBS, cancel)
    assert ends(events) == dict.fromkeys((job.id for job in JOBS), "cancelled")
    assert "scancel --name=run" in said(events)
    assert list(tmp_path.rglob("tasks")), "the next run would not find the jobs"
