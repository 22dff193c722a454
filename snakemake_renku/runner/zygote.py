"""The warm server: parses the workflow once, forks a child for each job.

It has no threads and does nothing else, so each fork is a clean start with everything imported and
parsed. Each child leads a process group of its own, and dies with this server.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import select
import signal
import socket
import sys
import traceback
from typing import NoReturn

import msgspec

from snakemake_renku.engine.nested import NestedWorkflow, Outcome, Target
from snakemake_renku.engine.snapshot import WorkflowSnapshot
from snakemake_renku.errors import WarmStartImpossible
from snakemake_renku.runner.parent import die_with_parent
from snakemake_renku.runner.wire import (
    Exited,
    Fork,
    Forked,
    Parse,
    Parsed,
    Report,
    ServerOrder,
    Unframer,
    frame,
    receive_with_fds,
)

_orders: msgspec.msgpack.Decoder[ServerOrder] = msgspec.msgpack.Decoder(ServerOrder)

_RESET = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE)


class WarmServer:
    """Serves one supervisor over one socket until that is closed."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._unframer = Unframer()
        self._fds: list[int] = []
        self._workflow: NestedWorkflow | None = None
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> None:
        """Take orders until the supervisor goes."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        while True:
            sock = self._sock.fileno()
            ready, _, _ = select.select([sock, self._wake_read], [], [])
            if self._wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                self._reap()
            if sock in ready:
                data, fds = receive_with_fds(self._sock)
                if not data:
                    return
                self._fds += fds
                for body in self._unframer.feed(data):
                    self._obey(_orders.decode(body))

    def _obey(self, order: ServerOrder) -> None:
        match order:
            case Parse():
                self._send(self._parse(order))
            case Fork():
                fds, self._fds = self._fds[:3], self._fds[3:]
                self._fork(order, fds)

    def _parse(self, order: Parse) -> Parsed:
        try:
            self._workflow = NestedWorkflow(WorkflowSnapshot.load(order.snapshot))
            self._workflow.get_ready_to_fork()
            self._workflow.check_forkable()
        except WarmStartImpossible as error:
            return Parsed(problem=error.message)
        except BaseException as error:
            return Parsed(problem=f"the workflow could not be parsed again: {error}")
        # What is there now is shared by all forks: keep the collector from touching its pages.
        gc.collect()
        gc.freeze()
        return Parsed(sources=self._workflow.sources())

    def _fork(self, order: Fork, fds: list[int]) -> None:
        rss = resident()
        pid = os.fork()
        if pid == 0:
            self._become_job(order, fds)
        for fd in fds:
            os.close(fd)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._send(Forked(order.id, pid, rss))

    def _become_job(self, order: Fork, fds: list[int]) -> NoReturn:
        assert self._workflow is not None
        signal.set_wakeup_fd(-1)
        for fd in (self._sock.fileno(), self._wake_read, self._wake_write):
            os.close(fd)
        os.environ["RENKU_RUN"] = order.run
        os.environ["RENKU_JOB"] = order.marker
        run_as_job(self._workflow, order, fds)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._send(exited(pid, status, usage))

    def _send(self, message: msgspec.Struct) -> None:
        self._sock.sendall(frame(message))


def run_as_job(workflow: NestedWorkflow, order: Fork, fds: list[int]) -> NoReturn:
    """Turn this process into the job of ``order``; reports on the third of ``fds``, and ends."""
    stdout, stderr, report = fds
    code = 1
    try:
        _enter_job(order.cgroup_procs, stdout, stderr)
        if not order.python:
            # It is over before there is garbage worth collecting, which would copy shared pages.
            gc.disable()
        outcome = workflow.run(
            Target(
                jobs=order.jobs,
                attempt=order.attempt,
                cores=order.cores,
                group_id=order.group_id,
                unneeded_temp_files=order.unneeded_temp_files,
                overrides=order.overrides,
            )
        )
        code = 0 if outcome.ok else 1
    except BaseException:
        outcome = Outcome(False, traceback.format_exc())
    with contextlib.suppress(BaseException):
        os.write(
            report,
            msgspec.msgpack.encode(
                Report(
                    outcome.ok,
                    outcome.message[-32768:],
                    outcome.exit_code,
                    outcome.signal,
                    outcome.missing_output,
                )
            ),
        )
        sys.stdout.flush()
        sys.stderr.flush()
    # Not sys.exit: Snakemake's own timers and pools would keep this process for a second more.
    os._exit(code)


def _enter_job(cgroup_procs: str | None, stdout: int, stderr: int) -> None:
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    die_with_parent()
    for number in _RESET:
        signal.signal(number, signal.SIG_DFL)
    if cgroup_procs is not None:
        with open(cgroup_procs, "w") as file:
            file.write(str(os.getpid()))
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)


def exited(pid: int, status: int, usage: resource.struct_rusage) -> Exited:
    """The end of a child as a message."""
    return Exited(
        pid,
        status,
        usage.ru_utime,
        usage.ru_stime,
        usage.ru_maxrss,
        usage.ru_inblock,
        usage.ru_oublock,
    )


def resident() -> int:
    """The resident memory of this process, in bytes; 0 where that is not told."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def main() -> None:
    """``python -m snakemake_renku.runner.zygote FD``: serve on an inherited socket."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        sock.set_inheritable(False)
        WarmServer(sock).serve()


if __name__ == "__main__":
    main()
