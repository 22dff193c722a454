"""Jobs that ask for the same, put together into arrays."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from snakemake_renku.backends.slurm.client import Request, Submission
from snakemake_renku.model import JobSpec
from snakemake_renku.runner import spool

MOST_TASKS = 1000
"""So many tasks at most go into one array, whatever the cluster allows: a folder for each batch
stays quick to list, and some of a very long array need not wait for all of it to be taken."""


@dataclass(frozen=True)
class Wanted:
    """A job, and what Slurm is to be asked for it."""

    spec: JobSpec
    request: Request


def batches(jobs: Sequence[Wanted], max_array_size: int) -> Iterator[list[Wanted]]:
    """The jobs in groups that ask for the same, in their order; urgent ones first.

    ``max_array_size`` is Slurm's ``MaxArraySize``: indices go up to one less, and begin at 1.
    """
    most = max(1, min(MOST_TASKS, max_array_size - 1))
    groups: dict[tuple[int, Request], list[Wanted]] = {}
    for job in jobs:
        groups.setdefault((-job.spec.priority, job.request), []).append(job)
    for _, group in sorted(groups.items(), key=lambda item: item[0][0]):
        for start in range(0, len(group), most):
            yield group[start : start + most]


def submission(
    group: Sequence[Wanted],
    *,
    name: str,
    workdir: str,
    folder: Path,
    batch: str,
    throttle: int | None,
    exclude: Sequence[str] = (),
    environment: dict[str, str],
) -> Submission:
    """What is submitted for one group, whose table is in ``folder/batch``."""
    alone = len(group) == 1
    place = str(folder / batch).replace("%", "%%")  # Slurm puts in other words for %A and the like
    return Submission(
        name=name,
        script=script(folder, batch),
        workdir=workdir,
        output=f"{place}/{1 if alone else '%a'}{spool.PRINTED}",
        request=group[0].request,
        tasks=None if alone else len(group),
        throttle=None if alone else throttle,
        comment=comment([job.spec for job in group]),
        exclude=tuple(exclude),
        environment=environment,
    )


def script(folder: Path, batch: str) -> str:
    """The batch script: one start of our runner, with nothing of the jobs in its text."""
    # -P keeps the working directory out of the module path, where it might shadow a package.
    command = [sys.executable, "-P", "-m", "snakemake_renku.runner.task", str(folder), batch]
    return f"#!/bin/sh\nexec {shlex.join(command)}\n"


def comment(specs: Sequence[JobSpec]) -> str:
    """For ``squeue -O comment`` and the like: which rules these jobs are of."""
    rules = Counter(spec.rule for spec in specs)
    words = ",".join(rule if n == 1 else f"{rule}*{n}" for rule, n in rules.most_common(8))
    return words if len(rules) <= 8 else f"{words},…"
