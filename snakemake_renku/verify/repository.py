"""Reading a git repository: what was where in which commit. Nothing is ever written or fetched."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import sys
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from snakemake_renku.errors import RecordError
from snakemake_renku.lineage.annex import LONGEST_POINTER
from snakemake_renku.provenance.git.keys import key_of_pointer
from snakemake_renku.provenance.git.plumbing import Git
from snakemake_renku.runner.digest_annex import key_of_link

EXECUTABLE, SYMLINK, SUBMODULE = "100755", "120000", "160000"
_RAW = re.compile(rb"\n?:[0-7]{6} ([0-7]{6}) [0-9a-f]+ ([0-9a-f]+) ([A-Z])[0-9]*", re.ASCII)
_PATHS_AT_ONCE = 500
_BLOCK = 1 << 20
_HEAD = 4096
"""Bytes; more than any link or key takes."""


class Item(NamedTuple):
    """What stands at a path in a commit: its mode, in octal, and the name of the object."""

    mode: str
    object: str


class Blob(NamedTuple):
    """A blob: the SHA-256 of its content, and the beginning of that."""

    digest: bytes
    head: bytes
    size: int

    @property
    def key(self) -> str | None:
        """The key of git-annex that it stands for as a pointer file."""
        return key_of_pointer(self.head) if self.size <= LONGEST_POINTER else None

    @property
    def link_key(self) -> str | None:
        """The key that it stands for as a symbolic link."""
        return key_of_link(self.head)


class Change(NamedTuple):
    """A commit's change of a file: ``status`` is git's letter (``A``, ``M``, ``D``, ``T``)."""

    commit: str
    status: str
    item: Item


class Repository:
    """A git repository, and the folder ``prefix`` in it from which paths are given."""

    def __init__(self, root: Path, prefix: str) -> None:
        self.root, self.prefix = root, prefix
        self.git = _git(root)
        self._trees: dict[str, dict[str, Item]] = {}
        self._names: dict[str, list[str]] = {}
        self._blobs: dict[str, Blob] = {}
        self._inner: dict[str, Repository | None] = {}

    @classmethod
    def around(cls, folder: Path) -> Repository | None:
        """The repository that ``folder`` is in; None if there is none, or no git."""
        try:
            root = _git(folder).line("rev-parse", "--show-toplevel")
            prefix = _git(folder).line("rev-parse", "--show-prefix")
        except RecordError:
            return None
        return None if root is None else cls(Path(root), (prefix or "").rstrip("/"))

    def place(self, path: str) -> str | None:
        """A path relative to the root; None for what lies outside."""
        if posixpath.isabs(path):
            path = os.path.relpath(path, self.root)
        else:
            path = posixpath.normpath(posixpath.join(self.prefix, path))
        return None if path == ".." or path.startswith("../") else path

    def head(self) -> str | None:
        """The commit that is checked out."""
        return self.git.line("rev-parse", "--verify", "--quiet", "HEAD^{commit}")

    def has_commit(self, commit: str) -> bool:
        """Whether the commit is in this repository."""
        return self.git.ask("cat-file", "-e", f"{commit}^{{commit}}") is not None

    def is_kept(self, commit: str) -> bool:
        """Whether a branch, tag or remote branch leads to the commit, so that it will stay."""
        return bool(self.git.ask("for-each-ref", "--count=1", f"--contains={commit}"))

    def tree(self, commit: str) -> dict[str, Item]:
        """All files of a commit by their paths; none if there is no such commit."""
        if commit not in self._trees:
            listing = self.git.ask("ls-tree", "-r", "-z", "--full-tree", commit) or b""
            self._trees[commit] = dict(map(_item, filter(None, listing.split(b"\0"))))
        return self._trees[commit]

    def find(self, commit: str, path: str) -> tuple[Repository, Item] | None:
        """What stands at ``path`` (from the root), also in a submodule that is checked out."""
        tree = self.tree(commit)
        if path in tree:
            return self, tree[path]
        for parent in _parents(path):
            item = tree.get(parent)
            if item is not None:
                inner = self._submodule(parent) if item.mode == SUBMODULE else None
                return inner.find(item.object, path[len(parent) + 1 :]) if inner else None
        return None

    def below(self, commit: str, folder: str) -> Iterator[tuple[str, Item]]:
        """The files in a folder of a commit, by their paths relative to it."""
        tree = self.tree(commit)
        names = self._names.setdefault(commit, sorted(tree))
        for number in range(bisect_left(names, f"{folder}/"), len(names)):
            name = names[number]
            if not name.startswith(f"{folder}/"):
                break
            yield name[len(folder) + 1 :], tree[name]

    def blobs(self, objects: Iterable[str]) -> dict[str, Blob]:
        """What the blobs hold; those that are not there are left out."""
        wanted = dict.fromkeys(objects)
        missing = [each for each in wanted if each not in self._blobs]
        if missing:
            self._blobs |= self._read(missing, _HEAD)
        return {each: self._blobs[each] for each in wanted if each in self._blobs}

    def history(self, paths: Sequence[str]) -> Iterator[tuple[str, Change]]:
        """All changes of ``paths``, the latest first, on all branches but git-annex's own."""
        every = (
            "--exclude=git-annex",
            "--branches",
            "--tags",
            "--exclude=*/git-annex",
            "--remotes",
            "HEAD",
        )
        options = ("--format=%H", "--raw", "-z", "--no-abbrev", "--no-renames")
        for start in range(0, len(paths), _PATHS_AT_ONCE):
            some = paths[start : start + _PATHS_AT_ONCE]
            yield from _changes(self.git.ask("log", *options, *every, "--", *some) or b"")

    def author(self, commit: str) -> str:
        """Who made a commit, and when: ``A Modeller on 2026-01-31``."""
        return self.git.line("show", "-s", "--format=%an on %as", commit) or "somebody"

    def _submodule(self, path: str) -> Repository | None:
        if path not in self._inner:
            folder = self.root / path
            there = (folder / ".git").exists()
            self._inner[path] = Repository(folder, "") if there else None
        return self._inner[path]

    def texts(self, objects: Sequence[str]) -> dict[str, str]:
        """All of what the blobs hold, as text."""
        found = self._read(objects, sys.maxsize)
        return {each: blob.head.decode(errors="replace") for each, blob in found.items()}

    def _read(self, objects: Sequence[str], keep: int) -> dict[str, Blob]:
        with self.git.start("cat-file", "--batch") as process:
            assert process.stdin is not None
            assert process.stdout is not None
            # git blocks when its answers are not read, so somebody else must go on asking.
            asking = threading.Thread(target=_ask, args=(process.stdin, objects), daemon=True)
            asking.start()
            found = dict(_answers(process.stdout, keep))
            asking.join()
        return found


