from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Callable

import pytest

from snakemake_renku.model import Failure
from snakemake_renku.runner.execution import Executions
from snakemake_renku.runner.life import Job
from snakemake_renku.runner.limits import MB, Judge, Limits
from snakemake_renku.runner.loop import Loop
from snakemake_renku.runner.processes import process

from .samples import shell_job

HOLD = "import time; held = b'x' * 200_000_000; time.sleep(60)"


class Bench:
    """Executions with no cgroups, so that the watchdog alone keeps the limits."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.printed = b""
        self.told: list[str] = []
        self.ended: list[Job] = []
        self.executions = Executions(
            loop,
            on_output=self._print,
            on_told=lambda _, message: self.told.append(message),
            on_ended=self.ended.append,
        )
        self._deadline = time.monotonic() + 20
        loop.on_tick(lambda: max(0.0, self._deadline - time.monotonic()))

    def begin(self, command: str, limits: Limits) -> Job:
        job = Job(shell_job("1", command), Judge(limits), 1)
        self.executions.spawn(job)
        return job

    def turn_until(self, true: Callable[[], object]) -> None:
        while not true():
            self._loop.turn()
            assert time.monotonic() < self._deadline, "it did not become so in time"

    def run(self, command: str, limits: Limits) -> Job:
        job = self.begin(command, limits)
        self.turn_until(lambda: self.ended)
        assert self.ended == [job]
        return job

    def _print(self, _job: Job, _stream: int, data: bytes) -> None:
        self.printed += data


@pytest.fixture
def bench(loop: Loop) -> Bench:
    return Bench(loop)


def failure_of(job: Job) -> Failure:
    failure = job.record().failure
    assert failure is not None
    return failure


def test_the_watchdog_stops_a_job_beyond_its_memory(bench: Bench) -> None:
    command = f"{shlex.quote(sys.executable)} -S -c {shlex.quote(HOLD)} & wait"
    job = bench.run(command, Limits(mem_bytes=60 * MB, enforce=True))
    assert job.cgroup is None
    assert failure_of(job).kind == "out_of_memory"
    assert "but asked for mem_mb=60: stopped" in failure_of(job).message
    assert job.record().exceeded == ("mem_mb",)
    assert len(bench.told) == 1
    assert job.elapsed < 15


def test_a_job_beyond_its_runtime_is_stopped(bench: Bench) -> None:
    job = bench.run("sleep 60", Limits(runtime_s=0.3, enforce=True))
    assert failure_of(job).kind == "timeout"
    assert "runtime=0.005 (minutes)" in failure_of(job).message
    assert job.record().exceeded == ("runtime",)
    assert 0.3 <= job.elapsed < 5


def test_a_job_that_goes_on_after_sigterm_is_killed_with_its_children(bench: Bench) -> None:
    job = bench.begin("trap '' TERM; sleep 60 & echo $!; wait; sleep 60", Limits())
    bench.turn_until(lambda: bench.printed)
    bench.executions.terminate(job, grace=0.3)
    bench.turn_until(lambda: bench.ended)
    assert job.record().signal == signal.SIGKILL
    assert job.termination is not None
    assert job.termination.survivors == []
    child = process(int(bench.printed))
    assert child is None or child.zombie


def test_without_enforcement_a_long_job_is_told_of_and_left_alone(bench: Bench) -> None:
    job = bench.run("sleep 0.5; echo end", Limits(runtime_s=0.2))
    assert job.record().ok
    assert job.record().exceeded == ("runtime",)
    assert job.record().stdout_tail == "end\n"
    (message,) = bench.told
    assert "it would have been killed on a cluster" in message


def test_a_job_that_ends_before_a_sample_is_still_compared_with_its_limits(bench: Bench) -> None:
    job = bench.run("sleep 0.03", Limits(runtime_s=0.001))
    assert job.record().ok
    assert job.record().exceeded == ("runtime",)
    assert len(bench.told) == 1
