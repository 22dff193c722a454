"""Snakemake's jobs, as plain data."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from snakemake.resources import Resources
from snakemake.settings.types import DeploymentMethod

from snakemake_renku.model import Environment, FileSpec, JobSpec, Mode, Step, StepKind

_FLAGS = (
    *("temp", "protected", "pipe", "service", "directory", "touch", "ensure", "update", "local"),
    "ancient",
)


def job_spec(
    job: Any,
    *,
    run: str,
    suffix: str,
    mode: Mode,
    shell_command: str | None = None,
    shell_executable: str | None = None,
    overrides: Mapping[str, int] | None = None,
) -> JobSpec:
    """The attempt that Snakemake asks for now of ``job`` (a job or a group of jobs).

    ``suffix`` tells a repetition of the same attempt apart (after a fault of the platform).
    """
    members = list(job) if job.is_group() else [job]
    jobid = str(job.jobid)
    resources = {
        name: value
        for name, value in job.resources.items()
        if not name.startswith("_") and isinstance(value, int | str) and value != "<TBD>"
    }
    tmpdir = resources.get("tmpdir")
    return JobSpec(
        id=f"{jobid}.{job.attempt}{suffix}",
        run=run,
        jobid=jobid,
        attempt=job.attempt,
        mode=mode,
        steps=tuple(step(member) for member in members),
        threads=job.threads,
        resources=_plain(resources),
        priority=_priority(job),
        group=job.name if job.is_group() else None,
        shell_command=shell_command,
        shell_executable=shell_executable,
        tmpdir=str(tmpdir) if tmpdir else None,
        unneeded_temp_files=tuple(str(f) for f in job.dag.get_unneeded_temp_files(job)),
        overrides=dict(overrides or {}),
    )


def settle_resources(
    job: Any, *, here: bool = True, overrides: Mapping[str, int] | None = None
) -> None:
    """Evaluate the resources that Snakemake leaves open in the main process of a remote executor.

    ``tmpdir`` only where the job runs on this machine (``here``), as the value is this machine's.
    ``overrides`` are put in place of the rule's.
    """
    for member in job if job.is_group() else (job,):
        if not here and member.attempt == 1 and not overrides:
            continue  # Snakemake has evaluated them so
        if member.attempt > 1 or overrides:
            # Params may depend on resources, and so on the attempt; Snakemake keeps the first ones.
            member._params = member._non_derived_params = None
        rule = member.rule
        if overrides:
            rule = copy.copy(rule)
            rule.resources = Resources({**rule.resources})
            rule.resources.update(Resources.from_mapping(dict(overrides)))
        member._resources = rule.expand_resources(
            member.wildcards_dict,
            member.input,
            member.attempt,
            skip_evaluation=set() if here else {"tmpdir"},
        )
    if job.is_group() and (here or overrides or job.attempt > 1):
        job._resources = None


def step(job: Any) -> Step:
    """One Snakemake job as a step: files, parameters, command or script, environment."""
    kind = step_kind(job)
    script = _script(job)
    return Step(
        rule=job.rule.name,
        kind=kind,
        wildcards={str(k): str(v) for k, v in job.wildcards_dict.items()},
        input=files(job.input),
        output=files(job.output),
        log=files(job.log),
        benchmark=None if job.benchmark is None else str(job.benchmark),
        params=named_values(job.params),
        command=job.shellcmd if kind == "shell" else None,
        script=script,
        code_digest=_code_digest(job, script),
        environment=_environment(job),
    )


def step_kind(job: Any) -> StepKind:
    """Which directive of the rule does the work."""
    kinds: tuple[tuple[bool, StepKind], ...] = (
        (job.is_norun, "none"),
        (job.is_shell, "shell"),
        (job.is_script, "script"),
        (job.is_notebook, "notebook"),
        (job.is_wrapper, "wrapper"),
        (job.is_cwl, "cwl"),
        (bool(job.is_template_engine), "template"),
    )
    return next((kind for is_it, kind in kinds if is_it), "run")


def files(named: Any) -> tuple[FileSpec, ...]:
    """Snakemake's list of files, with the names and flags of each."""
    names = _names(named)
    return tuple(FileSpec(str(path), names.get(i), _flags(path)) for i, path in enumerate(named))


def named_values(named: Any) -> dict[str, Any]:
    """Snakemake's params: values by name, unnamed ones by their position."""
    names = _names(named)
    return {names.get(i, str(i)): json_safe(value) for i, value in enumerate(named)}


def json_safe(value: Any) -> Any:
    """``value`` as JSON can hold it; what it cannot hold becomes its ``repr``."""
    match value:
        case None | bool() | int():
            return value
        case str():
            return str(value)
        case float():
            return value if math.isfinite(value) else repr(value)
        case Path():
            return str(value)
        case Mapping():
            return {str(k): json_safe(v) for k, v in value.items()}
        case set() | frozenset():
            return sorted((json_safe(v) for v in value), key=repr)
        case list() | tuple():
            return [json_safe(v) for v in value]
        case _:
            return repr(value)


def _plain(resources: Mapping[str, int | str]) -> dict[str, int | str]:
    return {k: str(v) if isinstance(v, str) else int(v) for k, v in resources.items()}


def _names(named: Any) -> dict[int, str]:
    """The name of each position; a name over a range of positions stands for all of them."""
    names: dict[int, str] = {}
    for name, (start, end) in named._get_names():
        for position in range(start, start + 1 if end is None else end):
            names[position] = name
    return names


def _flags(path: Any) -> tuple[str, ...]:
    flags = getattr(path, "flags", None)
    if not flags:
        return ()
    found = tuple(name for name in _FLAGS if flags.get(name))
    return (*found, "storage") if getattr(path, "is_storage", False) else found


def _priority(job: Any) -> int:
    priority = job.priority
    # Snakemake's highest is the infinity of floats or a very large number, both for "first of all".
    return int(max(-(2**31), min(priority, 2**31)))


def _script(job: Any) -> str | None:
    rule = job.rule
    if job.is_script or job.is_notebook:
        source = job._path_to_source_file(rule.script or rule.notebook)
        return str(source.get_path_or_uri(secret_free=True))
    if job.is_wrapper:
        return str(rule.wrapper)
    return str(rule.cwl) if job.is_cwl else None


def _code_digest(job: Any, script: str | None) -> str | None:
    if script is not None:
        try:
            return _sha256(Path(script).read_bytes())
        except OSError:
            return None
    code = job.rule.shellcmd or job.rule.run_func_src
    return None if code is None else _sha256(code.encode())


def _sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _environment(job: Any) -> Environment:
    methods: Iterable[DeploymentMethod] = job.dag.workflow.deployment_settings.deployment_method
    if not methods:
        return Environment()
    container = DeploymentMethod.APPTAINER in methods and job.container_img_url
    conda = job.conda_env if DeploymentMethod.CONDA in methods else None
    modules = job.env_modules if DeploymentMethod.ENV_MODULES in methods else None
    return Environment(
        container=str(job.container_img_url) if container else None,
        image_path=str(job.container_img_path) if container else None,
        conda=None if conda is None else str(conda.address),
        conda_hash=None if conda is None or conda.is_externally_managed else conda.content_hash,
        modules=tuple(modules.names) if modules else (),
    )
