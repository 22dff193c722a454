from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from snakemake_renku.runner import kill
from snakemake_renku.runner.kill import Termination, kill_tree, send, terminate_tree
from snakemake_renku.runner.processes import ProcessId, process

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


class Job:
    """A job's root, and the marker that all its processes carry."""

    def __init__(self, command: str) -> None:
        self.marker = f"test/{uuid.uuid4()}"
        self.process = subprocess.Popen(
            ["bash", "-c", command],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, kill.MARKER: self.marker},
        )
        self.root = identity(self.process.pid)

    def hear(self, lines: int = 1) -> list[int]:
        """The pids that the job says."""
        assert self.process.stdout is not None
        return [int(self.process.stdout.readline()) for _ in range(lines)]


@pytest.fixture
def start() -> Iterator[Callable[[str], Job]]:
    jobs: list[Job] = []

    def run(command: str) -> Job:
        jobs.append(Job(command))
        return jobs[-1]

    yield run
    for job in jobs:
        with suppress(ProcessLookupError):
            os.killpg(job.process.pid, signal.SIGKILL)
        kill_tree(job.root, marker=job.marker)
        job.process.communicate()


Start = Callable[[str], Job]


def identity(pid: int) -> ProcessId:
    entry = process(pid)
    assert entry is not None
    return entry.id


def alive(pid: int) -> bool:
    entry = process(pid)
    return entry is not None and not entry.zombie


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.01)


def finish(end: Termination, at: float = 0.0) -> None:
    """Step as an event loop would, by a clock that shows ``at`` now."""
    began = time.monotonic()
    until(lambda: end.step(at + time.monotonic() - began))
    assert end.survivors == []


def test_descendants_are_found_at_any_depth(start: Start) -> None:
    job = start("(sleep 60 & echo $!; wait; true) & echo $!; wait")
    pids = job.hear(2)
    assert {entry.pid for entry in kill.descendants(job.root.pid)} == set(pids)


def test_every_process_of_a_tree_is_ended(start: Start) -> None:
    job = start("(sleep 60 & echo $!; wait; true) & sleep 60 & echo $!; wait")
    pids = job.hear(2)
    finish(terminate_tree(job.root.pid))
    assert not any(map(alive, [job.root.pid, *pids]))
    assert job.process.wait() == -signal.SIGTERM


def test_a_process_may_clean_up_before_it_ends(start: Start, tmp_path: Path) -> None:
    job = start(f"trap 'rm {tmp_path}/half; exit 3' TERM; touch {tmp_path}/half; echo 1; sleep 60")
    job.hear()
    finish(terminate_tree(job.root.pid))
    assert job.process.wait() == 3
    assert not (tmp_path / "half").exists()


def test_what_ignores_sigterm_is_killed_after_the_grace(start: Start) -> None:
    job = start("trap '' TERM; echo 1; while :; do sleep 60; done")
    job.hear()
    end = terminate_tree(job.root.pid, grace=100.0)
    assert not end.step(0.0)
    assert not end.step(99.0)
    assert alive(job.root.pid)
    finish(end, at=100.0)
    assert job.process.wait() == -signal.SIGKILL


def test_without_grace_sigkill_comes_first(start: Start) -> None:
    job = start("trap 'exit 3' TERM; echo 1; sleep 60; true")
    job.hear()
    finish(terminate_tree(job.root.pid, grace=0.0))
    assert job.process.wait() == -signal.SIGKILL


def test_a_stopped_process_is_ended_by_sigterm(start: Start) -> None:
    job = start("echo 1; sleep 60; true")
    job.hear()
    os.kill(job.root.pid, signal.SIGSTOP)
    finish(terminate_tree(job.root.pid))
    assert job.process.wait() == -signal.SIGTERM


def test_a_daemon_in_the_session_is_ended_though_the_root_is_reaped(start: Start) -> None:
    job = start("(sleep 60 & echo $!)")
    [daemon] = job.hear()
    job.process.wait()
    assert alive(daemon)
    finish(terminate_tree(job.root))
    assert not alive(daemon)


@linux
def test_a_daemon_in_a_session_of_its_own_is_found_by_its_marker(start: Start) -> None:
    other, job = start("echo 1; sleep 60; true"), start("setsid bash -c 'sleep 60 & echo $!'")
    other.hear()
    [daemon] = job.hear()
    job.process.wait()
    until(lambda: (p := process(daemon)) and not alive(p.session))
    finish(terminate_tree(job.root))
    assert alive(daemon), "no link is left"
    finish(terminate_tree(job.root, marker=job.marker))
    assert not alive(daemon)
    assert alive(other.root.pid)


