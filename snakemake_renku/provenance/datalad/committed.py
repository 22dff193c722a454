"""What a commit holds: its files, and the digests of their contents."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from snakemake_renku.provenance.git.keys import key_of_pointer
from snakemake_renku.provenance.git.plumbing import Git
from snakemake_renku.runner.digest_annex import key_of_link, sha256_of_key, size_of_key

_LINK, _SUBMODULE = "120000", "160000"


class Held(NamedTuple):
    """The content of a file in a commit; ``digest`` is None where its annex key does not tell.

    ``key`` is the key of an annexed file, whose content need not be here; ``size`` is in bytes.
    """

    digest: str | None
    size: int | None
    key: str | None = None


class Committed:
    """The files of the commit ``commit`` in the repository at ``root``, and in its submodules."""

    def __init__(self, root: Path, commit: str) -> None:
        self._root, self._commit = root, commit

    def holds(self, paths: Iterable[str]) -> dict[str, Held]:
        """What is committed of ``paths`` (relative to the root); the others are left out."""
        mine: dict[str, tuple[str, str]] = {}
        deeper: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            if path in self._entries:
                mine[path] = self._entries[path]
            elif (place := self.submodule_of(path)) is not None:
                deeper[place].append(path[len(place) + 1 :])
        found = dict(self._read(mine))
        for place, below in deeper.items():
            inner = self._submodules[place].holds(below)
            found |= {f"{place}/{path}": held for path, held in inner.items()}
        return found

    def below(self, folder: str) -> list[str]:
        """The files below a folder."""
        place = self.submodule_of(f"{folder}/")
        if place is None:
            return [path for path in self._entries if path.startswith(f"{folder}/")]
        tree, rest = self._submodules[place], folder[len(place) + 1 :]
        return [f"{place}/{path}" for path in (tree.below(rest) if rest else tree._entries)]

    def submodule_of(self, path: str) -> str | None:
        """The submodule (checked out here) that ``path`` is in."""
        return next((place for place in self._submodules if path.startswith(f"{place}/")), None)

    @cached_property
    def _listing(self) -> dict[str, tuple[str, str]]:
        listing = Git(self._root).run("ls-tree", "-r", "-z", "--full-tree", self._commit)
        entries = (entry.partition(b"\t") for entry in listing.split(b"\0") if entry)
        named = ((os.fsdecode(path), about.decode().split(" ")) for about, _, path in entries)
        return {path: (mode, name) for path, (mode, _, name) in named}

    @cached_property
    def _entries(self) -> dict[str, tuple[str, str]]:
        return {path: entry for path, entry in self._listing.items() if entry[0] != _SUBMODULE}

    @cached_property
    def _submodules(self) -> dict[str, Committed]:
        return {
            path: Committed(self._root / path, name)
            for path, (mode, name) in self._listing.items()
            if mode == _SUBMODULE and (self._root / path / ".git").exists()
        }

    def _read(self, entries: dict[str, tuple[str, str]]) -> Iterator[tuple[str, Held]]:
        blobs = read_blobs(Git(self._root), [name for _, name in entries.values()])
        for (path, (mode, _)), data in zip(entries.items(), blobs, strict=True):
            yield path, _held(mode, data)


def read_blobs(git: Git, names: Sequence[str]) -> Iterator[bytes]:
    """The contents of blobs, in the order of their ``names``."""
    if not names:
        return
    with git.start("cat-file", "--batch") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for name in names:
            process.stdin.write(name.encode() + b"\n")
            process.stdin.flush()
            size = int(process.stdout.readline().split()[2])
            yield process.stdout.read(size)
            process.stdout.read(1)
        process.stdin.close()


def _held(mode: str, data: bytes) -> Held:
    key = key_of_link(data) if mode == _LINK else key_of_pointer(data)
    if key is None:
        return Held("sha256:" + hashlib.sha256(data).hexdigest(), len(data))
    return Held(sha256_of_key(key), size_of_key(key), key)
