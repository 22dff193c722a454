"""Our data to pyslurm's words, and pyslurm's records to our data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from snakemake_renku.backends.slurm.client import (
    Cluster,
    Node,
    Partition,
    StepState,
    Submission,
    TaskState,
)
from snakemake_renku.backends.slurm.notation import hostlist, names, node_state
from snakemake_renku.backends.slurm.rest_extra import Option, options
from snakemake_renku.backends.slurm.rest_lists import tasks
from snakemake_renku.errors import SubmissionRefused


def description(submission: Submission) -> dict[str, Any]:
    """The attributes of ``pyslurm.JobSubmitDescription``.

    Raises:
        SubmissionRefused: something is asked for that pyslurm cannot ask.
    """
    asked = submission.request
    variables = {**os.environ, **submission.environment}
    if "SLURM_JWT" in variables:  # pyslurm passes on all of SLURM_*
        variables["SLURM_JWT"] = ""
    array = None
    if submission.tasks is not None:
        throttle = f"%{submission.throttle}" if submission.throttle else ""
        array = f"1-{submission.tasks}{throttle}"
    wanted: dict[str, Any] = {
        "name": submission.name,
        "script": submission.script,
        "working_directory": submission.workdir,
        "standard_output": submission.output,
        "comment": submission.comment or None,
        "array": array,
        "environment": variables,
        "excluded_nodes": list(submission.exclude) or None,
        "cpus_per_task": None if asked.cpus_per_gpu else asked.cpus,
        "memory_per_node": asked.mem_mb,
        "memory_per_cpu": asked.mem_mb_per_cpu,
        "memory_per_gpu": asked.mem_mb_per_gpu,
        "time_limit": _minutes(asked.time_min),
        "temporary_disk_per_node": asked.tmp_mb,
        "nodes": None if asked.nodes is None else str(asked.nodes),
        "ntasks": asked.tasks,
        "ntasks_per_node": asked.tasks_per_node,
        "ntasks_per_gpu": asked.tasks_per_gpu,
        "gres_per_node": asked.gres,
        "gpus": asked.gpus,
        "cpus_per_gpu": asked.cpus_per_gpu,
        "constraints": asked.constraint,
        "partitions": asked.partition,
        "account": asked.account,
        "qos": asked.qos,
        "reservations": asked.reservation,
        "clusters": asked.clusters,
        "resource_sharing": "no" if asked.exclusive else None,
        "is_requeueable": asked.requeue,
    }
    for option in options(asked.extra):
        name, value = _further(option)
        wanted[name] = [*(wanted.get(name) or []), *value] if name == "excluded_nodes" else value
    return {name: value for name, value in wanted.items() if value is not None}


def _minutes(minutes: int | None) -> str | None:
    return None if minutes is None else f"{minutes // 60:02}:{minutes % 60:02}:00"


_TEXTS = {"mail-user": "mail_user", "wckey": "wckey", "dependency": "dependencies"}
_LISTS = {
    "mail-type": "mail_types",
    "licenses": "licenses",
    "nodelist": "required_nodes",
    "exclude": "excluded_nodes",
}
_NUMBERS = {"nice": "nice", "priority": "priority", "threads-per-core": "threads_per_core"}
_FIXED: dict[str, tuple[str, object]] = {
    "hold": ("priority", 0),
    "requeue": ("is_requeueable", True),
    "no-requeue": ("is_requeueable", False),
    "exclusive": ("resource_sharing", "no"),
}


def _further(option: Option) -> tuple[str, Any]:
    if option.name in _FIXED:
        return _FIXED[option.name]
    if option.name in _TEXTS:
        return _TEXTS[option.name], option.value
    if option.name in _LISTS:
        split = hostlist if option.name in ("nodelist", "exclude") else names
        return _LISTS[option.name], list(split(option.value))
    if option.name in _NUMBERS and option.value.isdigit():
        return _NUMBERS[option.name], int(option.value)
    raise SubmissionRefused(
        f"--{option.name}={option.value} in slurm_extra cannot be asked through pyslurm.",
        remedy="Submit with Slurm's commands.",
    )


def standing(job: Any) -> Iterator[TaskState]:
    """How a ``pyslurm.Job`` stands; one that stands for waiting tasks is unfolded."""
    for number, task in _keys(job):
        yield TaskState(
            job=number,
            task=task,
            state=_word(job.state),
            reason=job.state_reason or "",
            nodes=hostlist(job.allocated_nodes or ""),
            exit_code=job.exit_code,
            signal=job.exit_code_signal,
            derived_exit_code=job.derived_exit_code,
            derived_signal=job.derived_exit_code_signal,
            restarts=job.requeue_count or 0,
        )


def stored(job: Any) -> Iterator[TaskState]:
    """What a ``pyslurm.db.Job`` says."""
    steps = tuple(
        StepState(str(name), _word(step.state), step.exit_code or 0, step.exit_code_signal or 0)
        for name, step in job.steps.items()
    )
    state = _word(job.state)
    for number, task in _keys(job):
        yield TaskState(
            job=number,
            task=task,
            state=state,
            reason=job.state_reason or "",
            nodes=hostlist(job.nodelist or ""),
            exit_code=job.exit_code,
            signal=job.exit_code_signal,
            derived_exit_code=job.derived_exit_code,
            derived_signal=job.derived_exit_code_signal,
            by=job.cancelled_by if state == "CANCELLED" else None,
            restarts=job.requeue_count or 0,
            steps=steps,
        )


def _keys(job: Any) -> list[tuple[int, int | None]]:
    if not job.array_id:
        return [(job.id, None)]
    if job.array_task_id is None and job.array_tasks_waiting:
        return [(job.array_id, task) for task in tasks(job.array_tasks_waiting)[0]]
    return [(job.array_id, job.array_task_id)]


def _word(state: str | None) -> str:
    return (state or "UNKNOWN").split()[0]


def cluster(config: Any, partitions: Sequence[Any], nodes: Sequence[Any]) -> Cluster:
    """What ``pyslurm.slurmctld.Config`` and the others say together."""
    return Cluster(
        name=config.cluster_name or "",
        version=config.version or "",
        max_array_size=config.max_array_size or 1001,
        partitions=tuple(_partition(each) for each in partitions),
        nodes=tuple(_node(each) for each in nodes),
        accounting=(config.accounting_storage_type or "").endswith("/slurmdbd"),
        enforce_part_limits=str(config.enforce_partition_limits).upper() not in ("NO", "NONE"),
    )


def _partition(part: Any) -> Partition:
    return Partition(
        name=part.name,
        state=part.state or "UP",
        default=bool(part.is_default),
        nodes=hostlist(part.nodes or ""),
        max_time_min=_limit(part.max_time),
        default_time_min=_limit(part.default_time),
        max_mem_per_node=_limit(part.max_memory_per_node),
        max_mem_per_cpu=_limit(part.max_memory_per_cpu),
        max_cpus_per_node=_limit(part.max_cpus_per_node),
        min_nodes=part.min_nodes or 0,
        max_nodes=_limit(part.max_nodes),
        allow_accounts=_some(part.allowed_accounts),
        deny_accounts=_some(part.denied_accounts),
        allow_groups=_some(part.allowed_groups),
        allow_qos=_some(part.allowed_qos),
        priority_tier=part.priority_tier or 1,
        hidden=bool(part.is_hidden),
        root_only=bool(part.is_root_only),
    )


def _node(node: Any) -> Node:
    return Node(
        name=node.name,
        state=node_state(node.state or ""),
        cpus=node.total_cpus or 1,
        mem_mb=node.real_memory or 0,
        tmp_mb=node.temporary_disk or 0,
        features=tuple(node.active_features or node.available_features or ()),
        gres=_resources(node.configured_gres or {}),
        reason=node.reason or "",
    )


def _resources(found: dict[str, Any]) -> dict[str, int]:
    """``{"gpu:a100": 2}`` as ``{"gpu": 2, "gpu:a100": 2}``."""
    counts: dict[str, int] = {}
    for name, amount in found.items():
        if isinstance(amount, int):
            for kind in {name, name.partition(":")[0]}:
                counts[kind] = counts.get(kind, 0) + amount
    return counts


def _limit(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _some(names: Sequence[str] | None) -> tuple[str, ...]:
    # pyslurm says ALL where nothing is named, also for those that are denied.
    return () if not names or "ALL" in names else tuple(names)
