"""The call of Snakemake that executes one recorded job, and no other.

For jobs that are more than a command: scripts, notebooks, wrappers, ``run:``, groups, conda. The
job is named by its outputs, and its rule is the only one allowed (so nothing upstream is looked at,
whatever the times of files in a clone); ``--directory .`` keeps a ``workdir:`` of the Snakefile
from being entered twice, and the workflow's profile is not read, as what it said is in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from snakemake_renku.model import JobSpec, RunInfo, Step
from snakemake_renku.provenance.datalad.command import quoted
from snakemake_renku.provenance.datalad.places import Places

_OF_SNAKEMAKE = "tmpdir=system_tmpdir"
"""The default resource that Snakemake has without being told."""


def snakemake_call(info: RunInfo, spec: JobSpec, places: Places) -> str:
    """The command, for the working directory of the run."""
    rules = list(dict.fromkeys(step.rule for step in spec.steps))
    words = ["snakemake", "--snakefile", places.from_pwd(info.snakefile), "--directory", "."]
    words += ["--workflow-profile", "none"]
    words += _workflow_options(info, places)
    words += _resource_options(info, spec, rules)
    words += ["--cores", str(info.cores or spec.threads), "--nolock", "--notemp", "--force"]
    if any(step.kind == "run" for step in spec.steps):
        # Without it, Snakemake starts itself once more, with names that it does not quote well.
        words += ["--force-use-threads"]
    words += ["--allowed-rules", *rules]
    words += _targets(spec)
    return " ".join(map(quoted, words))


def _workflow_options(info: RunInfo, places: Places) -> Iterator[str]:
    options = info.options
    if options.configfiles:
        yield from ("--configfile", *map(places.from_pwd, options.configfiles))
    if options.replace_workflow_config:
        yield "--replace-workflow-config"
    if options.config:
        yield from ("--config", *(f"{k}={_text(v)}" for k, v in options.config.items()))
    if options.set_scatter:
        yield from ("--set-scatter", *(f"{k}={v}" for k, v in options.set_scatter.items()))
    if options.deployment:
        yield from ("--software-deployment-method", *options.deployment)
    if options.apptainer_args:
        # The equals sign keeps a value that begins with a dash from being taken for an option.
        yield f"--apptainer-args={places.in_text(options.apptainer_args)}"


def _resource_options(info: RunInfo, spec: JobSpec, rules: Sequence[str]) -> Iterator[str]:
    options = info.options
    defaults = [text for text in options.default_resources if text != _OF_SNAKEMAKE]
    if defaults:
        yield from ("--default-resources", *defaults)
    given = [f"{rule}:{text}" for rule in rules for text in options.set_resources.get(rule, ())]
    if given:
        yield from ("--set-resources", *given)
    threads = [
        f"{rule}={options.set_threads[rule]}" for rule in rules if rule in options.set_threads
    ]
    if threads:
        yield from ("--set-threads", *threads)
    if spec.attempt > 1:
        yield from ("--attempt", str(spec.attempt))


def _targets(spec: JobSpec) -> Iterator[str]:
    """The job by its files; a step without any by its rule and wildcards."""
    unnamed = [step for step in spec.steps if not _files(step)]
    if unnamed:
        yield from ("--target-jobs", *map(_target_job, unnamed))
    files = [path for step in spec.steps for path in _files(step)]
    if files:
        yield from ("--", *(f"./{path}" if _misleads(path) else path for path in files))


def _files(step: Step) -> list[str]:
    files = [file.path for file in step.output if not {"pipe", "service"} & set(file.flags)]
    return files[:1]


def _misleads(path: str) -> bool:
    """Whether Snakemake might take a path for an option, or for the name of a rule."""
    return path.startswith("-") or "/" not in path


def _target_job(step: Step) -> str:
    wildcards = ",".join(f"{name}={value}" for name, value in step.wildcards.items())
    return f"{step.rule}:{wildcards}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
