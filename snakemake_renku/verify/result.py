"""What a verification found, as data; also the JSON that ``verify`` prints."""

from __future__ import annotations

from typing import Literal

import msgspec

FORMAT = 1
"""Grows when a field changes its meaning or goes away."""

State = Literal[
    "changed",
    "lost",
    "missing",
    "unreadable",
    "unrecorded",
    "unknown",
    "superseded",
    "elsewhere",
    "temporary",
    "ok",
]
"""Of a file, worst first.

``changed``: what is here is not the last recorded version; ``lost``: its content is not here, and
git-annex knows of no copy; ``missing``: nothing is here; ``unreadable``: it cannot be hashed;
``unrecorded``: no job made or read it; ``unknown``: it cannot be told, since there is no digest to
compare with; ``superseded``: it is what a later run made than the one asked for; ``elsewhere``: its
key says that it is the recorded version, and there are copies, but not here; ``temporary``: it was
removed as it was meant to be; ``ok``: it is the last recorded version.
"""

Kind = Literal[
    "tampered",
    "changed",
    "gap",
    "lost",
    "missing",
    "unreadable",
    "stale",
    "code",
    "unrecorded",
    "journal",
    "outside",
    "unproven",
    "commit",
    "log",
    "edited",
]
"""Of a problem, worst first.

``tampered``: a recorded journal is not what was recorded; ``changed``, ``lost``, ``missing``,
``unreadable``, ``unrecorded``: as for files, and ``lost`` also of inputs and images; ``gap``: an
input that neither a recorded job made nor git has; ``stale``: a result was made from an input of
which there is a later version; ``code``: code that is not in git. The others are remarks:
``journal``: it is damaged, or not recorded in git; ``outside``: an input is not in the repository;
``unproven``: something cannot be told; ``commit``: a commit may vanish, or came after its run;
``log``: a log or benchmark is not here; ``edited``: code is not what it was any more.
"""

KINDS: tuple[Kind, ...] = (
    "tampered",
    "changed",
    "gap",
    "lost",
    "missing",
    "unreadable",
    "stale",
    "code",
    "unrecorded",
    "journal",
    "outside",
    "unproven",
    "commit",
    "log",
    "edited",
)

STATES: tuple[State, ...] = (
    "changed",
    "lost",
    "missing",
    "unreadable",
    "unrecorded",
    "unknown",
    "superseded",
    "elsewhere",
    "temporary",
    "ok",
)


class FileState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file, the version that it should be, and what is here.

    ``job`` made that version (``made``) or read it. ``copies`` counts the repositories that have
    the content of an annexed file which is not here; ``problem`` says why it cannot be read.
    """

    path: str
    state: State
    recorded: str | None = None
    found: str | None = None
    job: str | None = None
    made: bool = False
    copies: int | None = None
    problem: str | None = None


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What does not hold (``broken``), or what the reader should know (not ``broken``).

    ``digest`` is the recorded version that it is about.
    """

    kind: Kind
    broken: bool
    message: str
    path: str | None = None
    job: str | None = None
    run: str | None = None
    remedy: str | None = None
    digest: str | None = None


class Chain(msgspec.Struct, frozen=True):
    """How many jobs were looked at, and where their inputs came from.

    ``made``: by a recorded job; ``in_git``: a source in git; ``other``: neither, see the problems.
    """

    jobs: int = 0
    inputs: int = 0
    made: int = 0
    in_git: int = 0
    other: int = 0


class Journals(msgspec.Struct, frozen=True):
    """How many runs there are, and of how many the journal stands in git, unchanged."""

    runs: int = 0
    recorded: int = 0
    committed: int = 0


class Report(msgspec.Struct, frozen=True):
    """All that was found. ``ok`` if nothing is broken; problems stand worst first."""

    ok: bool
    counts: dict[State, int]
    chain: Chain
    journals: Journals
    problems: tuple[Problem, ...]
    files: tuple[FileState, ...]
    repository: str | None
    """The root of the git repository; None if there is none."""
    format: int = FORMAT
