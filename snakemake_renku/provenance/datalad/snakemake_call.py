"""The call of Snakemake that executes one recorded job, and no other.

For jobs that are more than a command: scripts, notebooks, wrappers, ``run:``, groups, conda. The
job is named by its outputs, and its rule is the only one allowed (so nothing upstream is looked at,
whatever the times of files in a clone). The workflow's profile is not read, as what it said is in
the journal. Where the Snakefile has a ``workdir:``, Snakemake is started where it was started, and
goes there itself.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from snakemake_renku.model import JobSpec, RunInfo, Step
from snakemake_renku.provenance.datalad.command import quoted, removal
from snakemake_renku.provenance.datalad.places import Places

_WORKDIR = re.compile(r"""^[ \t]*workdir[ \t]*:\s*(?:["'](?P<text>[^"'{}]+)["'])?""", re.MULTILINE)
_OF_SNAKEMAKE = "tmpdir=system_tmpdir"
"""The default resource that Snakemake has without being told."""


def snakemake_call(info: RunInfo, spec: JobSpec, places: Places) -> str:
    """The command, for the working directory of the run."""
    rules = list(dict.fromkeys(step.rule for step in spec.steps))
    start = start_folder(info, places)
    relative = partial(_from, places, places.pwd if start is None else start)
    words = ["snakemake", "--snakefile", relative(info.snakefile)]
    words += ["--directory", "."] if start is None else []
    words += ["--workflow-profile", "none"]
    words += _workflow_options(info, places, relative)
    words += _resource_options(info, spec, rules)
    words += ["--cores", str(info.cores or spec.threads), "--nolock", "--notemp", "--force"]
    if any(step.kind == "run" for step in spec.steps):
        # Without it, Snakemake starts itself once more, with names that it does not quote well.
        words += ["--force-use-threads"]
    words += ["--allowed-rules", *rules]
    words += _targets(spec)
    call = " ".join(map(quoted, words))
    if start is not None:
        call = f"(cd {quoted(os.path.relpath(start, places.pwd))} && {call})"
    protected = [f.path for step in spec.steps for f in step.output if "protected" in f.flags]
    # Where they are still protected, Snakemake refuses to make them anew.
    return f"{removal(map(places.from_pwd, protected))} && {call}" if protected else call


def start_folder(info: RunInfo, places: Places) -> str | None:
    """Where Snakemake was started, relative to the root, if its Snakefile then went elsewhere.

    The journal does not tell; where a ``workdir:`` is no plain text, the usual places of a
    Snakefile do. None for the working directory itself, and for a place outside of the repository.
    """
    try:
        found = _WORKDIR.search(Path(places.here(info.snakefile)).read_text(errors="replace"))
    except OSError:
        return None
    given = any(re.match(r"-d|--directory\b", word) for word in info.command)
    if found is None or given:
        return None
    start = _without(info.workdir, found["text"]) if found["text"] else None
    if start is None:
        start = os.path.dirname(info.snakefile)
        start = os.path.dirname(start) if os.path.basename(start) == "workflow" else start
    inside = places.inside(start)
    return None if inside in (None, places.pwd) else inside


def _without(path: str, end: str) -> str | None:
    end = os.path.normpath(end)
    return path.removesuffix(f"/{end}") if path.endswith(f"/{end}") else None


def _from(places: Places, start: str, path: str) -> str:
    inside = places.inside(path)
    return path if inside is None else os.path.relpath(inside, start)


def _workflow_options(
    info: RunInfo, places: Places, relative: Callable[[str], str]
) -> Iterator[str]:
    options = info.options
    if options.configfiles:
        yield from ("--configfile", *map(relative, options.configfiles))
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
