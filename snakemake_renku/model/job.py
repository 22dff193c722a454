"""One execution to be done."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from snakemake_renku.model.files import FileSpec

StepKind = Literal["shell", "script", "run", "notebook", "wrapper", "cwl", "template", "none"]

Mode = Literal["direct", "warm", "cold", "snakemake"]
"""How a job is executed: its command alone, a fork of the warm server, a start of its own, or by
Snakemake itself (local rules)."""


class Environment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step asks to run in; all None means the interpreter that runs Snakemake."""

    container: str | None = None
    """The image as the rule names it (``docker://…``, a path of a SIF file, …)."""
    image_path: str | None = None
    """Where Snakemake put the image on this machine."""
    conda: str | None = None
    """Prefix of the conda environment."""
    conda_hash: str | None = None
    modules: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule with its wildcards: a job, or one member of a group of jobs.

    ``params`` holds JSON values by name (positional ones by ``"0"``, ``"1"``, …); what JSON cannot
    hold stands as its ``repr``. ``command`` is the expanded shell command, without the shell's
    prefix; ``script`` the path or URL of the script, notebook or wrapper; ``code_digest`` the
    sha256 of the script's bytes or of the rule's own code.
    """

    rule: str
    kind: StepKind
    wildcards: dict[str, str] = {}
    input: tuple[FileSpec, ...] = ()
    output: tuple[FileSpec, ...] = ()
    log: tuple[FileSpec, ...] = ()
    benchmark: str | None = None
    params: dict[str, Any] = {}
    command: str | None = None
    script: str | None = None
    code_digest: str | None = None
    environment: Environment = Environment()


class JobSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt of one job (or of a group of jobs), to be executed by a backend.

    ``id`` is unique within the run (``<jobid>.<attempt>``); ``resources`` are Snakemake's, with
    ``mem_mb`` in MB (10⁶ bytes), ``runtime`` in minutes, ``disk_mb`` in MB; ``threads`` is a number
    of cores. For mode ``direct``, ``shell_command`` is what the shell executes, prefix included.
    ``overrides`` are those of ``resources`` that stand in place of what the rule says.
    """

    id: str
    run: str
    jobid: str
    attempt: int
    mode: Mode
    steps: tuple[Step, ...]
    threads: int = 1
    resources: dict[str, int | str] = {}
    priority: int = 0
    group: str | None = None
    shell_command: str | None = None
    shell_executable: str | None = None
    tmpdir: str | None = None
    unneeded_temp_files: tuple[str, ...] = ()
    overrides: dict[str, int] = {}

    @property
    def rule(self) -> str:
        """The rule's name, or for a group the group's name."""
        return self.group if self.group is not None else self.steps[0].rule

    @property
    def marker(self) -> str:
        """What the job's processes carry in their environment, unique among all runs."""
        return f"{self.run}/{self.id}"

    @property
    def mem_mb(self) -> int | None:
        """The memory asked for, in MB, or None where none was.

        What is asked for each core goes before what is asked for all, which may be a default.
        """
        core = _positive(self.resources.get("mem_mb_per_cpu"))
        if core is not None:
            return core * max(1, self.threads)
        return _positive(self.resources.get("mem_mb"))

    @property
    def runtime_s(self) -> float | None:
        """The wall time asked for, in seconds, or None where none was."""
        minutes = _positive(self.resources.get("runtime"))
        return None if minutes is None else minutes * 60.0


def _positive(value: int | str | None) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
