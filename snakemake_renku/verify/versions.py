"""Whether git has a recorded version of a file: in the commit of its run, or in another one."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from snakemake_renku.lineage.annex import key
from snakemake_renku.lineage.folders import Entry, digest_of
from snakemake_renku.verify.repository import EXECUTABLE, SYMLINK, Blob, Item, Repository

_LINKS_IN_A_ROW = 8


class Version(NamedTuple):
    """What a run recorded: path, digest, size, and the commit that the run belongs to."""

    path: str
    digest: str
    size: int | None
    commit: str | None


class Kept(NamedTuple):
    """A version that git has.

    ``commit`` is where; ``key`` the key of git-annex that stands for it there. Not ``sure`` if the
    key holds no SHA-256, so that only sizes could be compared.
    """

    commit: str
    key: str | None = None
    sure: bool = True


Match = Literal["yes", "size", "no"]


def kept(repository: Repository, versions: Iterable[Version]) -> dict[Version, Kept]:
    """Those of ``versions`` that git has: in the run's own commit, in HEAD, or ever on a branch."""
    found: dict[Version, Kept] = {}
    rest = list(dict.fromkeys(versions))
    head = repository.head()
    for commits in ([each.commit for each in rest], [head] * len(rest)):
        pairs = [(v, c) for v, c in zip(rest, commits, strict=True) if c and v not in found]
        found |= _in_commits(repository, pairs)
    return found | _in_history(repository, [each for each in rest if each not in found])


def _in_commits(
    repository: Repository, pairs: Sequence[tuple[Version, str]]
) -> dict[Version, Kept]:
    """Looks at all blobs that matter in one go, then compares."""
    places = [(version, commit, repository.place(version.path)) for version, commit in pairs]
    items = [
        (version, commit, _resolved(repository, commit, place))
        for version, commit, place in places
        if place is not None
    ]
    wanted: dict[Repository, list[str]] = {}
    for _, _, place in items:
        if place is not None:
            wanted.setdefault(place[0], []).append(place[1].object)
    for each, objects in wanted.items():
        each.blobs(objects)
    found = {}
    for version, commit, place in items:
        if place is not None:
            answer = _compare(*place, version)
            if answer is not None:
                found[version] = answer._replace(commit=commit)
    return found | {
        version: Kept(commit)
        for version, commit, folder in places
        if folder is not None
        and version.digest.startswith("sha256-tree:")
        and _has_folder(repository, commit, folder, version.digest)
    }


def _resolved(repository: Repository, commit: str, path: str) -> tuple[Repository, Item] | None:
    """What stands at ``path``, following links within the repository as a job does."""
    for _ in range(_LINKS_IN_A_ROW):
        found = repository.find(commit, path)
        if found is None or found[1].mode != SYMLINK:
            return found
        blob = found[0].blobs([found[1].object]).get(found[1].object)
        if blob is None or blob.link_key is not None or found[0] is not repository:
            return found
        target = os.fsdecode(blob.head)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return None


def _compare(repository: Repository, item: Item, version: Version) -> Kept | None:
    blob = repository.blobs([item.object]).get(item.object)
    return None if blob is None else _same(blob, item, version)


def _same(blob: Blob, item: Item, version: Version) -> Kept | None:
    name = blob.link_key if item.mode == SYMLINK else blob.key
    annexed = key(name)
    if annexed is None:
        same = f"sha256:{blob.digest.hex()}" == version.digest and item.mode != SYMLINK
        return Kept("") if same else None
    if annexed.digest is not None:
        return Kept("", annexed.text) if annexed.digest == version.digest else None
    same_size = annexed.size is not None and annexed.size == version.size
    return Kept("", annexed.text, sure=False) if same_size else None


def _has_folder(repository: Repository, commit: str, folder: str, digest: str) -> bool:
    """Whether a folder of a commit has that digest, annexed files by what they stand for."""
    items = list(repository.below(commit, folder))
    blobs = repository.blobs(item.object for _, item in items)
    if not items or any(item.object not in blobs for _, item in items):
        return False
    folders = {parent for path, _ in items for parent in _parents(path)}
    entries = [_entry(path, item, blobs[item.object]) for path, item in items]
    entries += [Entry(os.fsencode(each), b"D", b"") for each in folders]
    return digest_of(entries) == digest


def _entry(path: str, item: Item, blob: Blob) -> Entry:
    annexed = key(blob.link_key if item.mode == SYMLINK else blob.key)
    executable = item.mode == EXECUTABLE
    if annexed is not None and annexed.digest is not None:
        content = bytes.fromhex(annexed.digest.partition(":")[2])
    elif item.mode == SYMLINK:
        return Entry(os.fsencode(path), b"L", blob.head)
    else:
        content = blob.digest
    return Entry(os.fsencode(path), b"X" if executable else b"F", content)


def _parents(path: str) -> Iterable[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _in_history(repository: Repository, versions: Sequence[Version]) -> dict[Version, Kept]:
    """The versions that were at their paths in any commit of any branch."""
    wanted: dict[str, list[Version]] = {}
    for version in versions:
        place = repository.place(version.path)
        if place is not None:
            wanted.setdefault(place, []).append(version)
    changes = list(repository.history(list(wanted))) if wanted else []
    blobs = repository.blobs(change.item.object for _, change in changes)
    found: dict[Version, Kept] = {}
    for path, change in changes:
        blob = blobs.get(change.item.object)
        for version in wanted.get(path, ()) if blob is not None else ():
            assert blob is not None
            answer = _same(blob, change.item, version)
            if answer is not None and (version not in found or not found[version].sure):
                found[version] = answer._replace(commit=change.commit)
    return found
