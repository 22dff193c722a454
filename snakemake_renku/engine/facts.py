"""What a run of Snakemake is: versions, configuration, sources."""

from __future__ import annotations

import getpass
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import psutil
from snakemake.common import __version__ as snakemake_version

import snakemake_renku
from snakemake_renku.engine.snapshot import raw_resources
from snakemake_renku.engine.sources import source_files
from snakemake_renku.engine.specs import json_safe
from snakemake_renku.model import GitState, RunInfo, Software, SourceFile, WorkflowOptions


def run_info(
    workflow: Any,
    *,
    run: str,
    started: float,
    backend: str,
    cores: int | None,
    git: GitState | None,
    software: Software | None,
) -> RunInfo:
    """The head of a run's journal."""
    return RunInfo(
        run=run,
        started=started,
        workdir=str(Path.cwd()),
        snakefile=str(workflow.main_snakefile),
        backend=backend,
        host=os.uname().nodename,
        user=user_name(),
        pid=os.getpid(),
        snakemake_version=str(snakemake_version),
        renku_version=snakemake_renku.__version__,
        command=tuple(sys.argv),
        cores=cores,
        config=json_safe(dict(workflow.config)),
        sources=tuple(_source(path) for path in source_files(workflow)),
        git=git,
        software=software,
        options=_options(workflow),
    )


def process_started() -> float:
    """When this Snakemake began, in seconds since the epoch; it pulls images before it has jobs."""
    return float(psutil.Process().create_time())


def user_name() -> str:
    """The login name of who runs this, or the number where it has no name (in containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def secrets_of(workflow: Any) -> dict[str, str]:
    """Values that must not enter any record: declared ``envvars:`` and storage credentials."""
    return {name: str(value) for name, value in workflow.spawned_job_args_factory.envvars().items()}


def _options(workflow: Any) -> WorkflowOptions:
    config, deployment = workflow.config_settings, workflow.deployment_settings
    resources = raw_resources(workflow.resource_settings)
    return WorkflowOptions(
        configfiles=tuple(str(path) for path in config.configfiles),
        config=json_safe(dict(config.config)),
        replace_workflow_config=bool(config.replace_workflow_config),
        deployment=tuple(sorted(str(m) for m in deployment.deployment_method)),
        apptainer_args=str(deployment.apptainer_args or ""),
        apptainer_prefix=_text(deployment.apptainer_prefix),
        conda_prefix=_text(deployment.conda_prefix),
        default_resources=tuple(resources["default_resources"]),
        set_resources={k: tuple(v) for k, v in resources["overwrite_resources"].items()},
        set_threads={k: str(v) for k, v in resources["overwrite_threads"].items()},
        set_scatter=resources["overwrite_scatter"],
    )


def _text(path: object) -> str | None:
    return None if path is None else str(path)


def _source(path: str) -> SourceFile:
    try:
        data = Path(path).read_bytes()
    except OSError:
        data = b""
    return SourceFile(path, "sha256:" + hashlib.sha256(data).hexdigest())
