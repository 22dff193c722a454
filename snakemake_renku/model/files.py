"""Files as a job names them, and as they were found."""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["input", "output", "log", "benchmark", "script"]
FileKind = Literal["file", "directory", "pipe", "service", "special", "missing"]
"""What stands at a path; ``special`` is a device or socket, which has no content to hash."""


class FileSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A path that a job reads or writes, as the workflow declares it.

    ``path`` is relative to the working directory unless the workflow says otherwise; ``name`` is
    the keyword in the rule (``input: reads=…``); ``flags`` are Snakemake's (``temp``, ``pipe``, …).
    """

    path: str
    name: str | None = None
    flags: tuple[str, ...] = ()


class FileRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """A path and what was found there.

    ``digest`` is ``sha256:<hex>`` of a file's bytes, or ``sha256-tree:<hex>`` of a directory by
    the rule in :mod:`snakemake_renku.runner.digest`; None for what has no content of its own, and
    for what could not be read, of which ``problem`` tells. ``size`` is in bytes, ``mtime`` in
    seconds since the epoch.
    """

    path: str
    role: Role
    kind: FileKind
    digest: str | None = None
    size: int | None = None
    mtime: float | None = None
    name: str | None = None
    problem: str | None = None