@linux
def test_a_marked_daemon_is_ended_together_with_a_job_that_still_runs(start: Start) -> None:
    job = start("(setsid bash -c 'sleep 60 & echo $!' &); sleep 60; true")
    [daemon] = job.hear()
    finish(terminate_tree(job.root, marker=job.marker))
    assert not alive(daemon)


@linux
def test_a_marked_daemon_has_the_same_grace_as_its_job(start: Start) -> None:
    ignore = "trap '' TERM; echo 1; while :; do sleep 60; done"
    job = start(f"(setsid bash -c 'sleep 60 & echo $!' &); {ignore}")
    daemon = max(job.hear(2))
    until(lambda: (p := process(daemon)) and not alive(p.session))
    end = terminate_tree(job.root, marker=job.marker, grace=100.0)
    end.step(0.0)
    until(lambda: not alive(daemon))
    assert alive(job.root.pid)


@linux
def test_a_daemon_that_a_dying_job_leaves_behind_is_found_by_its_marker(start: Start) -> None:
    leave = r"setsid bash -c 'sleep 60 & echo \$!'; exit"
    job = start(f'trap "{leave}" TERM; echo 1; while :; do sleep 0.01; done')
    job.hear()
    end = terminate_tree(job.root, marker=job.marker)
    end.step(0.0)
    [daemon] = job.hear()
    job.process.wait()
    until(lambda: (p := process(daemon)) and not alive(p.session))
    assert alive(daemon)
    finish(end, at=1.0)
    assert not alive(daemon)


def test_a_known_process_is_ended_when_all_links_to_it_are_gone(start: Start) -> None:
    job = start("setsid bash -c 'sleep 60 & echo $!'")
    [daemon] = job.hear()
    job.process.wait()
    finish(terminate_tree(job.root, known=[identity(daemon)]))
    assert not alive(daemon)


def test_what_a_dying_process_starts_is_ended_too(start: Start) -> None:
    job = start("trap 'sleep 60 & echo $!; exit' TERM; echo 1; while :; do sleep 0.01; done")
    job.hear()
    finish(terminate_tree(job.root.pid))
    assert not alive(job.hear()[0])


def test_a_pid_that_was_used_again_is_not_signalled(start: Start) -> None:
    job = start("sleep 60 & echo $!; wait")
    [child] = job.hear()
    former = [ProcessId(pid, identity(pid).started - 1) for pid in (job.root.pid, child)]
    assert not send(former[0], signal.SIGKILL)
    assert kill_tree(former[0], known=former) == 0
    finish(terminate_tree(former[0], known=former, grace=0.0))
    assert alive(job.root.pid)
    assert alive(child)


def test_a_signal_to_what_is_gone_is_no_error(start: Start) -> None:
    job = start("true")
    job.process.wait()
    assert not send(job.root, signal.SIGKILL)
    assert kill_tree(job.root) == 0
    finish(terminate_tree(job.root.pid))


def test_one_round_reaches_root_child_and_marked_daemon(start: Start) -> None:
    job = start("(setsid bash -c 'sleep 60 & echo $!' &); sleep 60 & echo $!; wait")
    pids = job.hear(2)
    until(lambda: len(kill.marked(job.marker)) == 3)
    assert kill_tree(job.root.pid, marker=job.marker) == 3
    until(lambda: not any(map(alive, [job.root.pid, *pids])))


def test_this_process_and_its_ancestors_are_never_part_of_a_job() -> None:
    found = {entry.pid for entry in kill.job_processes(identity(os.getppid()))}
    assert not found & {os.getpid(), os.getppid(), 1}


def test_a_marker_must_match_as_a_whole(start: Start) -> None:
    job = start("echo 1; sleep 60; true")
    job.hear()
    assert kill.marked(job.marker[:-1]) == []
    assert job.root.pid in {entry.pid for entry in kill.marked(job.marker)}


def test_steps_grow_rare_and_cost_nothing_between(start: Start) -> None:
    job = start("trap '' TERM; echo 1; while :; do sleep 60; done")
    job.hear()
    end = terminate_tree(job.root.pid, grace=100.0)
    delays, now = [], 0.0
    for _ in range(8):
        end.step(now)
        delays.append(end.next_delay())
        now += delays[-1]
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (0.01, 0.2)
    os.killpg(job.root.pid, signal.SIGKILL)
    assert not end.step(now - 0.15)
    until(lambda: not kill.job_processes(job.root))
    assert end.step(now)