def _git(folder: Path) -> Git:
    # In a clone without all blobs, git would fetch those that are looked at, one by one.
    return Git(folder, GIT_NO_LAZY_FETCH="1")


def _ask(stream: IO[bytes], objects: Sequence[str]) -> None:
    try:
        stream.writelines(f"{each}\n".encode() for each in objects)
        stream.close()
    except BrokenPipeError:
        pass


def _answers(stream: IO[bytes], keep: int) -> Iterator[tuple[str, Blob]]:
    while header := stream.readline().split():
        if len(header) == 3:
            yield header[0].decode(), _blob(stream, int(header[2]), keep)


def _blob(stream: IO[bytes], size: int, keep: int) -> Blob:
    hasher, head, left = hashlib.sha256(), b"", size
    while left:
        block = stream.read(min(left, _BLOCK))
        hasher.update(block)
        head += block[: max(0, keep - len(head))]
        left -= len(block)
    stream.read(1)
    return Blob(hasher.digest(), head, size)


def _item(line: bytes) -> tuple[str, Item]:
    about, _, path = line.partition(b"\t")
    mode, _, object = about.decode().split(" ")
    return os.fsdecode(path), Item(mode, object)


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _changes(log: bytes) -> Iterator[tuple[str, Change]]:
    commit, parts = "", iter(log.split(b"\0"))
    for part in parts:
        match = _RAW.fullmatch(part)
        if match is not None:
            item = Item(match[1].decode(), match[2].decode())
            path = os.fsdecode(next(parts))
            yield path, Change(commit, match[3].decode(), item)
        elif part.strip():
            commit = part.strip().decode()
