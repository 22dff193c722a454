"""The head of a replay's journal: the recorded workflow, as it is in the clone."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import sys
import time
from importlib import metadata
from pathlib import Path

from msgspec.structs import replace

from snakemake_renku import __version__
from snakemake_renku.model import RunInfo, SourceFile, WorkflowOptions
from snakemake_renku.replay.execute.places import Places
from snakemake_renku.runner.git_state import git_state
from snakemake_renku.runner.software import software

_SNAKEFILES = ("Snakefile", "snakefile", "workflow/Snakefile", "workflow/snakefile")
"""Where Snakemake looks for a Snakefile that nobody named."""

_GOES_ELSEWHERE = re.compile(r"^\s*workdir\s*:\s*[rf]?[\"'](?!/)", re.M)


def info_in_clone(
    recorded: RunInfo, places: Places, *, run: str, cores: int, backend: str
) -> RunInfo:
    """What the replay ``run`` is: the recorded run's settings, its paths moved to the clone."""
    return RunInfo(
        run=run,
        started=time.time(),
        workdir=str(places.clone),
        snakefile=places.path(recorded.snakefile),
        backend=backend,
        host=os.uname().nodename,
        user=_user(),
        pid=os.getpid(),
        snakemake_version=metadata.version("snakemake"),
        renku_version=__version__,
        command=tuple(sys.argv),
        cores=cores,
        config=places.value(recorded.config),
        sources=tuple(_source(places.path(source.path)) for source in recorded.sources),
        git=git_state(places.root),
        software=software(),
        options=_options(recorded.options, places),
    )


def start_dir(recorded: RunInfo, places: Places) -> str | None:
    """Where Snakemake has to start in the clone so that the workflow goes to its working directory.

    None where it is to start in the working directory, as it is for all workflows but those with
    a ``workdir:`` directive that is relative.
    """
    start = next((d for d in _starts(recorded) if _leads_to_snakefile(d, recorded)), None)
    if start is None or start == recorded.workdir or _directory_given(recorded.command):
        return None
    try:
        text = Path(places.path(recorded.snakefile)).read_text(errors="replace")
    except OSError:
        return None
    return places.path(start) if _GOES_ELSEWHERE.search(text) else None


def _starts(recorded: RunInfo) -> list[str]:
    return [recorded.workdir, *map(str, Path(recorded.workdir).parents)]


def _leads_to_snakefile(start: str, recorded: RunInfo) -> bool:
    given = _option(recorded.command, "--snakefile", "-s")
    names = _SNAKEFILES if given is None else (given,)
    return any(os.path.normpath(os.path.join(start, n)) == recorded.snakefile for n in names)


def _directory_given(command: tuple[str, ...]) -> bool:
    return _option(command, "--directory", "-d") is not None


def _option(command: tuple[str, ...], long: str, short: str) -> str | None:
    for position, word in enumerate(command):
        if word in (long, short):
            return command[position + 1] if position + 1 < len(command) else None
        if word.startswith(long + "="):
            return word[len(long) + 1 :]
    return None


def _options(options: WorkflowOptions, places: Places) -> WorkflowOptions:
    prefix = options.conda_prefix
    return replace(
        options,
        configfiles=tuple(places.path(path) for path in options.configfiles),
        config=places.value(options.config),
        apptainer_args=places.text(options.apptainer_args),
        conda_prefix=None if prefix is None else places.path(prefix),
    )


def _source(path: str) -> SourceFile:
    try:
        data = Path(path).read_bytes()
    except OSError:
        data = b""
    return SourceFile(path, "sha256:" + hashlib.sha256(data).hexdigest())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
