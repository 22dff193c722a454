"""Jobs as slurmrestd tells of them, of the controller and of accounting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from snakemake_renku.backends.slurm.client import StepState, TaskState
from snakemake_renku.backends.slurm.rest_lists import hosts, tasks
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
        nodes=hosts(text(record.get("nodes"))),
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
    last: dict[tuple[int, int | None], tuple[int, int, Record]] = {}
    for record in records:
        for key in _keys(record):
            submitted = number(_part(record, "time").get("submission")) or 0
            before, attempts, _ = last.get(key, (0, 0, record))
            if submitted >= before:
                last[key] = (submitted, attempts + 1, record)
    return [
        _stored(record, *key, restarts=attempts - 1) for key, (_, attempts, record) in last.items()
    ]


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
    if word == "FAILED" and not exit_code and not signal:
        exit_code = None  # v0.0.38 gives every exit status as 0
    derived, derived_signal = ending(record.get("derived_exit_code"))
    return TaskState(
        job=job,
        task=task,
        state=word,
        reason=text(told.get("reason")),
        nodes=hosts(text(record.get("nodes"))),
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
