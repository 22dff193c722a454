"""A recorded workflow, to be parsed again without Snakemake's command line.

The settings are those of the run's head (:class:`~snakemake_renku.model.RunInfo`); what it does not
hold has Snakemake's defaults.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import immutables
from snakemake.settings.enums import RerunTrigger
from snakemake.settings.types import (
    ConfigSettings,
    DeploymentSettings,
    ExecutionSettings,
    GroupSettings,
    RemoteExecutionSettings,
    StorageSettings,
    WorkflowSettings,
)
from snakemake_interface_executor_plugins.settings import DeploymentMethod

from snakemake_renku.engine.snapshot import WorkflowSnapshot
from snakemake_renku.errors import WarmStartImpossible
from snakemake_renku.model import RunInfo, WorkflowOptions

_TMPDIR = "tmpdir=system_tmpdir"
"""Snakemake's default resource for every rule."""


def reopen(
    info: RunInfo,
    *,
    cores: int,
    max_threads: int | None,
    runtime_cache: Path,
    images: Path,
    start_dir: str | None = None,
    methods: Iterable[str] = (),
) -> WorkflowSnapshot:
    """The snapshot of the workflow of a recorded run, of which ``info`` says where it is *now*.

    ``cores`` is how many the jobs may use together, ``max_threads`` how many one may;
    ``runtime_cache`` is a folder for copies of the sources, ``images`` the one where images are,
    from the working directory; ``start_dir`` where Snakemake is to start if the workflow itself
    then goes to its working directory; ``methods`` of deployment are used beside those recorded.

    Raises:
        WarmStartImpossible: a configuration file cannot be read, or a setting is unknown here.
    """
    try:
        settings = _settings(info, images, methods)
    except Exception as error:
        raise WarmStartImpossible(f"the recorded settings cannot be used here ({error})") from error
    options = info.options
    return WorkflowSnapshot(
        snakefile=info.snakefile,
        start_dir=info.workdir if start_dir is None else start_dir,
        workdir=info.workdir if start_dir is None else None,
        settings=settings,
        resources={
            "max_threads": max_threads,
            "overwrite_scatter": dict(options.set_scatter),
            "overwrite_resource_scopes": {},
            "default_resources": list(options.default_resources) or [_TMPDIR],
            "overwrite_resources": {k: list(v) for k, v in options.set_resources.items()},
            "overwrite_threads": dict(options.set_threads),
        },
        runtime_cache=str(runtime_cache),
        conda_base=None,
        cores=cores,
    )


def _settings(info: RunInfo, images: Path, methods: Iterable[str]) -> dict[str, Any]:
    return {
        "config_settings": _config(info),
        "storage_settings": StorageSettings(),
        "workflow_settings": WorkflowSettings(),
        "deployment_settings": _deployment(info.options, images, methods),
        "execution_settings": ExecutionSettings(),
        "remote_execution_settings": RemoteExecutionSettings(),
        "group_settings": GroupSettings(),
        "rerun_triggers": RerunTrigger.all(),
        "benchmark_extended": False,
        "storage_provider_settings": {},
    }


def _config(info: RunInfo) -> ConfigSettings:
    options = info.options
    if options == WorkflowOptions():
        # A journal of before options were recorded: its whole configuration stands for them.
        return ConfigSettings(config=immutables.Map(info.config))
    return ConfigSettings(
        config=immutables.Map(options.config),
        configfiles=[Path(path) for path in options.configfiles],
        replace_workflow_config=options.replace_workflow_config,
    )


def _deployment(
    options: WorkflowOptions, images: Path, methods: Iterable[str]
) -> DeploymentSettings:
    names = {*options.deployment, *methods}
    return DeploymentSettings(
        deployment_method={DeploymentMethod.parse_choice(name) for name in sorted(names)},
        conda_prefix=None if options.conda_prefix is None else Path(options.conda_prefix),
        apptainer_args=options.apptainer_args,
        # Said always, as Snakemake would else look into the environment for it.
        apptainer_prefix=images,
    )
