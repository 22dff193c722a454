"""Runs of Snakemake whose jobs go to a real Slurm."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snakemake_renku.journal import JobHistory

from ..faults.conftest import Project

pytestmark = pytest.mark.skipif(
    "RENKU_TEST_SLURM" not in os.environ, reason="needs Slurm (make clusters)"
)

DEADLINE_S = 120.0


class SlurmProject(Project):
    """A project whose jobs go to Slurm; ``name`` of the latest run is that of its jobs there."""

    backend = "slurm"

    def start(self, *arguments: str, jobs: int = 100, **environment: str):
        options = ["--renku-backend", self.backend, "--scheduler", "greedy", "--latency-wait", "5"]
        options += ["--default-resources", "mem_mb=100", "--max-jobs-per-timespan", "1000/1s"]
        environment = {"PYTHONUNBUFFERED": "1", **environment}
        return super().start(*options, *arguments, jobs=jobs, **environment)

    def run(self, *arguments: str, jobs: int = 100, **environment: str) -> tuple[int, str]:
        process = self.start(*arguments, jobs=jobs, **environment)
        output, _ = process.communicate(timeout=DEADLINE_S)
        return process.returncode, output

    def histories(self, rule: str) -> list[JobHistory]:
        """All attempts of a rule's jobs in the latest run."""
        return [job for job in self.runs()[-1].jobs.values() if job.spec.rule == rule]

    def in_slurm(self, *states: str) -> list[str]:
        """Slurm's jobs of this folder's runs that are not over, one line each."""
        names = [run.info.run for run in self.runs()]
        if not names:
            return []
        command = ["squeue", "--noheader", "--array", f"--name={','.join(names)}", "-o", "%i %T %N"]
        if states:
            command.append(f"--states={','.join(states)}")
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.split("\n")[:-1]

    def end_all(self) -> None:
        super().end_all()
        for run in self.runs():
            subprocess.run(["scancel", f"--name={run.info.run}"], check=False)


@pytest.fixture
def project() -> Iterator[SlurmProject]:
    # Not below pytest's own folder, which no other user may enter.
    folder = Path(tempfile.mkdtemp(prefix="renku-slurm-"))
    project = SlurmProject(folder)
    yield project
    project.end_all()
    shutil.rmtree(folder, ignore_errors=True)


def until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Poll until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.2)
