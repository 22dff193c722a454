"""What a list of jobs does not tell of those that ended badly, asked for many at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from snakemake_renku.backends.slurm.calls import Calls
from snakemake_renku.backends.slurm.client import Client, TaskId, TaskState
from snakemake_renku.backends.slurm.endings import standing
from snakemake_renku.backends.slurm.pace import Pace
from snakemake_renku.errors import AccountingUnavailable, RenkuError

_FEW = 5
"""So many failed jobs are asked about one by one: the controller knows at once, but one by one."""

_PATIENCE_S = 10.0
"""Accounting may lag; after so long the end is told without the details."""


class Details:
    """What became of the steps of a failed job; who cancelled one."""

    def __init__(self, client: Client, calls: Calls) -> None:
        self._client, self._calls = client, calls
        self._wanted: dict[TaskId, tuple[TaskState, float]] = {}
        self._known: dict[TaskId, TaskState] = {}
        self._pace = Pace(0.2, 5.0)

    @property
    def wanted(self) -> bool:
        """Whether any job waits for its details."""
        return bool(self._wanted)

    def of(self, task: TaskId, state: TaskState) -> TaskState | None:
        """All about a job that is over, of which the list said ``state``; None: not known yet."""
        if state.state != "FAILED" and (state.state != "CANCELLED" or state.by is not None):
            return state
        known = self._known.pop(task, None)
        if known is not None:
            return known
        now = time.monotonic()
        if now - self._wanted.setdefault(task, (state, now))[1] <= _PATIENCE_S:
            return None
        del self._wanted[task]
        return state

    def ask(self) -> None:
        """Ask about all that are wanted, if it is time to."""
        if not self._wanted or self._calls.busy("details") or self._pace.delay > 0:
            return
        wanted = {task: state for task, (state, _) in self._wanted.items()}
        self._calls.begin("details", partial(_ask, self._client, wanted), self._heard, self._failed)

    def _heard(self, found: Mapping[TaskId, TaskState]) -> None:
        fresh = {task: state for task, state in found.items() if task in self._wanted}
        for task in fresh:
            del self._wanted[task]
        self._known.update(fresh)
        self._pace.asked(changed=bool(fresh))

    def _failed(self, error: RenkuError) -> None:
        self._pace.back_off()


def _ask(client: Client, wanted: Mapping[TaskId, TaskState]) -> dict[TaskId, TaskState]:
    found: dict[TaskId, TaskState] = {}
    failed = [task for task, state in wanted.items() if state.state == "FAILED"]
    if len(failed) <= _FEW:
        for task in failed:
            state = client.describe(task)
            if state is not None:
                found[task] = state
    rest = wanted.keys() - found.keys()
    if not rest:
        return found
    try:
        remembered = client.history(sorted({job for job, _ in rest}))
    except AccountingUnavailable:
        return found | {task: wanted[task] for task in rest}
    for state in remembered:
        task = (state.job, state.task)
        told = state.by is not None or state.state != "CANCELLED"
        if task in rest and told and standing(state.state) == "over":
            found[task] = state
    return found
