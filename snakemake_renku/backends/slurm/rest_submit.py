"""A submission as slurmrestd takes it, in the older form (until v0.0.39) and the newer.

Only what is asked for is sent. The newer form ignores words that it does not know, so each
word here is one that its description (``/openapi/v3``) has.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snakemake_renku.backends.slurm.client import Request, Submission
from snakemake_renku.backends.slurm.notation import hostlist
from snakemake_renku.backends.slurm.rest_extra import further, options, requeue, resources
from snakemake_renku.errors import SubmissionRefused

LAST_OLDER = 39
"""The last API version with the older form."""

_NOT_PASSED_ON = ("SLURM_", "SLURMD_", "SLURMRESTD_")


def body(submission: Submission, version: int) -> dict[str, Any]:
    """What is sent to ``job/submit``.

    Raises:
        SubmissionRefused: something is asked for that this way of submitting cannot ask.
    """
    older = version <= LAST_OLDER
    asked = submission.request
    if asked.clusters:
        raise SubmissionRefused(
            f"clusters={asked.clusters} is asked for, but slurmrestd serves one cluster only.",
            remedy="Leave the resource out, or give the address of that cluster's slurmrestd.",
        )
    job: dict[str, Any] = {
        "name": submission.name,
        "current_working_directory": submission.workdir,
        "standard_output": submission.output,
        **_plain(asked),
        **(_older(asked) if older else _newer(asked)),
    }
    excluded = list(submission.exclude)
    for option in options(asked.extra):
        if option.name == "exclude":
            excluded.extend(hostlist(option.value))
        else:
            job.update(further(option, older=older))
    if excluded:
        job |= {"exclude_nodes": ",".join(excluded)} if older else {"excluded_nodes": excluded}
    if submission.comment:
        job["comment"] = submission.comment
    if submission.tasks is not None:
        throttle = f"%{submission.throttle}" if submission.throttle else ""
        job["array"] = f"1-{submission.tasks}{throttle}"
    variables = environment(os.environ, submission.environment, submission.workdir)
    job["environment"] = variables if older else [f"{k}={v}" for k, v in variables.items()]
    if older:
        return {"script": submission.script, "job": job}
    return {"job": {**job, "script": submission.script}}


def environment(
    ours: Mapping[str, str], further: Mapping[str, str], workdir: str
) -> dict[str, str]:
    """The variables of a job, as ``sbatch --export=ALL`` passes them on.

    Slurm's own are left out: they speak of a job that we may be in, and one is the token. What is
    not UTF-8 cannot be sent, and is left out too.
    """
    passed = {
        name: value
        for name, value in {**ours, **further}.items()
        if not name.startswith(_NOT_PASSED_ON) and _sendable(name) and _sendable(value)
    }
    return {**passed, "SLURM_SUBMIT_DIR": workdir, "SLURM_UMASK": _umask()}


def _sendable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _umask() -> str:
    # os.umask() can only be asked by setting it, which other threads would notice.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return line.split()[1]
    return "0022"


def _plain(asked: Request) -> dict[str, Any]:
    """What both forms say alike."""
    values = {
        "cpus_per_task": None if asked.cpus_per_gpu else asked.cpus,
        "memory_per_node": asked.mem_mb,
        "memory_per_cpu": asked.mem_mb_per_cpu,
        "time_limit": asked.time_min,
        "temporary_disk_per_node": asked.tmp_mb,
        "nodes": None if asked.nodes is None else str(asked.nodes),
        "tasks": asked.tasks,
        "tasks_per_node": asked.tasks_per_node,
        "constraints": asked.constraint,
        "partition": asked.partition,
        "account": asked.account,
        "qos": asked.qos,
        "reservation": asked.reservation,
    }
    return _given(values)


def _older(asked: Request) -> dict[str, Any]:
    values = {
        "gres": asked.gres,
        "gpus": asked.gpus,
        "cpus_per_gpu": asked.cpus_per_gpu,
        "memory_per_gpu": asked.mem_mb_per_gpu,
        "ntasks_per_gpu": asked.tasks_per_gpu,
        "exclusive": "exclusive" if asked.exclusive else None,
        **requeue(asked.requeue, older=True),
    }
    return _given(values)


def _newer(asked: Request) -> dict[str, Any]:
    values = {
        "tres_per_node": resources(asked.gres, "gres/"),
        "tres_per_job": resources(asked.gpus, "gres/gpu:"),
        "cpus_per_tres": resources(asked.cpus_per_gpu, "gres/gpu:"),
        "memory_per_tres": resources(asked.mem_mb_per_gpu, "gres/gpu:"),
        "ntasks_per_tres": asked.tasks_per_gpu,
        "shared": ["none"] if asked.exclusive else None,
        **requeue(asked.requeue, older=False),
    }
    return _given(values)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
