"""The options of ``sbatch`` for a submission."""

from __future__ import annotations

from collections.abc import Mapping

from snakemake_renku.backends.slurm.client import Request, Submission


def options(submission: Submission) -> list[str]:
    """The options of ``sbatch``; ours come last, so that no other can replace them."""
    array = None
    if submission.tasks is not None:
        throttle = f"%{submission.throttle}" if submission.throttle else ""
        array = f"1-{submission.tasks}{throttle}"
    ours = {
        "job-name": submission.name,
        "output": submission.output,
        "chdir": submission.workdir,
        "comment": submission.comment or None,
        "array": array,
        "exclude": ",".join(submission.exclude) or None,
        "export": "ALL",
    }
    asked = [*request_options(submission.request), *submission.request.extra]
    return [*asked, "--parsable", *_said(ours)]


def request_options(request: Request) -> list[str]:
    """The options of ``sbatch`` for what a job asks for, without ``extra`` and ``clusters``."""
    return [
        *_said(
            {
                "partition": request.partition,
                "account": request.account,
                "qos": request.qos,
                "reservation": request.reservation,
                "constraint": request.constraint,
                "nodes": request.nodes,
                "ntasks": request.tasks,
                "ntasks-per-node": request.tasks_per_node,
                "ntasks-per-gpu": request.tasks_per_gpu,
                "cpus-per-task": request.cpus if request.cpus_per_gpu is None else None,
                "cpus-per-gpu": request.cpus_per_gpu,
                "mem": _mebibytes(request.mem_mb),
                "mem-per-cpu": _mebibytes(request.mem_mb_per_cpu),
                "mem-per-gpu": _mebibytes(request.mem_mb_per_gpu),
                "tmp": _mebibytes(request.tmp_mb),
                "time": request.time_min,
                "gres": request.gres,
                "gpus": request.gpus,
            }
        ),
        *(["--exclusive"] if request.exclusive else []),
        *({True: ["--requeue"], False: ["--no-requeue"], None: []}[request.requeue]),
    ]


def _said(options: Mapping[str, str | int | None]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items() if value is not None]


def _mebibytes(number: int | None) -> str | None:
    return None if number is None else f"{number}M"
