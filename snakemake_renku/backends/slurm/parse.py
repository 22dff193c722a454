"""What Slurm's commands print, as data. Pure functions; the forms are those of Slurm 20 to 26."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from snakemake_renku.backends.slurm.client import Cluster, Node, Partition, StepState, TaskState
from snakemake_renku.backends.slurm.notation import (
    NOTHING,
    exit_pair,
    gres,
    hostlist,
    indices,
    job_name,
    limit,
    long_state,
    minutes,
    names,
    node_state,
)

SEPARATOR = "\x1f"
"""Between the fields that squeue and sacct print; nobody types it into a reason or a comment."""

SQUEUE_FORMAT = SEPARATOR.join(("%F", "%K", "%T", "%r", "%N"))
SACCT_FORMAT = "JobID,State,ExitCode,DerivedExitCode,NodeList,Reason"

_RECORD_START = re.compile(r"^(?=(?:JobId|PartitionName|NodeName)=)", re.MULTILINE)
_FIELD = re.compile(r"(?:^| +)([A-Za-z][\w/:]*)=")
_TO_END_OF_LINE = re.compile(
    r"(?:^|\s)(JobName|Command|WorkDir|Comment|AdminComment|SystemComment|Extra|OS|SubmitLine|Wckey"
    r"|StdErr|StdIn|StdOut)=(.*)$"
)


def squeue(text: str) -> list[TaskState]:
    """Lines of ``squeue --noheader --format=SQUEUE_FORMAT``; tasks of one array are unfolded."""
    found = []
    for line in text.splitlines():
        if line.count(SEPARATOR) != SQUEUE_FORMAT.count(SEPARATOR):
            continue  # "CLUSTER: name", where a cluster was named
        job, tasks, state, reason, nodes = line.split(SEPARATOR)
        found += [
            TaskState(int(job), task, long_state(state)[0], reason_of(reason), hostlist(nodes))
            for task in indices(tasks)
        ]
    return found


def sacct(text: str) -> list[TaskState]:
    """Lines of ``sacct --noheader --parsable2 --format=SACCT_FORMAT``, in which the steps of a job
    follow it."""
    jobs: dict[str, list[TaskState]] = {}
    steps: dict[str, list[StepState]] = {}
    for line in text.splitlines():
        if line.count(SEPARATOR) != SACCT_FORMAT.count(","):
            continue
        name, said, code, derived, nodes, reason = line.split(SEPARATOR)
        name, _, step = name.partition(".")
        state, by = long_state(said)
        exit_code, signal = exit_pair(code)
        if step:
            steps.setdefault(name, []).append(StepState(step, state, exit_code, signal))
            continue
        job, tasks = job_name(name)
        derived_exit_code, derived_signal = exit_pair(derived)
        jobs[name] = [
            TaskState(
                job=job,
                task=task,
                state=state,
                reason=reason_of(reason),
                nodes=hostlist(nodes),
                exit_code=exit_code,
                signal=signal,
                derived_exit_code=derived_exit_code,
                derived_signal=derived_signal,
                by=by,
            )
            for task in tasks
        ]
    return [_with_steps(state, tuple(steps.get(name, ()))) for name in jobs for state in jobs[name]]


def show_job(text: str) -> list[TaskState]:
    """``scontrol show job``; tasks that are still one record are unfolded."""
    found = []
    for record in records(text):
        exit_code, signal = exit_pair(record.get("ExitCode", ""))
        derived_exit_code, derived_signal = exit_pair(record.get("DerivedExitCode", ""))
        state, by = long_state(record.get("JobState", ""))
        found += [
            TaskState(
                job=int(record.get("ArrayJobId", record["JobId"])),
                task=task,
                state=state,
                reason=reason_of(record.get("Reason", "")),
                nodes=hostlist(record.get("NodeList", "")),
                exit_code=exit_code,
                signal=signal,
                derived_exit_code=derived_exit_code,
                derived_signal=derived_signal,
                by=by,
                restarts=int(record.get("Restarts", "0")),
            )
            for task in indices(record.get("ArrayTaskId", ""))
        ]
    return found


def show_partitions(text: str) -> tuple[Partition, ...]:
    """``scontrol --all show partition``."""
    return tuple(
        Partition(
            name=record["PartitionName"],
            state=record.get("State", "UP"),
            default=record.get("Default") == "YES",
            nodes=hostlist(record.get("Nodes", "")),
            max_time_min=minutes(record.get("MaxTime", "")),
            default_time_min=minutes(record.get("DefaultTime", "")),
            max_mem_per_node=limit(record.get("MaxMemPerNode", "")),
            max_mem_per_cpu=limit(record.get("MaxMemPerCPU", "")),
            max_cpus_per_node=limit(record.get("MaxCPUsPerNode", "")),
            min_nodes=limit(record.get("MinNodes", "")) or 0,
            max_nodes=limit(record.get("MaxNodes", "")),
            allow_accounts=names(record.get("AllowAccounts", "")),
            deny_accounts=names(record.get("DenyAccounts", "")),
            allow_groups=names(record.get("AllowGroups", "")),
            allow_qos=names(record.get("AllowQos", "")),
            priority_tier=limit(record.get("PriorityTier", "")) or 1,
            hidden=record.get("Hidden") == "YES",
            root_only=record.get("RootOnly") == "YES",
        )
        for record in records(text)
    )


def show_nodes(text: str) -> tuple[Node, ...]:
    """``scontrol --all show node``. What Slurm keeps for itself is not counted."""
    return tuple(
        Node(
            name=record["NodeName"],
            state=node_state(record.get("State", "")),
            cpus=limit(record.get("CPUEfctv", record.get("CPUTot", ""))) or 1,
            mem_mb=(limit(record.get("RealMemory", "")) or 0)
            - (limit(record.get("MemSpecLimit", "")) or 0),
            tmp_mb=limit(record.get("TmpDisk", "")) or 0,
            features=names(record.get("AvailableFeatures", "")),
            gres=gres(record.get("Gres", "")),
            reason=record.get("Reason", ""),
        )
        for record in records(text)
    )


def show_config(text: str) -> Cluster:
    """``scontrol show config``, as a cluster whose partitions and nodes are not known yet."""
    pairs = (line.partition("=") for line in text.splitlines())
    said = {key.strip(): value.strip() for key, _, value in pairs}
    return Cluster(
        name=said.get("ClusterName", ""),
        version=said.get("SLURM_VERSION", ""),
        max_array_size=limit(said.get("MaxArraySize", "")) or 1001,
        accounting=said.get("AccountingStorageType", "").endswith("/slurmdbd"),
        enforce_part_limits=said.get("EnforcePartLimits", "NO").upper() not in {"NO", ""},
    )


def records(text: str) -> Iterator[dict[str, str]]:
    """What ``scontrol show`` says of each job, partition or node, over several lines each.

    Reads to the end of the line where a value may hold spaces and equals signs, so that no comment
    can pretend to be another field.
    """
    for block in _RECORD_START.split(text):
        record: dict[str, str] = {}
        for line in block.splitlines():
            line = line.strip()
            free = _TO_END_OF_LINE.search(line)
            if line.startswith("Reason="):  # of a node
                record.setdefault("Reason", line.removeprefix("Reason="))
                continue
            if free is not None:
                record.setdefault(free[1], free[2].strip())
                line = line[: free.start()]
            pieces = _FIELD.split(line)
            for key, value in zip(pieces[1::2], pieces[2::2], strict=True):
                record.setdefault(key, value.strip())
        if record:
            yield record


def reason_of(text: str) -> str:
    """Why a job waits, or nothing; scontrol writes its spaces as ``_``, which are put back."""
    if text in NOTHING or text == "None":
        return ""
    return text.replace(",_", ", ")


def _with_steps(state: TaskState, steps: tuple[StepState, ...]) -> TaskState:
    return msgspec.structs.replace(state, steps=steps) if steps else state
