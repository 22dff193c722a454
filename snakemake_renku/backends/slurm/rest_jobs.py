"""Jobs as slurmrestd tells of them, of the controller and of accounting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from snakemake_renku.backends.slurm.client import StepState, TaskId, TaskState
from snakemake_renku.backends.slurm.notation import hostlist
from snakemake_renku.backends.slurm.rest_lists import task_ranges, tasks
from snakemake_renku.backends.slurm.rest_values import ending, number, state, text

Record = Mapping[str, Any]


def named(records: Iterable[Record], name: str, user: str) -> list[Record]:
    """Those with this name; a server that does not know a user's name leaves it out."""
    return [
        record
        for record in records
        if record.get("name") == name and (record.get("user_name") or user) == user
    ]


def unfold(
    records: Sequence[Record], pending: Callable[[int], Sequence[int]]
) -> Iterator[TaskState]:
    """Each job, and each task of an array.

    The tasks that wait are one record, which names them in at most 64 characters. Where that is not
    enough, ``pending`` is asked for the tasks of an array that wait.
    """
    split = {(_array(record), number(record.get("array_task_id"))) for record in records}
    for record in records:
        job, task = _array(record), number(record.get("array_task_id"))
        indices, whole = tasks(text(record.get("array_task_string")))
        if job is None or task is not None or not indices:
            yield standing(record, job or number(record.get("job_id")) or 0, task)
            continue
        if not whole:
            last = indices[-1]
            more = (index for index in pending(job) if index > last)
            indices.extend(index for index in more if (job, index) not in split)
        yield from (standing(record, job, index) for index in indices)


def _array(record: Record) -> int | None:
    return number(record.get("array_job_id")) or None


def standing(record: Record, job: int, task: int | None) -> TaskState:
    """How one job or task stands, as the controller says."""
    exit_code, signal = ending(record.get("exit_code"))
    derived, derived_signal = ending(record.get("derived_exit_code"))
    return TaskState(
        job=job,
        task=task,
        state=state(record.get("job_state")),
        reason=text(record.get("state_description")) or text(record.get("state_reason")),
        nodes=hostlist(text(record.get("nodes"))),
        exit_code=exit_code,
        signal=signal,
        derived_exit_code=derived,
        derived_signal=derived_signal,
        restarts=number(record.get("restart_cnt")) or 0,
    )


def stored(records: Sequence[Record]) -> list[TaskState]:
    """The last attempt of each job and task, as accounting has it.

    A job that Slurm has requeued is there once for each attempt, where the server tells of all.
    """
    last: dict[tuple[int, int | None], Record] = {}
    attempts: Counter[tuple[int, int | None]] = Counter()
    # Tasks that wait come first: a task that has a record of its own waits no more.
    for record in sorted(records, key=_folded, reverse=True):
        for key in _keys(record):
            attempts[key] += not _folded(record)
            if key not in last or _folded(last[key]) or _submitted(record) >= _submitted(last[key]):
                last[key] = record
    return [_stored(record, *key, restarts=attempts[key] - 1) for key, record in last.items()]


def _submitted(record: Record) -> int:
    return number(_part(record, "time").get("submission")) or 0


def completed(states: Sequence[TaskState], known: Iterable[TaskState]) -> list[TaskState]:
    """``states``, with the exit codes that are missing, from what the controller still knows."""
    codes = {(state.job, state.task): state for state in known}
    return [_completed(state, codes.get((state.job, state.task))) for state in states]


def _completed(state: TaskState, found: TaskState | None) -> TaskState:
    if state.exit_code is not None or found is None:
        return state
    failed = [step for step in state.steps if _without_code(step)]
    codes = {"batch": found.exit_code}
    # The derived exit code is the highest of all steps: of one that failed, it is its own.
    others = [step.step for step in failed if step.step not in ("batch", "extern")]
    if len(others) == 1:
        codes[others[0]] = found.derived_exit_code
    return msgspec.structs.replace(
        state,
        exit_code=found.exit_code,
        derived_exit_code=found.derived_exit_code,
        steps=tuple(
            msgspec.structs.replace(step, exit_code=codes.get(step.step) or 0)
            if step in failed
            else step
            for step in state.steps
        ),
    )


def _without_code(step: StepState) -> bool:
    return step.state == "FAILED" and not step.exit_code and not step.signal


def waiting(records: Sequence[Record], job: int) -> list[int]:
    """The tasks of an array that wait, by what accounting has (a bit mask, which is never cut)."""
    keys = [key for record in records if _folded(record) for key in _keys(record)]
    return [task for array, task in keys if array == job and task is not None]


def _folded(record: Record) -> bool:
    array = _part(record, "array")
    return number(array.get("task_id")) is None and bool(text(array.get("task")))


def _keys(record: Record) -> list[tuple[int, int | None]]:
    array = _part(record, "array")
    job = number(array.get("job_id")) or None
    if job is None:
        return [(number(record.get("job_id")) or 0, None)]
    if _folded(record):
        return [(job, task) for task in tasks(text(array.get("task")))[0]]
    return [(job, number(array.get("task_id")))]


def _stored(record: Record, job: int, task: int | None, *, restarts: int) -> TaskState:
    told = _part(record, "state")
    word = state(told.get("current"))
    exit_code, signal = ending(record.get("exit_code"))
    derived, derived_signal = ending(record.get("derived_exit_code"))
    if word == "FAILED" and not exit_code and not signal:
        # v0.0.38 gives every exit status as 0.
        exit_code, derived = None, derived or None
    return TaskState(
        job=job,
        task=task,
        state=word,
        reason=text(told.get("reason")),
        nodes=hostlist(text(record.get("nodes"))),
        exit_code=exit_code,
        signal=signal,
        derived_exit_code=derived,
        derived_signal=derived_signal,
        by=text(record.get("kill_request_user")) or None,
        restarts=max(restarts, number(record.get("restart_cnt")) or 0),
        steps=tuple(_step(step) for step in record.get("steps") or ()),
    )


def _step(step: Record) -> StepState:
    exit_code, signal = ending(step.get("exit_code"))
    name = str(_part(step, "step").get("id", "")).rpartition(".")[2]
    return StepState(name, state(step.get("state")), exit_code or 0, signal or 0)


def _part(record: Record, name: str) -> Record:
    part = record.get(name)
    return part if isinstance(part, Mapping) else {}


_LONGEST = 1500
"""So many characters at most a word for some tasks of an array has: it may stand in an URL."""


def array_ids(wanted_tasks: Sequence[TaskId]) -> Iterator[str]:
    """What Slurm calls these: ``12``, ``13_[1-3,7]``."""
    wanted: dict[int, list[int] | None] = {}
    for job, task in wanted_tasks:
        before = wanted.setdefault(job, [])
        if task is None:
            wanted[job] = None
        elif before is not None:
            before.append(task)
    for job, indices in wanted.items():
        if indices is None:
            yield str(job)
        else:
            ranges = task_ranges(indices, longest=_LONGEST)
            yield from (f"{job}_[{each}]" for each in ranges)
