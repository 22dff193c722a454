"""Waiting for workers, and the words for their absence."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from snakemake_renku.errors import (
    BackendError,
    BackendUnavailable,
    SlurmUnavailable,
    SubmissionRefused,
)
from snakemake_renku.step_cluster.plan import Plan

if TYPE_CHECKING:
    from distributed import Client

    from snakemake_renku.backends.slurm.client import Client as SlurmClient
    from snakemake_renku.backends.slurm.client import TaskState
    from snakemake_renku.step_cluster.watch import Guard

Check = Callable[[bool], BackendError | None]
"""Why no (more) workers will come; with True: why none came in time."""

LOOK = 1.0
"""Seconds between looks at what became of the workers."""
ASK_SLURM = 5.0
"""Seconds between questions to Slurm."""

_OVER = {"COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "OUT_OF_MEMORY", "NODE_FAIL", "BOOT_FAIL"}
_OVER |= {"DEADLINE", "PREEMPTED", "REVOKED"}


def wait(plan: Plan, client: Client, check: Check) -> None:
    """Wait until as many workers are there as the plan needs.

    Raises:
        BackendUnavailable, SubmissionRefused: they will not come, or did not in time.
    """
    deadline = time.monotonic() + plan.wait_s
    while True:
        left = deadline - time.monotonic()
        try:
            client.wait_for_workers(plan.minimum, timeout=max(0.1, min(LOOK, left)))
            return
        except TimeoutError:
            pass
        if (problem := check(left <= LOOK)) is not None:
            raise problem


def check_commands(plan: Plan, guard: Guard, log: Path) -> Check:
    """The check for workers that are commands of the guard."""

    def check(late: bool) -> BackendError | None:
        if not guard.all_ended() and not late:
            return None
        what = "did not start in time" if late else "ended at once"
        return BackendUnavailable(
            f"The dask workers of rule {plan.rule} {what}{tail(log)}",
            remedy="" if not late else _more_time(plan),
        )

    return check


def check_slurm(
    plan: Plan, slurm: SlurmClient, name: str, logs: Path, refusals: list[str]
) -> Check:
    """The check for workers that are Slurm jobs of this name."""
    asked = time.monotonic()

    def check(late: bool) -> BackendError | None:
        nonlocal asked
        if refusals:
            return SubmissionRefused(
                f"Slurm does not take the dask workers of rule {plan.rule}: {refusals[0]}.",
                remedy="Change slurm_partition, slurm_account, qos, slurm_extra or the size of the"
                " workers (dask_worker_threads, dask_worker_mem_mb, dask_worker_runtime).",
            )
        if not late and time.monotonic() < asked + ASK_SLURM:
            return None
        asked = time.monotonic()
        try:
            return _judge(plan, slurm.tasks(name), late, logs)
        except SlurmUnavailable as error:
            return error if late else None

    return check


def _judge(plan: Plan, states: list[TaskState], late: bool, logs: Path) -> BackendError | None:
    from snakemake_renku.backends.slurm.reasons import judge

    waiting = [judge(state) for state in states if state.state == "PENDING"]
    alive = [state for state in states if state.state not in _OVER]
    said = "; ".join(dict.fromkeys(each.words for each in waiting))
    if waiting and len(waiting) == len(alive) and all(each.kind == "never" for each in waiting):
        return BackendUnavailable(
            f"The dask workers of rule {plan.rule} will never start on Slurm: {said}",
            remedy="Change the size of the workers, or slurm_partition, slurm_account or qos.",
        )
    if states and not alive:
        ends = ", ".join(sorted({state.state for state in states}))
        return BackendUnavailable(
            f"The Slurm jobs of the dask workers of rule {plan.rule} ended ({ends})"
            f" before the step met one{tails(logs)}",
        )
    if not late:
        return None
    words = f": {len(waiting)} of {plan.workers} jobs wait ({said})" if waiting else ""
    running = sum(state.state == "RUNNING" for state in states)
    words += f"; {running} run, but did not reach the step{tails(logs)}" if running else ""
    return BackendUnavailable(
        f"Of the dask workers of rule {plan.rule}, fewer than {plan.minimum} started within"
        f" {plan.wait_s / 60:g} minutes{words}.",
        remedy=_more_time(plan),
    )


def _more_time(plan: Plan) -> str:
    least = "" if plan.minimum == 1 else ", or go on with fewer (dask_min_workers)"
    return f"Give them more time (dask_wait, in minutes){least}."


def tails(logs: Path) -> str:
    """The end of the newest log in a folder, as the end of a sentence."""
    files = sorted(logs.glob("*.err"), key=lambda path: path.stat().st_mtime)
    return tail(files[-1]) if files else "."


def tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, as the end of a sentence."""
    try:
        text = log.read_text(errors="replace").strip()
    except OSError:
        text = ""
    return ":\n" + "\n".join(text.splitlines()[-lines:]) + "\n" if text else "."
