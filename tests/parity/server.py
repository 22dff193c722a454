"""Forks a Snakemake for each request, so that its imports are paid for once and not 300 times.

A request is a line of JSON on stdin (``argv``, ``cwd``, ``env``, ``stdout``, ``stderr``,
``timeout``), the answer a line with the wait status on stdout. What runs is
``snakemake.cli.main`` in a fresh fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from snakemake.cli import get_argument_parser, main
from snakemake.workflow import Workflow


def become(request: dict[str, Any]) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    null = os.open(os.devnull, os.O_RDONLY)
    files = [os.open(request[name], os.O_WRONLY | os.O_CREAT) for name in ("stdout", "stderr")]
    for source, target in zip([null, *files], (0, 1, 2), strict=True):
        os.dup2(source, target)
        os.close(source)
    sys.argv = ["snakemake", *request["argv"]]
    Workflow._rundir = request["cwd"]  # Snakemake asks for it when it is imported


def serve() -> None:
    get_argument_parser()  # imports the plugins
    answers = os.dup(1)
    os.set_inheritable(answers, False)
    while line := sys.stdin.readline():
        request = json.loads(line)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            os.close(answers)
            become(request)
            main()
        if signal.sigtimedwait({signal.SIGCHLD}, request["timeout"]) is None:
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.write(answers, f"{status}\n".encode())


if __name__ == "__main__":
    serve()
