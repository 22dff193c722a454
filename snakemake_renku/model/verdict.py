"""What a replay found."""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["identical", "equivalent", "different", "failed", "not replayable"]
"""Of an output, a job or a whole replay.

``identical``: the same bytes; ``equivalent``: the same content within the tolerances that the
verdict states; ``different``: neither; ``failed``: the job did not end well;
``not replayable``: it could not be tried, and the verdict says why.
"""

WORST_FIRST: tuple[Outcome, ...] = (
    "failed",
    "different",
    "not replayable",
    "equivalent",
    "identical",
)


class Tolerance(msgspec.Struct, frozen=True):
    """How far numbers may be apart: ``|a - b| <= absolute + relative * |recorded|``."""

    relative: float = 1e-6
    absolute: float = 0.0


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place where two files are not the same, worded for people.

    ``where`` names it (``variable volume, time=3, glacier=17``; ``line 12``; ``$.a[0]``);
    ``recorded`` and ``replayed`` are short texts of what stands there; ``amount`` how far apart
    they are, where that is a number.
    """

    where: str
    recorded: str | None = None
    replayed: str | None = None
    amount: float | None = None


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the comparison of two files found.

    ``compared_as`` names the kind of content (``bytes``, ``netcdf``, ``table``, ``png``, ``text``,
    ``directory``, …: ``docs/comparing.md`` lists all); ``differences`` holds the first ones only,
    of ``count`` in all; ``ignored`` names what was left out of account (creation dates and the
    like) although it was not the same; ``largest_absolute`` and ``largest_relative`` are over all
    numbers compared.
    """

    outcome: Literal["identical", "equivalent", "different"]
    compared_as: str
    differences: tuple[Difference, ...] = ()
    count: int = 0
    ignored: tuple[str, ...] = ()
    values: int | None = None
    largest_absolute: float | None = None
    largest_relative: float | None = None


class OutputVerdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """The verdict on one output: ``path`` as recorded, digests as recorded and as replayed."""

    path: str
    job: str
    outcome: Outcome
    recorded: str | None = None
    replayed: str | None = None
    finding: Finding | None = None
    reason: str | None = None


class JobVerdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """The verdict on one job: the worst of its outputs.

    ``id`` is the recorded attempt in the run ``run``; ``causes`` says in which respects the replay
    was not the same as what was recorded (an input, the code, an image, a package), which explains
    a difference; ``wall_s`` and ``recorded_wall_s`` are in seconds.
    """

    id: str
    run: str
    rule: str
    outcome: Outcome
    reason: str | None = None
    causes: tuple[str, ...] = ()
    wall_s: float | None = None
    recorded_wall_s: float | None = None


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where and by whom a replay was made."""

    host: str
    user: str
    python: str
    snakemake: str | None = None
    renku: str | None = None
    packages_digest: str | None = None
    platform: str | None = None


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a replay found, per output and over all.

    ``id`` sorts by the time of the replay; ``target`` is what was asked to be replayed; ``commit``
    the commit of the clone in which it ran; times are in seconds since the epoch; ``notes`` hold
    what the reader must know beside the outcomes.
    """

    id: str
    target: str
    runs: tuple[str, ...]
    outcome: Outcome
    started: float
    finished: float
    place: Place
    tolerance: Tolerance
    jobs: tuple[JobVerdict, ...] = ()
    outputs: tuple[OutputVerdict, ...] = ()
    commit: str | None = None
    notes: tuple[str, ...] = ()
    format: int = 1


def worst(outcomes: list[Outcome]) -> Outcome:
    """The outcome of several together; ``not replayable`` where there is none."""
    return min(outcomes, key=WORST_FIRST.index, default="not replayable")
