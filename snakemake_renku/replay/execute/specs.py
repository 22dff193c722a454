"""Recorded jobs as they are to be executed in the clone."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable

from msgspec.structs import replace

from snakemake_renku.model import FileSpec, JobSpec, Mode, Step
from snakemake_renku.replay.execute.places import Places

REDACTED = "[redacted"
"""How a secret reads in a record."""


def mode_of(spec: JobSpec) -> Mode:
    """How a recorded job is executed again.

    A command out of which a secret was kept has to be made anew by Snakemake's code; so has all
    that another process than a plain shell did.
    """
    if does_nothing(spec):
        return "snakemake"
    command = spec.shell_command
    return "direct" if spec.mode == "direct" and command and REDACTED not in command else "warm"


def does_nothing(spec: JobSpec) -> bool:
    """Whether a job is of a rule that only names its inputs."""
    return all(step.kind == "none" and not step.output for step in spec.steps)


def spec_in_clone(spec: JobSpec, places: Places, run: str) -> JobSpec:
    """The recorded job as one of the replay ``run``: its id and attempt stay, its paths move."""
    mode = mode_of(spec)
    command = spec.shell_command if mode == "direct" else None
    return replace(
        spec,
        run=run,
        mode=mode,
        steps=tuple(_step(step, mode, places) for step in spec.steps),
        shell_command=None if command is None else places.text(command),
        shell_executable=_shell(spec.shell_executable),
        tmpdir=None if spec.tmpdir is None else tmpdir_here(spec.tmpdir),
        resources={k: places.value(v) for k, v in spec.resources.items()},
        # Everything temporary stays until the replay is judged.
        unneeded_temp_files=(),
    )


def tmpdir_here(recorded: str) -> str:
    """The recorded folder for temporary files, or this machine's where that is not here."""
    usable = os.path.isdir(recorded) and os.access(recorded, os.W_OK | os.X_OK)
    return recorded if usable else tempfile.gettempdir()


def files_of(spec: JobSpec) -> Iterable[FileSpec]:
    """All that a job writes: outputs, logs, benchmarks."""
    for step in spec.steps:
        yield from step.output
        yield from step.log
        if step.benchmark is not None:
            yield FileSpec(step.benchmark)


def _step(step: Step, mode: Mode, places: Places) -> Step:
    script = None if step.script is None else places.path(step.script)
    environment = step.environment
    image = environment.image_path
    return replace(
        step,
        input=_moved(step.input, places),
        output=_moved(step.output, places),
        log=_moved(step.log, places),
        benchmark=None if step.benchmark is None else places.path(step.benchmark),
        params=places.value(step.params),
        command=None if step.command is None else places.text(step.command),
        script=script,
        code_digest=step.code_digest if mode == "direct" else _digest(script),
        environment=replace(environment, image_path=None if image is None else places.path(image)),
    )


def _moved(files: tuple[FileSpec, ...], places: Places) -> tuple[FileSpec, ...]:
    return tuple(replace(file, path=places.path(file.path)) for file in files)


def _digest(script: str | None) -> str | None:
    """Of the script as it is in the clone; of other code only Snakemake's parser could tell."""
    try:
        with open(script or "", "rb") as file:
            return "sha256:" + hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None


def _shell(recorded: str | None) -> str | None:
    """The recorded shell, or one of its name where it is not here (it is looked up in PATH)."""
    if recorded is None or os.path.exists(recorded) or shutil.which(recorded):
        return recorded
    return os.path.basename(recorded)
