"""Outlives the step for a moment, so that none of its workers does.

This file, run as a program, is told in the first line of its standard input
what to start and what to cancel. It starts the commands, and waits for the end of that input: then
the step is over, however it ended. It removes the folders, ends the commands, and cancels the Slurm
jobs of that name until none is left. It prints one line for each command that ends by itself.

It knows nothing but the standard library, so that it starts in some ten milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from select import select
from typing import Any

GRACE = 5.0
"""Seconds from SIGTERM to SIGKILL."""
SUBMISSION = 2.0
"""Seconds in which a submission that was under way when the step died may still appear."""
GIVE_UP = 600.0
"""Seconds for which a Slurm that does not answer is asked again."""

DONE = b"done\n"
"""What the step says when it ends in order."""

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Read the orders, start, wait, clean up."""
    orders = json.loads(sys.stdin.buffer.readline())
    if orders["detach"]:
        _leave()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wake, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    children = [_start(command) for command in orders["commands"]]
    in_order = _wait(wake, children)
    for path in orders["remove"]:
        shutil.rmtree(path, ignore_errors=True)
    _end(children)
    if orders["cancel"]:
        _cancel(orders["cancel"], looks=1 if in_order else 2)


def _leave() -> None:
    """Go out of the step's tree of processes, which others end as a whole."""
    if os.fork():
        os._exit(0)
    with contextlib.suppress(OSError):
        os.setsid()


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    libc = ctypes.CDLL(None)

    def die_with_guard() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=2,
        process_group=0,
        preexec_fn=die_with_guard if sys.platform == "linux" else None,
    )


def _wait(wake: int, children: list[subprocess.Popen[bytes]]) -> bool:
    """Until the step's end of the pipe is closed, or somebody ends this process.

    Whether the step said before that it submits nothing more.
    """
    told = set[int]()
    said = b""
    stdin = sys.stdin.fileno()
    while True:
        for number, child in enumerate(children):
            if number not in told and child.poll() is not None:
                told.add(number)
                with contextlib.suppress(OSError):
                    os.write(1, f"{number} {child.returncode}\n".encode())
        ready, _, _ = select([wake, stdin], [], [])
        if wake in ready and set(os.read(wake, 4096)) & {signal.SIGTERM, signal.SIGHUP}:
            return False
        if stdin in ready:
            data = os.read(stdin, 4096)
            if not data:
                return said == DONE
            said += data


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    _signal(children, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while _alive(children) and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal(children, signal.SIGKILL)
    for child in children:
        child.wait()


def _signal(children: list[subprocess.Popen[bytes]], number: int) -> None:
    for child in children:
        with contextlib.suppress(OSError):
            os.killpg(child.pid, number)


def _alive(children: list[subprocess.Popen[bytes]]) -> bool:
    """Whether any process of the children's groups is left."""
    found = False
    for child in children:
        child.poll()
        with contextlib.suppress(OSError):
            os.killpg(child.pid, 0)
            found = True
    return found


def _cancel(name: str, looks: int) -> None:
    """Cancel all jobs of that name, until Slurm has shown so many times that there are none."""
    began, empty = time.monotonic(), 0
    which = (f"--name={name}", f"--user={os.getuid()}")
    while empty < looks and time.monotonic() < began + GIVE_UP:
        _ask("scancel", "--quiet", *which)
        left = _ask("squeue", "--noheader", "--format=%A", *which)
        empty = empty + 1 if left == "" else 0
        if empty < looks:
            waited = time.monotonic() - began
            time.sleep(SUBMISSION if left == "" else max(0.5, min(30.0, waited / 4)))


def _ask(*command: str) -> str | None:
    """What a command prints; None if it fails."""
    arguments: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, **arguments)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode().strip() if done.returncode == 0 else None


if __name__ == "__main__":
    main()
