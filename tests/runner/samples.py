"""Jobs for the tests of what runs them."""

from __future__ import annotations

from typing import Any

from snakemake_renku.model import FileSpec, JobSpec, Step


def shell_job(
    job: str,
    command: str,
    *,
    input: tuple[str, ...] = (),
    output: tuple[str, ...] = (),
    **fields: Any,
) -> JobSpec:
    """A job whose shell command is run directly."""
    step = Step(
        "rule", "shell", input=tuple(map(FileSpec, input)), output=tuple(map(FileSpec, output))
    )
    return JobSpec(
        id=job,
        run="test-run",
        jobid=job,
        attempt=1,
        mode="direct",
        steps=(step,),
        shell_command=command,
        **fields,
    )
