"""What is to be committed, and what came of it."""

from __future__ import annotations

import msgspec


class RecordedFile(msgspec.Struct, frozen=True):
    """A file as it was recorded: ``path`` relative to the repository's root, with ``/``.

    ``digest`` is ``sha256:<hex>`` of its bytes, which alone decides whether it still is that file;
    None takes it as it is now. ``size`` is in bytes, ``mtime`` in seconds since the epoch.
    """

    path: str
    digest: str | None = None
    size: int | None = None
    mtime: float | None = None


class Commit(msgspec.Struct, frozen=True):
    """A commit to be made, dated ``time`` (seconds since the epoch; git keeps whole ones).

    ``texts`` are small files that are written by us, in the repository and in the working tree,
    and never annexed: path relative to the root → content.
    """

    message: str
    time: float
    files: tuple[RecordedFile, ...] = ()
    texts: dict[str, bytes] = {}


class LeftOut(msgspec.Struct, frozen=True):
    """A file that the commits do not hold, and why."""

    path: str
    reason: str


class Written(msgspec.Struct, frozen=True):
    """What a batch became: the branch's new head, and one commit for each that was asked for.

    ``annexed`` and ``in_git`` count files. A batch that was there already has its old commits.
    """

    head: str
    commits: tuple[str, ...]
    annexed: int = 0
    in_git: int = 0
    left_out: tuple[LeftOut, ...] = ()
