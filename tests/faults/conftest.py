"""Real runs of Snakemake in a folder of their own, with what it takes to disturb them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from snakemake_renku.journal import RunHistory, list_runs, read_run

DEADLINE_S = 30.0


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Poll until the condition holds; fails, rather than hangs, if it never does."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {DEADLINE_S:.0f} s for {what}")
        time.sleep(0.02)


class Project:
    """A folder with a Snakefile, in which Snakemake is run with our executor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[str]] = []

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def start(self, *arguments: str, jobs: int = 2, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "snakemake", "--executor", "renku", "--jobs", str(jobs)]
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=self.folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def run(self, *arguments: str, jobs: int = 2, **environment: str) -> tuple[int, str]:
        process = self.start(*arguments, jobs=jobs, **environment)
        output, _ = process.communicate(timeout=DEADLINE_S)
        return process.returncode, output

    def runs(self) -> list[RunHistory]:
        return [read_run(path) for path in list_runs(self.folder)]

    def job_processes(self) -> list[psutil.Process]:
        """What still lives of the jobs of this folder's runs, by the marker that they carry."""
        found = []
        for process in psutil.process_iter():
            try:
                environment = process.environ()
                if "RENKU_RUN" in environment and process.cwd().startswith(str(self.folder)):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]

    def helpers(self, main: subprocess.Popen[str], module: str) -> list[psutil.Process]:
        """The processes below Snakemake that run one of our modules."""
        below = psutil.Process(main.pid).children(recursive=True)
        return [p for p in below if any(module in word for word in _command(p))]

    def end_all(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        for job in self.job_processes():
            job.kill()


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    yield project
    project.end_all()
