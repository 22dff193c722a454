"""Folders: files are matched by their path and each is compared by its kind.

Links are compared by where they lead, and not followed, other than those to the content of files
that git-annex keeps. Empty folders do not count, since git does not keep them, nor does whether a
file is executable; both are named. Times, and Snakemake's file ``.snakemake_timestamp``, are not
even looked at.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.kinds import zarr_store
from snakemake_renku.replay.compare.pair import Pair, same_bytes
from snakemake_renku.replay.compare.tally import Tally

NAME = "directory"

TIMESTAMP = ".snakemake_timestamp"

EMPTY = "empty folder"

Types = tuple[str, str]
"""Of what stands at a path on both sides."""

Entries = dict[str, str]
"""Words for the type of each entry (``file``, ``folder``, ``link to x``), by name."""


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare all files below both; identical if they have the same names and bytes."""
    tally = Tally(tolerance)
    same = True
    for path, types in _walk(pair):
        same = _entry(tally, pair, path, types) and same
    if same and not tally.count:
        return Finding(outcome="identical", compared_as=NAME, values=tally.values)
    return tally.finding(NAME)


def same(pair: Pair) -> bool:
    """Whether both have the same names with the same bytes."""
    return all(
        types[0] == types[1] and (types[0] != "file" or same_bytes(*_both(pair, path)))
        for path, types in _walk(pair, stores=False)
    )


def _entry(tally: Tally, pair: Pair, path: str, types: Types) -> bool:
    """Compare what stands at a path; whether it is the same to the byte."""
    if EMPTY in types:
        tally.ignore("empty folder", path)
        return False
    if types[0] != types[1]:
        tally.differ(path, types, part="#names")
        return False
    if types[0] not in ("file", "folder"):
        tally.values += 1
        return True
    inside = pair.inside(*_both(pair, path), path, deeper=0)
    found = pair.judge(inside, tally.tolerance)
    tally.add(found, path)
    tally.values += found.values is None
    return found.outcome == "identical" and _same_mode(tally, pair, path)


def _same_mode(tally: Tally, pair: Pair, path: str) -> bool:
    one, other = _both(pair, path)
    if one.is_symlink() or other.is_symlink():  # git-annex sets the mode of what it keeps
        return True
    if (one.stat().st_mode ^ other.stat().st_mode) & stat.S_IXUSR:
        tally.ignore("whether it is executable", path)
        return False
    return True


def _both(pair: Pair, path: str) -> tuple[Path, Path]:
    return pair.recorded / path, pair.replayed / path


def _walk(pair: Pair, *, stores: bool = True) -> Iterator[tuple[str, Types]]:
    """Paths below, with the types on both sides.

    Of folders that both have, only zarr stores are told (and not looked into), if ``stores``.
    """
    todo = [""]
    while todo:
        folder = todo.pop()
        one, other = (_entries(root / folder) for root in (pair.recorded, pair.replayed))
        below = []
        for name in sorted({*one, *other}):
            path = os.path.join(folder, name)
            if not folder and name == TIMESTAMP:
                continue
            types = one.get(name, "missing"), other.get(name, "missing")
            if "folder" not in types:
                yield path, types
            elif types == ("folder", "folder"):
                if stores and all(map(zarr_store.is_store, _both(pair, path))):
                    yield path, types
                else:
                    below.append(path)
            else:
                yield from _one_sided(pair, path, types)
        todo += reversed(below)


def _one_sided(pair: Pair, path: str, types: Types) -> Iterator[tuple[str, Types]]:
    """A folder where the other side has none; one that holds nothing but folders is empty."""
    side = types.index("folder")
    within = os.walk(_both(pair, path)[side])
    full = any(
        files or any(os.path.islink(os.path.join(root, name)) for name in folders)
        for root, folders, files in within
    )
    yield path, types if full or types[1 - side] != "missing" else (EMPTY, EMPTY)


def _entries(folder: Path) -> Entries:
    with os.scandir(folder) as entries:
        return {entry.name: _type(entry) for entry in entries}


def _type(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        target = os.readlink(entry.path)
        return _annexed(entry.path) if "annex/objects/" in target else f"link to {target}"
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "socket, pipe or device"


def _annexed(path: str) -> str:
    """A link by which git-annex stands in for a file, if its content is here."""
    if os.path.isfile(path) and "annex/objects/" in os.path.realpath(path):
        return "file"
    raise CompareError(
        f"The content of {path} is not here.", remedy="Get it with datalad get, and compare again."
    )
