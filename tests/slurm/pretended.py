"""A named double of a cluster, for what a real one does not do when it is asked to."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from snakemake_renku.backends.base import BackendEvent, Closed, JobEnded, Lost, Said
from snakemake_renku.backends.slurm.backend import SlurmBackend
from snakemake_renku.backends.slurm.client import Cluster, Submission, TaskId, TaskState
from snakemake_renku.errors import AccountingUnavailable
from snakemake_renku.model import JobRecord, JobSpec, Step
from snakemake_renku.runner import spool

SECONDS = 30.0


def spec(number: int, **fields: object) -> JobSpec:
    """A job of which only its number matters."""
    return JobSpec(
        f"{number}.1", "run", str(number), 1, "direct", (Step("rule", "shell"),), **fields
    )


class Pretended:
    """A cluster whose jobs are over as soon as they are submitted.

    ``state`` is how they end; those that end as COMPLETED leave a record. ``asked`` counts calls.
    """

    name = "pretended"

    def __init__(self, folder: Path, state: str = "COMPLETED") -> None:
        self.folder, self.state = folder, state
        self.asked: Counter[str] = Counter()
        self.arrays: list[int] = []
        self.states: list[TaskState] = []
        self.cancelled: list[TaskId] = []

    def submit(self, submission: Submission) -> int:
        self.asked["submit"] += 1
        return self.take(submission)

    def take(self, submission: Submission) -> int:
        job, count = 100 + len(self.arrays), submission.tasks or 1
        self.arrays.append(count)
        place = Path(submission.output).parent
        specs = spool.get_tasks(place / spool.TASKS)
        for number, each in enumerate(specs, start=1):
            task = number if submission.tasks else None
            self.states.append(TaskState(job, task, self.state))
            if self.state == "COMPLETED":
                record = JobRecord(each.id, each.mode, time.time(), time.time(), "n1", 1, ())
                spool.put_struct(place / f"{number}{spool.ENDED}", spool.Ended(record))
        return job

    def tasks(self, name: str) -> list[TaskState]:
        self.asked["tasks"] += 1
        return list(self.states)

    def history(self, jobs: Sequence[int]) -> list[TaskState]:
        self.asked["history"] += 1
        raise AccountingUnavailable("There is none.")

    def describe(self, task: TaskId) -> TaskState | None:
        self.asked["describe"] += 1
        return next((s for s in self.states if (s.job, s.task) == task), None)

    def cancel(self, tasks: Sequence[TaskId]) -> None:
        self.asked["cancel"] += 1
        self.cancelled += tasks

    def cluster(self) -> Cluster:
        return Cluster("pretended", "1")


def events_of(
    client: Pretended, specs: Sequence[JobSpec], also: Callable[[SlurmBackend], None] | None = None
) -> list[BackendEvent]:
    """All events of a backend that gets these jobs and is closed."""
    run = spool.TaskRun("run", time.time(), str(client.folder))
    backend = SlurmBackend(run, None, client)
    backend.submit(specs)
    if also is not None:
        also(backend)
    backend.close()

    async def collect() -> list[BackendEvent]:
        return [event async for event in backend.events()]

    return asyncio.run(asyncio.wait_for(collect(), SECONDS))


def ends(events: Sequence[BackendEvent]) -> dict[str, str | None]:
    """How each job ended; none ends twice, and the backend ends last."""
    found = [event.record for event in events if isinstance(event, JobEnded)]
    assert len({record.id for record in found}) == len(found)
    assert isinstance(events[-1], Closed | Lost)
    return {record.id: record.failure and record.failure.kind for record in found}


def said(events: Sequence[BackendEvent]) -> str:
    """The words for the user."""
    return "\n".join(event.message for event in events if isinstance(event, Said))
