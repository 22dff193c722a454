from __future__ import annotations

import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from snakemake_renku.runner import processes
from snakemake_renku.runner.limits import MB, Limits
from snakemake_renku.runner.processes import Process, ProcessTable
from snakemake_renku.runner.usage import TreePeak, TreeSampler, usage_from

SIZE = 40 * MB
HOLD = f"import signal; held = b'x' * {SIZE}; print('ready', flush=True); signal.pause()"
PYTHON = f"{shlex.quote(sys.executable)} -S -c"

Start = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Run a shell command as the leader of a session; its group ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def run(command: str) -> subprocess.Popen[str]:
        job = subprocess.Popen(
            ["bash", "-c", command], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(job)
        return job

    yield run
    for job in started:
        with suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)
        job.communicate()


def hear(job: subprocess.Popen[str], lines: int = 1) -> list[str]:
    assert job.stdout is not None
    return [job.stdout.readline().strip() for _ in range(lines)]


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.01)


def watched(pid: int, limits: Limits | None = None) -> TreeSampler:
    sampler = TreeSampler()
    sampler.watch(pid, limits=limits)
    return sampler


def test_the_memory_of_three_children_is_summed(start: Start) -> None:
    one = f"{PYTHON} {shlex.quote(HOLD)} &"
    job = start(f"{one} {one} {one} wait")
    hear(job, 3)
    sample = watched(job.pid).sample()[job.pid]
    assert sample.processes == 4
    assert 3 * SIZE < sample.memory < 3 * (SIZE + 20 * MB)


def test_one_look_serves_several_jobs_and_keeps_them_apart(start: Start) -> None:
    big, small = start(f"{PYTHON} {shlex.quote(HOLD)}; true"), start("echo ready; sleep 60; true")
    hear(big)
    hear(small)
    sampler = watched(big.pid)
    sampler.watch(small.pid)
    samples = sampler.sample()
    assert samples[big.pid].memory > SIZE > samples[small.pid].memory > 0
    assert not set(sampler.members(big.pid)) & set(sampler.members(small.pid))


def test_of_a_forked_root_only_the_growth_counts() -> None:
    # In a process of its own: one that has run a thousand tests shares too much with its fork.
    code = textwrap.dedent(
        f"""
        import os, signal
        from snakemake_renku.runner import processes
        from snakemake_renku.runner.usage import TreeSampler

        ballast = b"x" * {SIZE}
        ready, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            held = b"y" * {SIZE}
            os.write(told, held[:1])
            signal.pause()
            os._exit(0)
        entry = processes.process(os.getpid())
        sampler = TreeSampler()
        sampler.watch(pid, baseline_rss=entry.rss)
        os.read(ready, 1)
        print(entry.rss, sampler.sample()[pid].memory)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        """
    )
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before, memory = map(int, printed.split())
    assert before > SIZE
    # The fork leaves behind the pages of mapped files, so it begins a little below its parent.
    assert SIZE - 25 * MB < memory < SIZE + 5 * MB


def test_an_orphan_that_stayed_in_the_session_counts(start: Start) -> None:
    job = start(f"({PYTHON} {shlex.quote(HOLD)} &); sleep 60; true")
    hear(job)
    assert watched(job.pid).sample()[job.pid].memory > SIZE


def test_what_was_once_seen_counts_after_it_cut_all_its_links(start: Start) -> None:
    drifter = (
        "import os, signal, time\n"
        "if os.fork(): signal.pause()\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
        "print(os.getpid(), flush=True); signal.sigwait([signal.SIGUSR1])\n"
        "os.setsid(); print('away', flush=True); time.sleep(60)"
    )
    job = start(f"{PYTHON} {shlex.quote(drifter)} & sleep 60; true")
    [pid] = map(int, hear(job))
    before = processes.process(pid)
    assert before is not None
    sampler = watched(job.pid)
    sampler.sample()
    assert before.id in sampler.members(job.pid)
    os.kill(pid, signal.SIGUSR1)
    until(lambda: (p := processes.process(pid)) and p.session == pid)
    os.kill(before.parent, signal.SIGKILL)
    until(lambda: (p := processes.process(pid)) and p.parent != before.parent)
    sampler.sample()
    members = sampler.members(job.pid)
    os.kill(pid, signal.SIGKILL)
    assert before.id in members


