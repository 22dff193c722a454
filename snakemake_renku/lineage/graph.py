"""The answer to a question about a file, as data; also the JSON that ``lineage`` prints."""

from __future__ import annotations

from typing import Literal

import msgspec

from snakemake_renku.lineage.records import How
from snakemake_renku.model import FileKind, GitState, Outcome, Role, RunStatus

FORMAT = 1
"""Grows when a field changes its meaning or goes away."""

Direction = Literal["up", "down"]

Found = Literal["recorded", "edited", "elsewhere", "missing", "unknown"]
"""How the version that is shown relates to what stands at the path now.

``recorded``: it is what is there; ``elsewhere``: it is what git-annex says belongs there, although
its content is not here; ``edited``: what is there was never recorded, and the last recorded version
is shown; ``missing``: nothing is there, and the last recorded version is shown; ``unknown``: it was
not asked, because a digest or a run was named, or cannot be known.
"""


class Tie(msgspec.Struct, frozen=True, omit_defaults=True):
    """That a job made or read a file: how this is known, and under which path if another."""

    job: str
    how: How
    path: str | None = None


class Changed(msgspec.Struct, frozen=True):
    """The version that a job had made of the path before something else changed it."""

    job: str
    digest: str


class FileNode(msgspec.Struct, omit_defaults=True):
    """A version of a file.

    ``made_by`` is empty for what no recorded job made; ``changed`` then says which job had made
    another version before. ``also_made_by`` lists jobs that made the very same version. ``hidden``
    says that there is more beyond it, which was not asked for.
    """

    id: str
    path: str
    kind: FileKind
    role: Role
    digest: str | None = None
    size: int | None = None
    temporary: bool = False
    made_by: tuple[Tie, ...] = ()
    used_by: tuple[Tie, ...] = ()
    also_made_by: tuple[str, ...] = ()
    changed: Changed | None = None
    hidden: bool = False


class CodeNode(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step executed, and in what: an image, a conda environment, or neither."""

    rule: str
    kind: str
    wildcards: dict[str, str] = {}
    command: str | None = None
    script: str | None = None
    digest: str | None = None
    container: str | None = None
    image_digest: str | None = None
    conda: str | None = None
    modules: tuple[str, ...] = ()


class VerdictNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """A verdict that was kept on a job, or of it on one output (``path``)."""

    verdict: str
    outcome: Outcome
    time: float
    user: str
    host: str
    relative: float
    absolute: float
    reason: str | None = None
    causes: tuple[str, ...] = ()


class JobNode(msgspec.Struct, frozen=True, omit_defaults=True):
    """An attempt of a job. ``inputs`` and ``outputs`` are ids of files; times since the epoch."""

    id: str
    run: str
    attempt: str
    rule: str
    started: float
    finished: float
    host: str
    exit_code: int | None
    mode: str
    steps: tuple[CodeNode, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    verdicts: tuple[VerdictNote, ...] = ()


class RunNode(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run: when, where, by whom, with which sources and versions."""

    run: str
    status: RunStatus
    started: float
    host: str
    user: str
    snakefile: str
    snakemake: str
    renku: str
    python: str | None = None
    packages_digest: str | None = None
    git: GitState | None = None


class Lineage(msgspec.Struct, frozen=True):
    """What a file came from (``up``), or what came from it (``down``).

    ``files`` and ``jobs`` are keyed by their ids; ``target`` is the file that was asked for.
    ``message`` says what the reader must know about it.
    """

    asked: str
    direction: Direction
    target: str
    found: Found
    message: str
    files: dict[str, FileNode]
    jobs: dict[str, JobNode]
    runs: dict[str, RunNode]
    notes: tuple[str, ...] = ()
    format: int = FORMAT
