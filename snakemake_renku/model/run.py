"""One start of Snakemake: what it was asked, with which code, by whom, and how it ended."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

RunStatus = Literal["running", "success", "failed", "interrupted"]


class GitState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The commit that the workflow belongs to; ``dirty`` if tracked files differ from it."""

    commit: str
    dirty: bool
    branch: str | None = None
    remote: str | None = None
    root: str | None = None


class SourceFile(msgspec.Struct, frozen=True):
    """A Snakefile or configuration file that was read, and the sha256 of its bytes."""

    path: str
    digest: str


class Software(msgspec.Struct, frozen=True, omit_defaults=True):
    """The interpreter and its packages (``name → version``), and a digest over that list."""

    python: str
    executable: str
    packages: dict[str, str] = {}
    digest: str | None = None


class WorkflowOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the command line (or a profile) said that a workflow's jobs depend on.

    ``configfiles`` are paths as Snakemake found them; ``config`` the values of ``--config``;
    ``deployment`` the methods of ``--sdm``; ``default_resources``, ``set_resources`` and
    ``set_threads`` hold Snakemake's own texts (``name=expression``).
    """

    configfiles: tuple[str, ...] = ()
    config: dict[str, Any] = {}
    replace_workflow_config: bool = False
    deployment: tuple[str, ...] = ()
    apptainer_args: str = ""
    apptainer_prefix: str | None = None
    conda_prefix: str | None = None
    default_resources: tuple[str, ...] = ()
    set_resources: dict[str, tuple[str, ...]] = {}
    set_threads: dict[str, str] = {}
    set_scatter: dict[str, int] = {}


class RunInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """The head of a journal. ``started`` is in seconds since the epoch."""

    run: str
    started: float
    workdir: str
    snakefile: str
    backend: str
    host: str
    user: str
    pid: int
    snakemake_version: str
    renku_version: str
    command: tuple[str, ...] = ()
    cores: int | None = None
    config: dict[str, Any] = {}
    sources: tuple[SourceFile, ...] = ()
    git: GitState | None = None
    software: Software | None = None
    options: WorkflowOptions = WorkflowOptions()


class RunEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The foot of a journal. ``finished`` is in seconds since the epoch.

    ``runner_cpu_s`` is the CPU time of everything beside Snakemake's main process: the jobs and
    what it took to run, watch and record them, in seconds.
    """

    finished: float
    status: RunStatus
    message: str | None = None
    runner_cpu_s: float | None = None
