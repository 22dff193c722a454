"""A cluster of this machine alone, for faults that a real one does not have on demand."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from snakemake_renku.backends.slurm.client import (
    Cluster,
    Node,
    Partition,
    Submission,
    TaskId,
    TaskState,
)
from snakemake_renku.errors import AccountingUnavailable

CLUSTER = Cluster(
    "here",
    "22.05.8",
    partitions=(Partition("all", default=True, nodes=("n1",), max_time_min=60),),
    nodes=(Node("n1", ("IDLE",), 4, 4000),),
)


@dataclass
class Here:
    """Runs each job as a process of this machine, unless ``waits_for`` is why it never starts.

    ``loses`` names files that are deleted as soon as they are there: a folder that is not shared.
    """

    waits_for: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    loses: tuple[str, ...] = ()
    description: Cluster = CLUSTER
    name: str = "here"
    cancelled: list[TaskId] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def submit(self, submission: Submission) -> int:
        self.submissions.append(submission)
        if not self.waits_for:
            script = Path(submission.output).with_name("script")
            script.write_text(submission.script)
            with open(submission.output, "wb") as output:
                self.process = subprocess.Popen(
                    ["sh", str(script)],
                    stdout=output,
                    stderr=output,
                    env=os.environ | self.environment,
                )
        return 7

    def tasks(self, name: str) -> list[TaskState]:
        assert name == self.submissions[-1].name
        if self.process is None:
            return [TaskState(7, None, "PENDING", reason=self.waits_for)]
        place = Path(self.submissions[-1].output).parent
        status = self.process.poll()
        if self.loses:
            status = self.process.wait()
            for lost in self.loses:
                (place / lost).unlink(missing_ok=True)
        if status is None:
            return [TaskState(7, None, "RUNNING", nodes=("n1",))]
        return [TaskState(7, None, "FAILED" if status else "COMPLETED", nodes=("n1",))]

    def cancel(self, tasks: Sequence[TaskId]) -> None:
        self.cancelled += tasks
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def history(self, jobs: Sequence[int]) -> list[TaskState]:
        raise AccountingUnavailable("There is none.")

    def describe(self, task: TaskId) -> TaskState | None:
        return None

    def cluster(self) -> Cluster:
        return self.description
