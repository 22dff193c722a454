"""Steps with a cluster of their own, run by Snakemake or as a bare script."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip("distributed", reason="needs the extra `dask`")

DEADLINE_S = 90.0

BODY = """
import os, sys, time
from types import SimpleNamespace
from snakemake_renku import dask_client

def square(number):
    return number * number

def where(_):
    time.sleep(0.2)
    return os.getpid(), os.environ.get("SLURM_JOB_ID"), os.environ.get("SLURM_STEP_ID")
"""

BARE = "snakemake = SimpleNamespace(rule='fit', threads={threads}, resources={resources!r})\n"


def wait_until(condition: Callable[[], object], what: str, seconds: float = DEADLINE_S) -> None:
    """Poll until the condition holds; fails, rather than hangs, if it never does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.1)


def family(pid: int) -> list[psutil.Process]:
    """All processes below one."""
    return psutil.Process(pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them lives."""
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


class Step:
    """A script that asks for a cluster, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def write(self, work: str, *, threads: int = 1, **resources: object) -> None:
        """Write the script; ``work`` is the code in which ``client`` is known."""
        block = "".join(f"    {line}\n" for line in work.strip().splitlines())
        text = BODY + BARE.format(threads=threads, resources=resources)
        (self.folder / "bare.py").write_text(
            f"{text}with dask_client(snakemake) as client:\n{block}"
        )

    def start(self, work: str, *, threads: int = 1, **resources: object) -> subprocess.Popen[str]:
        """Start the script alone, in a process group of its own."""
        self.write(work, threads=threads, **resources)
        return self.spawn([sys.executable, "bare.py"])

    def spawn(self, command: list[str]) -> subprocess.Popen[str]:
        """Start a command in the folder."""
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=outside_slurm(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def run(self, work: str, *, threads: int = 1, **resources: object) -> tuple[int, str]:
        """Run it to its end; exit status and output."""
        process = self.start(work, threads=threads, **resources)
        out, _ = process.communicate(timeout=DEADLINE_S)
        return process.returncode, out

    def write_workflow(self, work: str, resources: str) -> list[str]:
        """Write it as the script of a rule; the command that runs it.

        ``resources`` are given as they stand in the rule.
        """
        block = "".join(f"    {line}\n" for line in work.strip().splitlines())
        (self.folder / "helper.py").write_text("def cube(number):\n    return number ** 3\n")
        text = f"{BODY}with dask_client(snakemake) as client:\n{block}"
        (self.folder / "fit.py").write_text(text)
        (self.folder / "Snakefile").write_text(
            f"rule fit:\n    output: 'out.txt'\n    resources: {resources}\n    script: 'fit.py'\n"
        )
        return [sys.executable, "-m", "snakemake"]

    def snakemake(self, work: str, resources: str, *arguments: str) -> tuple[int, str]:
        """Run it as the script of a rule."""
        done = subprocess.run(
            [*self.write_workflow(work, resources), *arguments],
            cwd=self.folder,
            env=outside_slurm(),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        return done.returncode, done.stdout + done.stderr

    def logs(self) -> list[str]:
        """What is left of the clusters in the folder."""
        root = self.folder / ".snakemake" / "renku" / "step_clusters"
        return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()


def read_up(process: subprocess.Popen[str]) -> None:
    """Wait until the script has printed ``up``."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "up\n":
            return
    pytest.fail("".join(lines))


def outside_slurm() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("SLURM_")}


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Step]:
    made = Step(tmp_path)
    yield made
    made.end()
