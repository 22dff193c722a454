from __future__ import annotations

import os
import subprocess
import sys
import time
from resource import struct_rusage

import pytest

from snakemake_renku.runner.helper import Helpers
from snakemake_renku.runner.loop import Loop


def turn_until(loop: Loop, happened: list[object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    loop.on_tick(lambda: max(0.0, deadline - time.monotonic()))
    while not happened:
        loop.turn()
        assert time.monotonic() < deadline, "nothing happened in time"


def start(command: str) -> int:
    return os.posix_spawn("/bin/sh", ["/bin/sh", "-c", command], os.environ)


def test_a_file_that_can_be_read_calls_back(loop: Loop) -> None:
    read, write = os.pipe()
    seen: list[object] = []
    loop.watch(read, lambda: seen.append(os.read(read, 100)))
    os.write(write, b"hello")
    loop.turn()
    assert seen == [b"hello"]
    loop.drop(read)
    os.close(write)


def test_a_dropped_file_calls_back_no_more_and_is_closed(loop: Loop) -> None:
    read, write = os.pipe()
    seen: list[object] = []
    loop.watch(read, lambda: seen.append("read"))
    os.write(write, b"hello")
    loop.drop(read)
    loop.on_tick(lambda: 0.0)
    loop.turn()
    assert seen == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read)
    os.close(write)


def test_one_callback_may_drop_a_file_that_is_ready_as_well(loop: Loop) -> None:
    pipes = [os.pipe(), os.pipe()]
    reads = [read for read, _ in pipes]
    seen: list[int] = []

    def drop_both(me: int) -> None:
        seen.append(me)
        for read in reads:
            loop.drop(read)

    for number, (read, write) in enumerate(pipes):
        loop.watch(read, lambda number=number: drop_both(number))  # type: ignore[misc]
        os.write(write, b"x")
    loop.turn()
    assert len(seen) == 1
    for _, write in pipes:
        os.close(write)


def test_the_end_of_a_child_calls_back_with_status_and_use(loop: Loop) -> None:
    ends: list[object] = []

    def note(status: int, usage: struct_rusage) -> None:
        ends.append((os.waitstatus_to_exitcode(status), usage.ru_maxrss > 0))

    loop.on_exit(start("exit 7"), note)
    turn_until(loop, ends)
    assert ends == [(7, True)]


def test_children_that_end_together_each_call_back(loop: Loop) -> None:
    ends: list[object] = []
    codes: list[int] = []

    def note(status: int, _: struct_rusage) -> None:
        codes.append(os.waitstatus_to_exitcode(status))
        if len(codes) == 5:
            ends.append("all")

    for code in range(5):
        loop.on_exit(start(f"exit {code}"), note)
    turn_until(loop, ends)
    assert sorted(codes) == [0, 1, 2, 3, 4]


def test_a_child_that_nobody_asked_about_is_reaped(loop: Loop) -> None:
    ends: list[object] = []
    stranger = start("true")
    loop.on_exit(start("sleep 0.2"), lambda *_: ends.append("asked about"))
    turn_until(loop, ends)
    with pytest.raises(ChildProcessError):
        os.waitpid(stranger, os.WNOHANG)


def test_the_shortest_delay_of_all_tickers_is_waited_for(loop: Loop) -> None:
    loop.on_tick(lambda: None)
    loop.on_tick(lambda: 60.0)
    loop.on_tick(lambda: 0.05)
    began = time.monotonic()
    loop.turn()
    assert 0.04 <= time.monotonic() - began < 30


def test_tickers_are_called_in_each_turn(loop: Loop) -> None:
    calls: list[int] = []

    def tick() -> float:
        calls.append(1)
        return 0.0

    loop.on_tick(tick)
    for _ in range(3):
        loop.turn()
    assert len(calls) == 3


def test_a_helper_answers_with_bytes_while_the_loop_goes_on(loop: Loop) -> None:
    helpers = Helpers(loop)
    answers: list[object] = []
    big = b"x" * 300_000
    helpers.call(lambda: big + str(os.getpid()).encode(), answers.append)
    assert helpers.busy == 1
    turn_until(loop, answers)
    assert helpers.busy == 0
    (answer,) = answers
    assert isinstance(answer, bytes)
    assert answer.startswith(big)
    assert int(answer[len(big) :]) != os.getpid()


def test_a_helper_that_dies_answers_with_none(loop: Loop) -> None:
    answers: list[object] = []

    def die() -> bytes:
        os._exit(1)

    Helpers(loop).call(die, answers.append)
    turn_until(loop, answers)
    assert answers == [None]


def test_a_helper_does_not_outlive_the_process_that_asked_it() -> None:
    # The one in between forks a helper that would sleep for long, says its pid, and is killed.
    code = (
        "import os, signal, time\n"
        "from snakemake_renku.runner.helper import Helpers\n"
        "from snakemake_renku.runner.loop import Loop\n"
        "def work():\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(600)\n"
        "Helpers(Loop()).call(work, print)\n"
        "signal.pause()\n"
    )
    asker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert asker.stdout is not None
    asker.stdout.readline()
    asker.kill()
    asker.wait()
    # The helper holds the other end of this pipe: it is at its end once the helper is gone.
    assert asker.stdout.read() == ""
    asker.stdout.close()