def test_what_a_session_leader_of_the_job_leaves_behind_counts(start: Start) -> None:
    leader = "trap 'sleep 60 & echo $!; exit' USR1; echo $$; while :; do sleep 0.01; done"
    job = start(f"setsid bash -c {shlex.quote(leader)}; sleep 60; true")
    [session] = map(int, hear(job))
    sampler = watched(job.pid)
    sampler.sample()
    os.kill(session, signal.SIGUSR1)
    [left] = map(int, hear(job))
    until(lambda: processes.process(session) is None)
    sampler.sample()
    members = [member.pid for member in sampler.members(job.pid)]
    os.kill(left, signal.SIGKILL)
    assert left in members


@pytest.mark.skipif(processes.pss(os.getpid()) is None, reason="no /proc/<pid>/smaps_rollup here")
def test_close_to_the_limit_a_shared_page_counts_once(start: Start) -> None:
    family = (
        f"import os, signal; held = b'x' * {SIZE}\n"
        "any(os.fork() == 0 for _ in range(3))\n"
        "print('ready', flush=True); signal.pause()"
    )
    job = start(f"{PYTHON} {shlex.quote(family)}; true")
    hear(job, 4)
    sample = watched(job.pid, Limits(mem_bytes=3 * SIZE)).sample()[job.pid]
    assert sample.rss > 4 * SIZE
    assert SIZE < sample.memory < 2 * SIZE


def test_the_peak_outlives_what_made_it(start: Start) -> None:
    job = start(f"{PYTHON} {shlex.quote(HOLD)} & wait; echo less; sleep 60; true")
    hear(job)
    sampler = watched(job.pid)
    sampler.sample()
    [child] = (i.pid for i in sampler.members(job.pid) if i.pid != job.pid)
    os.kill(child, signal.SIGKILL)
    assert hear(job) == ["less"]
    assert sampler.sample()[job.pid].memory < SIZE
    assert sampler.forget(job.pid).memory > SIZE
    assert sampler.sample() == {}


def test_seconds_of_orphans_are_added_to_those_that_wait4_tells(start: Start) -> None:
    busy = (
        "import signal, time\n"
        "while time.process_time() < 0.3: pass\n"
        "print('ready', flush=True); signal.pause()"
    )
    job = start(f"({PYTHON} {shlex.quote(busy)} &)")
    sampler = watched(job.pid)
    hear(job)
    sampler.sample()
    orphan = max(sampler.members(job.pid))
    _, _, rusage = os.wait4(job.pid, 0)
    job.returncode = 0
    assert rusage.ru_utime < 0.2
    used = usage_from(rusage, sampler.peak(job.pid), 1.0)
    assert 0.25 < used.user_s + used.system_s < 1.0
    os.kill(orphan.pid, signal.SIGKILL)
    until(lambda: (p := processes.process(orphan.pid)) is None or p.id != orphan)
    sampler.sample()
    assert usage_from(rusage, sampler.peak(job.pid), 1.0).user_s >= used.user_s


def test_the_memory_of_the_process_that_spawned_a_job_is_not_the_jobs() -> None:
    ballast = b"x" * SIZE
    job = subprocess.Popen(["bash", "-c", "true"])
    sampler = watched(job.pid)
    _, _, rusage = os.wait4(job.pid, 0)
    job.returncode = 0
    assert rusage.ru_maxrss * 1024 > len(ballast)
    assert usage_from(rusage, sampler.forget(job.pid), 0.1).max_rss == 0


