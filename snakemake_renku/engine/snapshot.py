"""The settings of a running Snakemake, carried to the process beside the jobs.

Snakemake itself hands them to nested starts as command line arguments, quoted by ``repr`` for a
shell, which garbles some strings and shows them all in the list of processes. Here the settings
objects travel by pickle through a pipe between two processes of one user.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from snakemake.settings.types import ResourceSettings

from snakemake_renku.errors import WarmStartImpossible


@dataclass(frozen=True)
class WorkflowSnapshot:
    """What a process needs to parse the same workflow with the same settings.

    ``resources`` holds the resource settings with expressions as text, since Snakemake's parsed
    ones are closures; ``settings`` Snakemake's other settings objects by name.
    """

    snakefile: str
    start_dir: str
    workdir: str | None
    settings: dict[str, Any]
    resources: dict[str, Any]
    runtime_cache: str
    conda_base: str | None
    cores: int

    def dump(self) -> bytes:
        """The snapshot as bytes for :meth:`load`.

        Raises:
            WarmStartImpossible: a setting cannot leave this process (a function given through
                Snakemake's Python interface).
        """
        try:
            return pickle.dumps(self)
        except Exception as error:
            raise WarmStartImpossible(
                f"a setting of this Snakemake cannot be handed to another process ({error})"
            ) from error

    @staticmethod
    def load(data: bytes) -> WorkflowSnapshot:
        """The inverse of :meth:`dump`; only ever given bytes from our own parent process."""
        snapshot = pickle.loads(data)
        assert isinstance(snapshot, WorkflowSnapshot)
        return snapshot

    def without_secrets(self) -> tuple[WorkflowSnapshot, dict[str, str]]:
        """The snapshot for a file, and the variables that hold what the file must not.

        Fields of storage plugins that may be given by a variable are those that Snakemake itself
        keeps off command lines; :meth:`with_secrets` puts them back.
        """
        variables: dict[str, str] = {}
        providers = {}
        for name, tagged in self.settings["storage_provider_settings"].items():
            providers[name] = copy.deepcopy(tagged)
            for settings, field, variable in _secret_fields(name, providers[name]):
                value = getattr(settings, field)
                if value is not None:
                    variables[variable] = str(value)
                    setattr(settings, field, None)
        settings = {**self.settings, "storage_provider_settings": providers}
        return replace(self, settings=settings), variables

    def with_secrets(self, environment: Mapping[str, str]) -> WorkflowSnapshot:
        """The inverse of :meth:`without_secrets`, where the variables are there."""
        for name, tagged in self.settings["storage_provider_settings"].items():
            for settings, field, variable in _secret_fields(name, tagged):
                if getattr(settings, field) is None and variable in environment:
                    setattr(settings, field, environment[variable])
        return self

    def resource_settings(self) -> ResourceSettings:
        """Snakemake's resource settings, expressions parsed again."""
        from snakemake.cli import parse_set_threads
        from snakemake.resources import Resources

        values = dict(self.resources)
        values["default_resources"] = Resources.parse(
            values["default_resources"], allow_expressions=True
        )
        values["overwrite_resources"] = {
            rule: Resources.parse(assignments, allow_expressions=True)
            for rule, assignments in values["overwrite_resources"].items()
        }
        values["overwrite_threads"] = parse_set_threads(
            [f"{rule}={raw}" for rule, raw in values["overwrite_threads"].items()]
        )
        return ResourceSettings(cores=self.cores, **values)


_SETTINGS = (
    "config_settings",
    "storage_settings",
    "workflow_settings",
    "deployment_settings",
    "execution_settings",
    "remote_execution_settings",
    "group_settings",
)


def take_snapshot(workflow: Any, cores: int) -> WorkflowSnapshot:
    """The snapshot of Snakemake's ``Workflow``, for jobs that may use ``cores`` cores together."""
    overwrite_workdir = workflow.overwrite_workdir
    settings = {name: replace(getattr(workflow, name)) for name in _SETTINGS}
    settings["rerun_triggers"] = workflow.dag_settings.rerun_triggers
    settings["benchmark_extended"] = workflow.output_settings.benchmark_extended
    settings["storage_provider_settings"] = dict(workflow.storage_provider_settings or {})
    return WorkflowSnapshot(
        snakefile=_absolute(workflow.main_snakefile, workflow.rundir),
        start_dir=workflow.workdir_init,
        # Snakemake is in that folder by now; a relative path would be taken from there once more.
        workdir=None if overwrite_workdir is None else str(Path.cwd()),
        settings=settings,
        resources=raw_resources(workflow.resource_settings),
        runtime_cache=str(workflow.sourcecache.runtime_cache_path),
        conda_base=None if workflow.conda_base_path is None else str(workflow.conda_base_path),
        cores=cores,
    )


def _secret_fields(name: str, tagged: Any) -> Iterator[tuple[Any, str, str]]:
    """Settings object, field and variable of each field of a storage plugin that may be secret."""
    for settings in tagged:
        for field in fields(settings):
            if field.metadata.get("env_var"):
                variable = f"SNAKEMAKE_STORAGE_{name}_{field.name}".upper().replace("-", "_")
                yield settings, field.name, variable


def _absolute(snakefile: str, rundir: str) -> str:
    path = Path(rundir) / snakefile
    return str(path) if path.exists() else snakefile


def raw_resources(settings: ResourceSettings) -> dict[str, Any]:
    """Snakemake's resource settings with expressions as the text that they were given as."""
    return {
        "max_threads": settings.max_threads,
        "overwrite_scatter": dict(settings.overwrite_scatter),
        "overwrite_resource_scopes": dict(settings.overwrite_resource_scopes),
        "default_resources": list(settings._parsed_default_resources.args),
        "overwrite_resources": {
            rule: [f"{name}={value.raw}" for name, value in resources.items()]
            for rule, resources in settings._parsed_overwrite_resources.items()
        },
        "overwrite_threads": {
            rule: value.raw for rule, value in settings._parsed_overwrite_threads.items()
        },
    }
