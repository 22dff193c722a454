"""What is changed in the original's working tree but not committed, which a clone does not have."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from snakemake_renku.replay.clone import Clone, gitlinks
from snakemake_renku.replay.git import git, zero_separated
from snakemake_renku.replay.repository import Repository
from snakemake_renku.replay.scratch import remove

_NAMED = 5
"""So many files are named in one note."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Places (relative to the root) that differ from the commit; ``untracked`` are not in it."""

    changed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()


def changes(repository: Repository, made: Iterable[str], used: Sequence[str]) -> Changes:
    """The changes that a replay is concerned with.

    ``made`` are the recorded outputs, which are no input of it; ``used`` are the files that it is
    known to use, of which those are told that git does not know (or was told to ignore).
    """
    status = ("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no")
    entries = zero_separated(git(repository.root, *status, "--ignore-submodules=all"))
    skipped = set(made)
    changed = [entry[3:] for entry in entries if entry[3:] not in skipped]
    records = repository.prefix + ".snakemake-renku/"
    known = set(zero_separated(git(repository.root, "ls-files", "-z")))
    below = tuple(f"{path}/" for path, _ in gitlinks(repository.root))
    untracked = [
        place
        for place in dict.fromkeys(used)
        if place not in known
        and not place.startswith(below)
        and (repository.root / place).is_file()
    ]
    return Changes(
        tuple(place for place in changed if not place.startswith(records)), tuple(untracked)
    )


def notes(found: Changes, used: Sequence[str], *, carried: bool) -> list[str]:
    """What the reader of the verdict must know of them."""
    known = set(used)
    if carried:
        all_of_them = (*found.changed, *found.untracked)
        listed = f"Not as committed, but as they are in the working tree: {_list(all_of_them)}."
        return [listed] if all_of_them else []
    told = [
        f"{_text(place)} is changed here but not committed: the replay used the committed one."
        for place in found.changed
        if place in known
    ]
    others = [place for place in found.changed if place not in known]
    if others:
        told.append(
            f"Also changed here but not committed, so the replay did not see it: {_list(others)}."
        )
    return told


def carry(found: Changes, repository: Repository, clone: Clone) -> None:
    """Put the changed files into the clone as they are in the working tree."""
    for place in (*found.changed, *found.untracked):
        here, there = repository.root / place, clone.path(place)
        if os.path.lexists(there):
            remove(there)
        if here.is_file():
            _copy(here, there)


def _copy(here: Path, there: Path) -> None:
    there.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(here, there)


def _list(places: Sequence[str]) -> str:
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    return ", ".join(map(_text, places[:_NAMED])) + more


def _text(place: str) -> str:
    """A name as any text can hold it; names of files may be no text at all."""
    return place.encode(errors="backslashreplace").decode()
