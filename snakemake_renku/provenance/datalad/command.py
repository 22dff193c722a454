"""The shell command of a recorded job, as `datalad rerun` executes it.

DataLad hands the text to ``/bin/sh`` in the folder ``pwd`` of the record, after a formatting in
which doubled braces become single ones. What Snakemake does around a job's own command is part of
the text: old outputs are removed, folders made, ``touch()`` and ``directory()`` outputs stamped.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator

from snakemake_renku.model import Environment, JobSpec, ResolvedEnvironment, RunInfo, Step
from snakemake_renku.provenance.datalad.places import Places

_STRICT = "set -euo pipefail; "
"""What Snakemake puts before commands for bash, unless the workflow says otherwise."""

_NEED_SNAKEMAKE = frozenset({"pipe", "service", "storage"})
_LONGEST = 120_000
"""Linux takes 128 KiB in one argument (``MAX_ARG_STRLEN``), and the whole command is one."""


def shell_command(
    info: RunInfo, spec: JobSpec, found: ResolvedEnvironment, places: Places, *, care: bool
) -> str | None:
    """A shell job as a command without Snakemake; None for a job that needs it.

    ``found`` is the environment that the job ran in. With ``care``, rules may have more to them
    than the journal tells (``shadow``, another shell), so only commands that Snakemake took no part
    in are taken.
    """
    step = spec.steps[0]
    if len(spec.steps) > 1 or step.command is None or _needs_snakemake(step):
        return None
    if spec.shell_command is None and care:
        return None
    call = " && ".join(
        [*_before(step, places), _call(info, spec, found, places), *_after(step, places)]
    )
    return call if len(call.encode()) < _LONGEST else None


def image_to_run(asked: Environment, found: ResolvedEnvironment) -> str:
    """An image as Apptainer takes it: by its digest in the registry, where that is known."""
    container = found.container or asked.container or ""
    if container.startswith("docker://") and found.image_digest_of == "manifest":
        name = re.sub(r"(@sha256:[0-9a-f]+|:[^/:@]*)+$", "", container.removeprefix("docker://"))
        return f"docker://{name}@{found.image_digest}"
    return container


def quoted(text: str) -> str:
    """``text`` as one word for a shell."""
    plain = shlex.quote(text) == text
    return text if plain else "'" + text.replace("'", r"'\''") + "'"


def removal(paths: Iterable[str]) -> str:
    """The command that removes what is not needed any more."""
    return f"rm -rf -- {_quoted(paths)}"


def braced(text: str) -> str:
    """``text`` as DataLad's formatting gives it back."""
    return text.replace("{", "{{").replace("}", "}}")


def _needs_snakemake(step: Step) -> bool:
    asked = step.environment
    flags = {flag for file in (*step.input, *step.output, *step.log) for flag in file.flags}
    return bool(step.kind != "shell" or flags & _NEED_SNAKEMAKE or asked.conda or asked.modules)


def _call(info: RunInfo, spec: JobSpec, found: ResolvedEnvironment, places: Places) -> str:
    step = spec.steps[0]
    shell = os.path.basename(spec.shell_executable or str(spec.resources.get("shell_exec", "bash")))
    command = spec.shell_command
    if command is None:
        command = (_STRICT if shell == "bash" else "") + (step.command or "")
    words = f"{shell} -c {quoted(places.in_text(command))}"
    if step.environment.container is not None:
        image = image_to_run(step.environment, found)
        image = image if "://" in image else places.from_pwd(image)
        arguments = places.in_text(info.options.apptainer_args).strip()
        parts = ["apptainer", "exec", "--home", '"$PWD"', arguments, quoted(image), words]
        words = " ".join(filter(None, parts))
    # Snakemake sets the like for each numerical library; all of them heed this one.
    return f"OMP_NUM_THREADS={spec.threads} {words}"


def _before(step: Step, places: Places) -> Iterator[str]:
    """Snakemake removes old outputs and logs, and makes the folders of new ones."""
    kept = [file.path for file in step.output if "update" in file.flags]
    folders = [file.path for file in step.output if "directory" in file.flags]
    written = [file.path for file in (*step.output, *step.log)]
    files = [path for path in written if path not in kept and path not in folders]
    folders = [path for path in folders if path not in kept and not _is_around(path)]
    if files:
        yield f"rm -f -- {_quoted(map(places.from_pwd, files))}"
    if folders:
        yield f"rm -rf -- {_quoted(map(places.from_pwd, folders))}"
    parents = dict.fromkeys(os.path.dirname(places.from_pwd(path)) for path in written)
    parents.pop("", None)
    if parents:
        yield f"mkdir -p -- {_quoted(parents)}"


def _is_around(path: str) -> bool:
    """Whether a folder is the working directory, or one that it is in."""
    return set(os.path.normpath(path).split("/")) <= {".", ".."}


def _after(step: Step, places: Places) -> Iterator[str]:
    """Snakemake touches ``touch()`` outputs, and puts a file with the time into folders."""
    stamped = [file.path for file in step.output if "touch" in file.flags]
    folders = [file.path for file in step.output if "directory" in file.flags]
    stamped += [os.path.join(folder, ".snakemake_timestamp") for folder in folders]
    if stamped:
        yield f"touch -- {_quoted(map(places.from_pwd, stamped))}"


def _quoted(paths: Iterable[str]) -> str:
    return " ".join(map(quoted, paths))