def test_a_peak_that_no_sample_saw_is_taken_from_wait4() -> None:
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + SIZE
    job = subprocess.Popen([sys.executable, "-S", "-c", f"b'x' * {size}"])
    sampler = watched(job.pid)
    _, _, rusage = os.wait4(job.pid, 0)
    job.returncode = 0
    used = usage_from(rusage, sampler.forget(job.pid), 0.1)
    assert used.max_rss > size
    assert used.wall_s == 0.1


def test_a_root_that_is_gone_has_an_empty_sample() -> None:
    job = subprocess.Popen(["true"], start_new_session=True)
    sampler = watched(job.pid)
    job.wait()
    assert sampler.sample()[job.pid].processes == 0


def test_an_unwatched_tree_has_no_peak() -> None:
    assert TreeSampler().peak(1) == TreePeak()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("limits", "slowest"),
    [(Limits(), 1.0), (Limits(10**12), 1.0), (Limits(10**12, enforce=True), 0.25)],
)
def test_samples_begin_late_and_grow_rare(limits: Limits, slowest: float, start: Start) -> None:
    job = start("sleep 60; true")
    clock = Clock()
    sampler = TreeSampler(clock)
    assert sampler.next_delay() is None
    sampler.watch(job.pid, limits=limits)
    delays = []
    for _ in range(8):
        delay = sampler.next_delay()
        assert delay is not None
        delays.append(delay)
        clock.now += delay
        sampler.sample()
    assert delays[0] == pytest.approx(0.1)
    assert delays == sorted(delays)
    assert delays[-1] == pytest.approx(slowest)


def test_a_command_may_be_named_like_the_table_itself(tmp_path: Path) -> None:
    name = tmp_path / "x) R 1 (2"
    shutil.copy(shutil.which("sleep") or "", name)
    with subprocess.Popen([name, "60"]) as job:
        entry = processes.process(job.pid)
        job.kill()
    assert entry is not None
    assert (entry.parent, entry.session) == (os.getpid(), os.getsid(0))


def test_both_ways_to_read_a_process_agree() -> None:
    ours, portable = processes.process(os.getpid()), processes._process_from_psutil(os.getpid())
    assert ours is not None
    assert portable is not None
    for field in ("pid", "parent", "group", "session", "zombie"):
        assert getattr(ours, field) == getattr(portable, field)
    assert portable.rss == pytest.approx(ours.rss, rel=0.2)
    assert portable.user_s == pytest.approx(ours.user_s, abs=0.5)


def entry(pid: int, parent: int, started: float = 0.0, group: int = 0) -> Process:
    return Process(pid, started, parent, group, group, False, 0.0, 0.0, 0)


def test_links_that_form_a_ring_lead_to_nobody() -> None:
    assert processes.owners({2: entry(2, 3), 3: entry(3, 2)}, {9: 9}, {}) == {2: 0, 3: 0, 9: 9}


def test_a_parent_younger_than_its_child_is_not_its_parent() -> None:
    table = {5: entry(5, 1, started=9.0), 6: entry(6, 5, started=1.0), 7: entry(7, 5, started=9.5)}
    assert processes.owners(table, {5: 5}, {}) == {5: 5, 6: 0, 7: 5}


def test_a_group_whose_number_became_another_pid_is_not_trusted() -> None:
    assert processes.trusted_groups({5, 6, 7}, {5: entry(5, 1), 6: entry(6, 1)}, {6}) == {6, 7}


def test_strangers_are_left_out_but_each_is_looked_at_again_in_time(start: Start) -> None:
    job = start("for i in {1..40}; do sleep 60 & done; echo ready; wait")
    hear(job)
    strangers = {p.pid for p in processes.process_table().values() if p.parent == job.pid}
    table = ProcessTable()
    table.leave_out(strangers)
    seen: set[int] = set()
    for _ in range(40):
        again = strangers & set(table.read())
        assert len(again) <= 4
        table.leave_out(again)
        seen |= again
    assert seen == strangers
