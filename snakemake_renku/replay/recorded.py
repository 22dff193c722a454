"""The recorded contents of outputs, fetched only where the replayed ones are not the same."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from snakemake_renku.replay.clone import Clone
from snakemake_renku.replay.fetch import get, key_in, pointer_key
from snakemake_renku.replay.git import (
    GitFailed,
    annex,
    blobs,
    git,
    has_annex,
    line,
    zero_separated,
)
from snakemake_renku.runner.digest import digest_file, digest_tree

_PATHS = 200
"""So many paths are given to one process."""

GONE = "the recorded content can't be had, only digests were compared"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A recorded output: ``place`` relative to the root; ``record`` the commit that recorded it."""

    place: str
    digest: str | None
    is_folder: bool
    record: str | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file in a commit: its bytes, or its key in git-annex, or the target of its link."""

    place: str
    executable: bool = False
    data: bytes | None = None
    key: str | None = None
    link: bytes | None = None


class Contents:
    """Finds recorded contents in the commits of a clone and puts them into ``folder``."""

    def __init__(self, clone: Clone, folder: Path) -> None:
        self._clone, self._folder = clone, folder
        self._count = 0

    def find(self, wanted: Sequence[Wanted]) -> dict[Wanted, Path]:
        """Where the contents of ``wanted`` are now, of those that can be had."""
        found: dict[Wanted, Path] = {}
        for by_record in (False, True):
            missing = [each for each in wanted if each not in found]
            for (root, commit), group in self._groups(missing, by_record=by_record).items():
                found |= self._find_in(root, commit, group, sure=by_record)
        return found

    def _groups(
        self, wanted: Iterable[Wanted], *, by_record: bool
    ) -> dict[tuple[Path, str], dict[str, Wanted]]:
        """What is looked for in which commit of which (sub)dataset, by its place in there."""
        groups: dict[tuple[Path, str], dict[str, Wanted]] = {}
        for each in wanted:
            root, place = self._clone.repository_of(each.place)
            commit = each.record if by_record else self._clone.commit
            if root != self._clone.root:
                commit = None if by_record else line(git(root, "rev-parse", "HEAD"))
            if commit is not None:
                groups.setdefault((root, commit), {})[place] = each
        return groups

    def _find_in(
        self, root: Path, commit: str, wanted: dict[str, Wanted], *, sure: bool
    ) -> dict[Wanted, Path]:
        entries: dict[Wanted, list[_Entry]] = {}
        for entry in _entries(root, commit, list(wanted)):
            owner = _owner(entry.place, wanted)
            if owner is not None and (owner.is_folder or _may_be(entry, owner)):
                entries.setdefault(owner, []).append(entry)
        keys = [entry.key for group in entries.values() for entry in group if entry.key]
        objects = _objects(root, keys)
        places = {each: place for place, each in wanted.items()}
        found = {}
        for each, group in entries.items():
            path = self._put(each, places[each], group, objects, sure=sure)
            if path is not None:
                found[each] = path
        return found

    def _put(
        self,
        wanted: Wanted,
        place: str,
        group: list[_Entry],
        objects: dict[str, Path],
        *,
        sure: bool,
    ) -> Path | None:
        if any(entry.key is not None and entry.key not in objects for entry in group):
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        self._count += 1
        target = self._folder / str(self._count)
        if not wanted.is_folder:
            entry = group[0]
            path = _content(entry, target, objects)
            return path if path is not None and digest_file(path) == wanted.digest else None
        target.mkdir()
        for entry in group:
            _place(entry, target / os.path.relpath(entry.place, place), objects)
        # Git keeps no empty folders, and git-annex no executable bits, which the digest of a folder
        # counts; what the job's own commit holds is what was recorded all the same.
        return target if sure or digest_tree(target) == wanted.digest else None


def _content(entry: _Entry, target: Path, objects: dict[str, Path]) -> Path | None:
    if entry.key is not None:
        return objects[entry.key]
    if entry.data is None:
        return None
    target.write_bytes(entry.data)
    return target


def _place(entry: _Entry, target: Path, objects: dict[str, Path]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if entry.link is not None:
        os.symlink(entry.link, target)
        return
    if entry.key is not None:
        shutil.copyfile(objects[entry.key], target)
    else:
        target.write_bytes(entry.data or b"")
    target.chmod(0o755 if entry.executable else 0o644)


def _owner(place: str, wanted: dict[str, Wanted]) -> Wanted | None:
    """The output that a file in the commit is, or is part of."""
    while place:
        if place in wanted:
            return wanted[place]
        place = os.path.dirname(place)
    return None


def _may_be(entry: _Entry, wanted: Wanted) -> bool:
    """Whether a file may have the recorded digest, as far as it tells without being fetched."""
    if wanted.digest is None:
        return False
    if entry.data is not None:
        return "sha256:" + hashlib.sha256(entry.data).hexdigest() == wanted.digest
    if entry.key is not None and entry.key.startswith("SHA256"):
        return wanted.digest.removeprefix("sha256:") in entry.key
    return entry.key is not None


def _entries(root: Path, commit: str, places: list[str]) -> Iterator[_Entry]:
    listed: list[tuple[str, str, str]] = []
    for start in range(0, len(places), _PATHS):
        some = places[start : start + _PATHS]
        try:
            answer = git(root, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *some)
        except GitFailed:
            continue
        for item in zero_separated(answer):
            about, _, place = item.partition("\t")
            mode, kind, name = about.split(" ")
            if kind == "blob":
                listed.append((mode, name, place))
    data = blobs(root, (name for _, name, _ in listed))
    for mode, name, place in listed:
        if name in data:
            yield _entry(mode, place, data[name])


def _entry(mode: str, place: str, data: bytes) -> _Entry:
    if mode == "120000":
        key = key_in(data)
        return _Entry(place, key=key) if key is not None else _Entry(place, link=data)
    executable = mode == "100755"
    key = pointer_key(data)
    if key is not None:
        return _Entry(place, executable, key=key)
    return _Entry(place, executable, data=data)


def _objects(root: Path, keys: Sequence[str]) -> dict[str, Path]:
    """Fetch contents by their keys; where they are, of those that can be reached."""
    if not keys or not has_annex():
        return {}
    wanted = list(dict.fromkeys(keys))
    get(root, wanted, how="--batch-keys")
    asked = b"".join(os.fsencode(key) + b"\n" for key in wanted)
    answers = annex(root, "contentlocation", "--batch", input=asked).split(b"\n")
    pairs = zip(wanted, answers, strict=False)
    return {key: root / os.fsdecode(answer) for key, answer in pairs if answer}
