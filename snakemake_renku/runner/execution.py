"""The processes of jobs: started, listened to, watched, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial

from snakemake_renku.errors import RenkuError
from snakemake_renku.runner.cgroup_support import CgroupSupport
from snakemake_renku.runner.kill import GRACE, terminate_tree
from snakemake_renku.runner.life import Job
from snakemake_renku.runner.loop import Loop
from snakemake_renku.runner.spawn import spawn_shell
from snakemake_renku.runner.usage import Rusage, TreeSampler, usage_from
from snakemake_renku.runner.wire import BASELINE_SIZE

REPORT = 3
"""The number under which a job's report pipe stands beside its stdout (1) and stderr (2)."""

_READ = 65536
_LEFTOVER = 1 << 20
"""How much more is read of an ended job's pipes that another process keeps open."""


class _NothingUsed:
    ru_utime = ru_stime = 0.0
    ru_maxrss = ru_inblock = ru_oublock = 0


_NOTHING_USED = _NothingUsed()


class Executions:
    """Watches over the processes of jobs.

    ``on_output`` gets what a job prints, ``on_told`` words about it for the user, ``on_ended`` the
    job when its process is gone and its streams are read.
    """

    def __init__(
        self,
        loop: Loop,
        on_output: Callable[[Job, int, bytes], None],
        on_told: Callable[[Job, str], None],
        on_ended: Callable[[Job], None],
    ) -> None:
        self._loop = loop
        self._on_output, self._on_told, self._on_ended = on_output, on_told, on_ended
        self._running: dict[int, Job] = {}
        self._ending: list[Job] = []
        self._sampler = TreeSampler()
        self.cgroups: CgroupSupport | None = None
        loop.on_tick(self._tick)

    def enter_cgroup(self, job: Job) -> str | None:
        """Make the job's cgroup, if it is to have one; the file by which a process enters it.

        Raises:
            LimitError: it cannot be made.
        """
        limit = job.judge.limits.mem_bytes
        if not self.cgroups or limit is None:
            return None
        job.cgroup = self.cgroups.job(job.spec.id, limit)
        return str(job.cgroup.path / "cgroup.procs")

    def spawn(self, job: Job) -> None:
        """Start the command of a direct job.

        Raises:
            OSError, RenkuError: it cannot be started.
        """
        procs = self.enter_cgroup(job)
        out, err = self.pipes(job)
        try:
            pid = spawn_shell(job.spec, out, err, procs)
        finally:
            os.close(out)
            os.close(err)
        self.adopt(job, pid)
        self._loop.on_exit(pid, partial(self.exited, pid))

    def pipes(self, job: Job) -> tuple[int, int]:
        """Pipes for the job to print on; their write ends."""
        return self.pipe(job, 1), self.pipe(job, 2)

    def pipe(self, job: Job, stream: int) -> int:
        """A pipe for one stream of the job; its write end."""
        read, write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(read, False)
        job.streams[stream] = read
        self._loop.watch(read, partial(self._readable, job, stream))
        return write

    def adopt(self, job: Job, pid: int, baseline_rss: int = 0) -> None:
        """Watch over a process that was started for the job."""
        job.pid, job.started = pid, time.time()
        if job.starting:
            baseline_rss = sys.maxsize
        self._running[pid] = job
        self._sampler.watch(pid, baseline_rss=baseline_rss, limits=job.judge.limits)

    def terminate(self, job: Job, grace: float = GRACE) -> None:
        """Begin to end all processes of the job."""
        if job.pid in self._running and job.termination is None:
            known = self._sampler.members(job.pid)
            job.termination = terminate_tree(
                job.pid, known=known, marker=job.spec.marker, grace=grace
            )

    def exited(self, pid: int, status: int, usage: Rusage) -> None:
        """Take note that a job's process has ended."""
        job = self._running.pop(pid, None)
        if job is None:
            return
        job.finished, job.status = time.time(), status
        for stream in list(job.streams):
            self._drain(job, stream)
        peak = self._sampler.forget(pid)
        job.usage = usage_from(usage, peak, job.finished - job.started)
        self._close_cgroup(job)
        if job.reported:
            job.read_report()
        if job.termination is None:
            memory = job.usage.max_rss if job.cgroup is None else None
            self._see(job, memory, job.finished - job.started)
            self._on_ended(job)
        else:
            # What a stopped job has left behind is ended for sure, before its record is written.
            self._ending.append(job)

    def abandon(self, job: Job) -> None:
        """End what is left of a job whose own process nobody can wait for."""
        self.terminate(job, grace=0.0)
        if job.pid in self._running:
            self.exited(job.pid, signal.SIGKILL, _NOTHING_USED)
        else:
            self.close_streams(job)
            self._on_ended(job)

    def close_streams(self, job: Job) -> None:
        """Let go of the pipes of a job that never ran."""
        for stream in list(job.streams):
            self._close(job, stream)

    def _readable(self, job: Job, stream: int) -> None:
        try:
            data = os.read(job.streams[stream], _READ)
        except BlockingIOError:
            return
        if not data:
            self._close(job, stream)
        else:
            self._take(job, stream, data)

    def _take(self, job: Job, stream: int, data: bytes) -> None:
        if stream == REPORT:
            job.reported += data
            if job.starting and len(job.reported) >= BASELINE_SIZE:
                job.starting = False
                baseline = int.from_bytes(job.reported[:BASELINE_SIZE], "little")
                del job.reported[:BASELINE_SIZE]
                self._sampler.rebase(job.pid, baseline)
        else:
            job.tails[stream].feed(data)
            self._on_output(job, stream, data)

    def _drain(self, job: Job, stream: int) -> None:
        """Read what is there; a process that the job left behind may keep the pipe open."""
        total = 0
        with contextlib.suppress(BlockingIOError):
            while total < _LEFTOVER and (data := os.read(job.streams[stream], _READ)):
                total += len(data)
                self._take(job, stream, data)
        self._close(job, stream)

    def _close(self, job: Job, stream: int) -> None:
        self._loop.drop(job.streams.pop(stream))

    def _close_cgroup(self, job: Job) -> None:
        if job.cgroup is None:
            return
        if job.cgroup.oom_kills() and job.judge.stop is None:
            stop = job.judge.killed_by_kernel(job.cgroup.peak())
            self._on_told(job, stop.message)
        job.cgroup.kill()
        job.cgroup.close()

    def _see(self, job: Job, memory: int | None, elapsed: float | None) -> None:
        for notice in job.judge.see(mem_bytes=memory, elapsed_s=elapsed):
            self._on_told(job, notice.message)

    def _tick(self) -> float | None:
        if self._running and self._sampler.next_delay() == 0:
            for pid, sample in self._sampler.sample().items():
                job = self._running[pid]
                if job.cgroup is None:
                    self._see(job, sample.memory, None)
                if job.cgroup is not None and job.cgroup.oom_kills():
                    self.terminate(job)
        now = time.monotonic()
        delays = [self._sampler.next_delay()]
        for job in self._running.values():
            if job.judge.remaining(job.elapsed) == 0:
                self._see(job, None, job.elapsed)
            if job.judge.stop is not None:
                self.terminate(job)
            if job.termination is not None:
                job.termination.step(now)
                delays.append(job.termination.next_delay())
            delays.append(job.judge.remaining(job.elapsed))
        for job in list(self._ending):
            assert job.termination is not None
            if job.termination.step(now):
                self._ending.remove(job)
                self._on_ended(job)
                delays.append(0.0)  # there may be nothing left to wait for
            else:
                delays.append(job.termination.next_delay())
        known = [delay for delay in delays if delay is not None]
        return min(known) if known else None


def start_problem(error: OSError | RenkuError) -> str:
    """Why a job's process could not be started, in words."""
    if isinstance(error, RenkuError):
        return str(error)
    what = f" ({error.filename})" if error.filename else ""
    return f"The job's process cannot be started: {error.strerror}{what}."
