"""What became of a job: its runner's record and Slurm's word put together.

Slurm's states are those of ``man squeue`` (JOB STATE CODES).
"""

from __future__ import annotations

import pwd
import signal
import time
from typing import Literal

import msgspec

from snakemake_renku.backends.slurm.client import TaskState
from snakemake_renku.model import Failure, FailureKind, JobRecord, JobSpec

WAITING = frozenset(
    {
        *("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"),
        *("RESV_DEL_HOLD", "SUSPENDED", "STOPPED", "RESIZING"),
    }
)
RUNNING = frozenset({"RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT"})
OVER = frozenset(
    {
        *("COMPLETED", "FAILED", "OUT_OF_MEMORY", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL"),
        *("PREEMPTED", "CANCELLED", "DEADLINE", "REVOKED", "LAUNCH_FAILED"),
    }
)

OOM_SIGNAL = 125
"""The number that Slurm gives as signal of a step that was out of memory."""

CANNOT_START, CANNOT_RECORD = 72, 74
"""Exit statuses of our runner; see ``runner/task.py``."""

NO_OUTPUT_FILE = 53
"""The number that Slurm gives as signal of a job whose output file could not be opened."""

Standing = Literal["waiting", "running", "over", "unknown"]


def standing(state: str) -> Standing:
    """How far a job is; a state that is not known here is never taken for an end."""
    if state in WAITING:
        return "waiting"
    if state in RUNNING:
        return "running"
    return "over" if state in OVER else "unknown"


def needs_slurms_word(record: JobRecord, spec: JobSpec, *, cancelled: bool) -> bool:
    """Whether a runner's record alone cannot tell why the job ended as it did."""
    failure = record.failure
    if failure is None or cancelled:
        return False
    if failure.kind == "cancelled":
        return True  # the runner was told to end, and does not know by whom
    if failure.kind != "error":
        return False
    return record.signal == signal.SIGKILL or record.exit_code == 137 or _has_steps(spec)


def _has_steps(spec: JobSpec) -> bool:
    """Whether the job may have started steps of its own, which have memory limits of their own."""
    asks = any(name in spec.resources for name in ("mpi", "tasks", "nodes"))
    return asks or spec.mode != "direct" or "srun" in (spec.shell_command or "")


def ending(
    spec: JobSpec, record: JobRecord | None, state: TaskState | None, *, printed: str = ""
) -> JobRecord:
    """The record of a job that is over, by what is known.

    ``state`` is None where Slurm knows the job no more; ``printed`` is the end of what was printed
    where there is no record.
    """
    failure = _slurms_failure(state, printed) if state is not None else None
    if record is None:
        return _record(spec, state, failure or _gone(state, printed))
    if record.failure is None or failure is None:
        return record
    if record.failure.kind == "cancelled" or failure.kind == "out_of_memory":
        code, number = record.exit_code, record.signal
        failure = msgspec.structs.replace(failure, exit_code=code, signal=number)
        return msgspec.structs.replace(record, failure=failure)
    return record


def _slurms_failure(state: TaskState, printed: str) -> Failure | None:
    where = f" on {', '.join(state.nodes)}" if state.nodes else ""
    oom = state.state == "OUT_OF_MEMORY" or OOM_SIGNAL in (state.derived_signal, state.signal)
    oom = oom or any(step.state == "OUT_OF_MEMORY" for step in state.steps)
    if oom:
        return _failure(
            "out_of_memory",
            f"The job was out of memory{where}: Slurm ended it (or one of its steps); raise mem_mb"
            " (or let it grow: --renku-escalate).",
        )
    match state.state:
        case "TIMEOUT" | "DEADLINE":
            words = "reached its time limit" if state.state == "TIMEOUT" else "met its deadline"
            return _failure("timeout", f"The job {words}{where}: raise runtime.")
        case "NODE_FAIL":
            return _failure("node_lost", f"The node of the job was lost{where}.")
        case "PREEMPTED":
            return _failure("preempted", f"The job had to make room for another one{where}.")
        case "BOOT_FAIL" | "LAUNCH_FAILED":
            return _failure("launch_failed", f"The job could not be started{where}.")
        case "CANCELLED" | "REVOKED":
            by = f" by {_user(state.by)}" if state.by else " by somebody else"
            why = f" ({state.reason})" if state.reason and state.reason != "None" else ""
            return _failure("cancelled", f"The job was cancelled{by}{why}.")
        case "FAILED" if state.signal == NO_OUTPUT_FILE:
            return _failure(
                "launch_failed",
                f"Slurm could not open the job's output file{where}: is the working directory on a"
                " file system that the node has, and is there room?",
            )
        case "FAILED" if state.exit_code == CANNOT_RECORD:
            return _failure(
                "launch_failed",
                f"The job ended{where}, but its end could not be written below the working"
                " directory's .snakemake/renku/slurm. Make room on its disk (or quota).",
            )
        case "FAILED" if state.exit_code == CANNOT_START:
            said = printed or "the files of the run cannot be read or written there."
            return _failure("launch_failed", f"The job could not be started{where}: {said}")
        case "FAILED":
            said = f" Its last words: {printed}" if printed else ""
            return _failure("launch_failed", f"The job's runner failed{where}.{said}")
    return None


def _user(name: str) -> str:
    """The name of a user of whom Slurm may tell the number alone."""
    try:
        return pwd.getpwuid(int(name)).pw_name
    except (ValueError, KeyError):
        return name


def _gone(state: TaskState | None, printed: str) -> Failure:
    said = f" Its last words: {printed}" if printed else ""
    if state is None:
        return _failure("node_lost", f"Slurm knows the job no more, and it left no record.{said}")
    return _failure(
        "launch_failed",
        f"The job ended as {state.state} but left no record (is the disk full?).{said}",
    )


def _failure(kind: FailureKind, message: str) -> Failure:
    return Failure(kind, message)


def _record(spec: JobSpec, state: TaskState | None, failure: Failure) -> JobRecord:
    now = time.time()
    return JobRecord(
        id=spec.id,
        mode=spec.mode,
        started=now,
        finished=now,
        host="" if state is None or not state.nodes else state.nodes[0],
        pid=0,
        steps=(),
        exit_code=None if state is None else state.exit_code or None,
        signal=None if state is None else state.signal or None,
        failure=failure,
    )
