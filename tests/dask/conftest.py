"""Backends on real clusters of dask, and what it takes to disturb them."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from snakemake_renku.backends import BackendEvent, Closed, JobEnded, JobPrinted, JobRuns, Lost, Said
from snakemake_renku.backends.dask import ClusterPlan, DaskBackend, Local, Scheduler
from snakemake_renku.model import JobRecord, JobSpec
from snakemake_renku.runner.wire import Configure

DEADLINE_S = 45.0

KEEPER = "snakemake_renku.backends.dask.keeper"


def python(code: str) -> str:
    return f"exec {shlex.quote(sys.executable)} -S -c {shlex.quote(code)}"


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Poll until the condition holds; fails, rather than hangs, if it never does."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {deadline_s:.0f} s for {what}")
        time.sleep(0.02)


def processes(module: str, folder: Path | None = None) -> list[psutil.Process]:
    """Processes that run a module, in a folder if that is given."""
    found = []
    for process in psutil.process_iter():
        try:
            if module not in process.cmdline() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if folder is None or process.cwd() == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


class Running:
    """A backend, whose events are gathered as they come."""

    def __init__(self, plan: ClusterPlan, folder: Path, snapshot: bytes | None = None) -> None:
        self.folder = folder
        self.events: list[BackendEvent] = []
        self.backend = DaskBackend(
            Configure(
                run="test-run",
                run_started=time.time(),
                workdir=str(folder),
                cores=2,
                enforce=True,
                cold=False,
                warm=False,
                snapshot=snapshot,
                no_snapshot="there is none" if snapshot is None else None,
            ),
            plan,
            folder=folder / "shared",
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        async def listen() -> None:
            async for event in self.backend.events():
                self.events.append(event)

        asyncio.run(listen())

    def run(self, *specs: JobSpec) -> dict[str, JobRecord]:
        """Run jobs to their end."""
        self.backend.submit(specs)
        return self.wait(*(spec.id for spec in specs))

    def wait(self, *ids: str, deadline_s: float = DEADLINE_S) -> dict[str, JobRecord]:
        """Wait for the ends of jobs."""
        wait_until(lambda: self.records.keys() >= set(ids) or self.over, f"{ids}", deadline_s)
        return {job: self.records[job] for job in ids}

    def wait_for_start(self, *ids: str) -> None:
        wait_until(lambda: {*self.started} >= set(ids), f"the start of {ids}")

    def close(self) -> BackendEvent:
        """Close it, and wait for its end."""
        self.backend.close()
        return self.end()

    def end(self) -> BackendEvent:
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), "the backend did not end"
        return self.events[-1]

    @property
    def over(self) -> bool:
        return bool(self.events) and isinstance(self.events[-1], Closed | Lost)

    @property
    def records(self) -> dict[str, JobRecord]:
        ended = [e.record for e in tuple(self.events) if isinstance(e, JobEnded)]
        assert len({record.id for record in ended}) == len(ended), "a job ended twice"
        return {record.id: record for record in ended}

    @property
    def started(self) -> list[str]:
        return [event.id for event in tuple(self.events) if isinstance(event, JobRuns)]

    @property
    def said(self) -> list[str]:
        return [event.message for event in tuple(self.events) if isinstance(event, Said)]

    def printed(self, job: str) -> bytes:
        pieces = (e for e in tuple(self.events) if isinstance(e, JobPrinted) and e.id == job)
        return b"".join(piece.data for piece in pieces)

    def workers(self) -> list[psutil.Process]:
        """Worker processes of a cluster on this machine, made for this backend."""
        keepers = {p.pid for p in processes(KEEPER) if p.ppid() == os.getpid()}
        return [p for p in processes("distributed.cli.dask_worker") if p.ppid() in keepers]

    def supervisors(self) -> list[psutil.Process]:
        return processes("snakemake_renku.runner.supervisor", self.folder)


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts backends, and sees that each ends."""
    running: list[Running] = []

    def start(plan: ClusterPlan, **options: bytes | None) -> Running:
        running.append(Running(plan, tmp_path, **options))
        return running[-1]

    yield start
    for each in running:
        if not each.over:
            each.backend.cancel()
            each.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One cluster for many tests: two workers on this machine, of 2 cores and 1000 MB."""
    plan = Local(workers=2, cores=2, mem_mb=1000, idle_s=60)
    running = Running(plan, tmp_path_factory.mktemp("small"))
    yield running
    assert isinstance(running.close(), Closed)


class Foreign:
    """A cluster that somebody else has started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        self._start(
            "dask_scheduler", "--scheduler-file", str(file), "--host", "127.0.0.1", "--port", "0",
            "--no-dashboard", "--dashboard-address", "127.0.0.1:0",
        )  # fmt: skip
        self.add_worker()
        wait_until(file.exists, "the scheduler")
        self.file = file

    @property
    def plan(self) -> Scheduler:
        return Scheduler(json.loads(self.file.read_text())["address"])

    def add_worker(self, *options: str, without_us: bool = False) -> subprocess.Popen[bytes]:
        return self._start(
            "dask_worker", "--scheduler-file", str(self._folder / "scheduler.json"),
            "--nthreads", "2", "--no-nanny", "--no-dashboard", *options, without_us=without_us,
        )  # fmt: skip

    def end_scheduler(self) -> None:
        self._processes[0].kill()

    def end(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(
        self, module: str, *arguments: str, without_us: bool = False
    ) -> subprocess.Popen[bytes]:
        python = [sys.executable, "-P", "-m", f"distributed.cli.{module}"]
        if without_us:
            hidden = "import sys; sys.modules['snakemake_renku'] = None"
            run = f"from distributed.cli.{module} import main; main()"
            python = [sys.executable, "-P", "-c", f"{hidden}; {run}"]
        with (self._folder / f"{module}.log").open("ab") as log:
            process = subprocess.Popen(
                [*python, *arguments],
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        self._processes.append(process)
        return process


@pytest.fixture
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    foreign = Foreign(tmp_path_factory.mktemp("foreign"))
    yield foreign
    foreign.end()


def kill(found: Sequence[psutil.Process]) -> None:
    for process in found:
        process.send_signal(signal.SIGKILL)
