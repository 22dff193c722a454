"""One job in the supervisor's hands, from its order to its record."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from snakemake_renku.model import (
    Failure,
    FailureKind,
    FileRef,
    JobRecord,
    JobSpec,
    StepFiles,
    Usage,
)
from snakemake_renku.model.record import ResolvedEnvironment
from snakemake_renku.runner.cgroup import JobCgroup
from snakemake_renku.runner.kill import Termination
from snakemake_renku.runner.limits import Judge
from snakemake_renku.runner.tail import Tail
from snakemake_renku.runner.wire import Report

Stage = Literal["queued", "hashing_input", "running", "hashing_output", "done"]

HOST = os.uname().nodename


@dataclass(slots=True, eq=False)
class Job:
    """What the supervisor knows of a job. Times are seconds since the epoch."""

    spec: JobSpec
    judge: Judge
    cores: int
    stage: Stage = "queued"
    pid: int = 0
    started: float = 0.0
    finished: float = 0.0
    status: int | None = None
    cancelled: bool = False
    lost: str | None = None
    problem: str | None = None
    report: Report | None = None
    usage: Usage | None = None
    inputs: tuple[tuple[FileRef, ...], ...] = ()
    outputs: tuple[tuple[FileRef, ...], ...] = ()
    environments: tuple[ResolvedEnvironment, ...] = ()
    termination: Termination | None = None
    cgroup: JobCgroup | None = None
    streams: dict[int, int] = field(default_factory=dict)
    """Open read ends of the job's pipes, by stream: 1, 2, and 3 for the report."""
    reported: bytearray = field(default_factory=bytearray)
    tails: dict[int, Tail] = field(default_factory=lambda: {1: Tail(), 2: Tail()})
    passed_over: int = 0
    starting: bool = False
    """Whether the process has yet to say how much memory it had before the job itself began."""
    server: int = 0
    """The pid of the warm server whose child the job is."""

    @property
    def elapsed(self) -> float:
        """Seconds since the job's process began."""
        return (self.finished or time.time()) - self.started

    @property
    def ended_well(self) -> bool:
        """Whether the process ended well and nothing speaks against it."""
        return (
            self.status == 0
            and not self.cancelled
            and self.lost is None
            and self.problem is None
            and self.judge.stop is None
        )

    def read_report(self) -> None:
        """Make sense of what a child wrote on its report pipe, if it got that far."""
        try:
            self.report = msgspec.msgpack.decode(bytes(self.reported), type=Report)
        except msgspec.MsgspecError:
            self.report = None

    def record(self) -> JobRecord:
        """The record of the job as it stands."""
        code, number = self._exit()
        environments = self.environments or tuple(ResolvedEnvironment() for _ in self.spec.steps)
        nothing: tuple[FileRef, ...] = ()
        inputs = self.inputs or tuple(nothing for _ in self.spec.steps)
        outputs = self.outputs or tuple(nothing for _ in self.spec.steps)
        now = time.time()
        return JobRecord(
            id=self.spec.id,
            mode=self.spec.mode,
            started=self.started or now,
            finished=self.finished or now,
            host=HOST,
            pid=self.pid,
            steps=tuple(
                StepFiles(step.rule, found, made, environment)
                for step, found, made, environment in zip(
                    self.spec.steps, inputs, outputs, environments, strict=True
                )
            ),
            exit_code=code,
            signal=number,
            failure=None if self.ended_well else self._failure(code, number),
            usage=self.usage,
            exceeded=self.judge.exceeded,
            stdout_tail=self.tails[1].text(),
            stderr_tail=self.tails[2].text(),
        )

    def _exit(self) -> tuple[int | None, int | None]:
        report = self.report
        if report is not None and (report.exit_code, report.signal) != (None, None):
            return report.exit_code, report.signal
        if self.status is None:
            return None, None
        if os.WIFSIGNALED(self.status):
            return None, os.WTERMSIG(self.status)
        return os.WEXITSTATUS(self.status), None

    def _failure(self, code: int | None, number: int | None) -> Failure:
        if self.cancelled:
            return Failure("cancelled", "It was cancelled.", code, number)
        if self.judge.stop is not None:
            message = f"The job {self.judge.stop.message}."
            return Failure(self.judge.stop.kind, message, code, number)
        if self.lost is not None:
            return Failure("node_lost", self.lost, code, number)
        if self.problem is not None:
            return Failure("error", self.problem, code, number)
        if self.report is not None and self.report.message:
            kind: FailureKind = "missing_output" if self.report.missing_output else "error"
            return Failure(kind, self.report.message, code, number)
        return Failure("error", self._command_message(code, number), code, number)

    def _command_message(self, code: int | None, number: int | None) -> str:
        command = self.spec.shell_command
        what = "The job" if command is None else f"Command '{command}'"
        if number is None:
            return f"{what} returned non-zero exit status {code}."
        words = f"{what} died with {_signal_name(number)}."
        if number == signal.SIGKILL:
            words += (
                " Nothing here sent that signal: it may have been the kernel, out of memory"
                " (its log tells), or somebody else."
            )
        return words


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number)!r}".split(":")[0] + f": {number}>"
    except ValueError:
        return f"signal {number}"
