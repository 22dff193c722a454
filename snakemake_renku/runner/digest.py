"""SHA-256 digests of files and directories.

A file's digest is ``sha256:<hex>``, the SHA-256 (FIPS 180-4) of its bytes.

A directory's digest is ``sha256-tree:<hex>``, the SHA-256 of a listing that depends on the names,
contents, link targets and executable bits below the directory, and on nothing else (neither times,
owners, other permissions, nor the directory's own name or place). The listing is, in this order:

1. the 15 bytes ``renku-sha256-t1`` (ASCII);
2. one record for each entry below the directory at any depth, without the directory itself, sorted
   by the entry's path: relative to the directory, components joined by ``/``, no leading or
   trailing ``/``, compared as raw bytes (as ``memcmp`` does; a prefix comes first).

A record is ``type · len(path) · path · content``, where ``len`` is an unsigned 64-bit integer, most
significant byte first, and

====  =============================================  ===============================
type  entry                                          content
====  =============================================  ===============================
F     regular file, not executable by its owner      SHA-256 of its bytes (32 bytes)
X     regular file, executable by its owner (0o100)  SHA-256 of its bytes (32 bytes)
L     symbolic link, never followed                  ``len(target) · target``
D     directory, empty or not                        nothing
====  =============================================  ===============================

A symbolic link into the object store of an annex (git-annex) is no link in this sense: it counts as
the file whose content it stands for, so a directory has one digest before and after its files are
put into an annex, and in each clone. Where the content is not there, the link's key tells the
SHA-256; a key that does not is refused. (A clone does not know which annexed files were executable:
all are F there.)

Names and targets are the raw bytes of the file system. A regular file ``.snakemake_timestamp``
directly in the directory is left out, since Snakemake writes it into ``directory()`` outputs.
Sockets, named pipes and devices are refused. A directory that is itself reached through a link is
followed.
"""

from __future__ import annotations

import hashlib
import os
import stat as modes
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from snakemake_renku.model.files import FileKind, FileRef, FileSpec, Role
from snakemake_renku.runner.digest_annex import key_of_link, sha256_of_key, size_of_key
from snakemake_renku.runner.digest_cache import DigestCache, signature
from snakemake_renku.runner.digest_files import (
    RETRIES,
    File,
    Hashed,
    cannot_hash,
    changed,
    digest_files,
    hash_steadily,
    refused,
    stat_if_there,
    stat_of,
    unreadable,
)

AnyPath = str | bytes | os.PathLike[str]

_TREE_HEADER = b"renku-sha256-t1"
_TIMESTAMP = b".snakemake_timestamp"
_TREE_KINDS = (modes.S_IFREG, modes.S_IFDIR, modes.S_IFLNK)


class Found(NamedTuple):
    """What stands at a path: ``size`` in bytes, ``mtime`` in seconds since the epoch.

    A directory's size is the sum over its files. All but ``kind`` are None where nothing stands.
    """

    kind: FileKind
    digest: str | None = None
    size: int | None = None
    mtime: float | None = None


MISSING = Found("missing")


class _Entry(NamedTuple):
    name: bytes
    file: File
    told: tuple[bytes, int] | None = None
    """Digest and size of an annexed file whose content is not there."""


class _Changed(Exception):
    pass


def digest_file(path: AnyPath) -> str:
    """``sha256:<hex>`` of a file, links followed.

    Raises :class:`DigestError` if it cannot be read, is no regular file, or keeps changing.
    """
    name = os.fsencode(path)
    return _file_digest(hash_steadily(File(name, stat_of(name)), settled=False).digest)


def digest_tree(
    path: AnyPath, *, cache: DigestCache | None = None, threads: int | None = None
) -> str:
    """``sha256-tree:<hex>`` of a directory by the rule of this module.

    Raises :class:`DigestError` if part of it cannot be read or is neither file, link nor directory,
    or if it keeps changing.
    """
    top = os.fsencode(path)
    if not modes.S_ISDIR(stat_of(top).st_mode):
        raise cannot_hash(top, "it is not a directory", "Use the digest of a file instead.")
    return _tree(top, cache, threads)[0]


def digest_paths(
    paths: Sequence[AnyPath], cache: DigestCache | None = None, threads: int | None = None
) -> list[Found]:
    """What stands at each path, links followed, hashed by up to ``threads`` threads.

    None for ``threads`` means one for each core that this process may use, eight at most. Small
    files are hashed by the calling thread. Raises :class:`DigestError` as the other functions here
    do, except for what is missing.
    """
    names = [os.fsencode(path) for path in paths]
    found = dict.fromkeys(names, MISSING)
    files: list[File] = []
    folders: list[File] = []
    for name in found:
        stat = stat_if_there(name)
        if stat is not None:
            (folders if modes.S_ISDIR(stat.st_mode) else files).append(File(name, stat))
    for file, hashed in zip(files, digest_files(files, cache, threads), strict=True):
        found[file.path] = _found_file(hashed)
    for folder in folders:
        found[folder.path] = _found_directory(folder, cache, threads)
    return [found[name] for name in names]


def has_content(spec: FileSpec) -> bool:
    """Whether there is something to hash: pipes and services have no content of their own."""
    return _stream_kind(spec) is None


def file_ref(spec: FileSpec, role: Role, found: Found | None = None) -> FileRef:
    """A declared path and what was found there; pipes and services need nothing found."""
    kind = _stream_kind(spec)
    if kind is not None:
        return FileRef(path=spec.path, role=role, kind=kind, name=spec.name)
    return FileRef(spec.path, role, *(found or MISSING), spec.name)


def file_refs(
    specs: Sequence[FileSpec],
    role: Role,
    cache: DigestCache | None = None,
    threads: int | None = None,
) -> tuple[FileRef, ...]:
    """The declared paths as they are on disk; raises as :func:`digest_paths` does."""
    found = iter(digest_paths([spec.path for spec in specs if has_content(spec)], cache, threads))
    return tuple(file_ref(spec, role, next(found) if has_content(spec) else None) for spec in specs)


def _stream_kind(spec: FileSpec) -> FileKind | None:
    if "pipe" in spec.flags:
        return "pipe"
    return "service" if "service" in spec.flags else None


def _found_file(hashed: Hashed) -> Found:
    return Found("file", _file_digest(hashed.digest), hashed.size, hashed.stat.st_mtime)


def _found_directory(folder: File, cache: DigestCache | None, threads: int | None) -> Found:
    digest, size = _tree(folder.path, cache, threads)
    return Found("directory", digest, size, folder.stat.st_mtime)


def _file_digest(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"


# Directories


def _tree(top: bytes, cache: DigestCache | None, threads: int | None) -> tuple[str, int]:
    for _ in range(1 + RETRIES):
        try:
            return _tree_once(top, cache, threads)
        except _Changed:
            continue
    raise changed(top)


def _tree_once(top: bytes, cache: DigestCache | None, threads: int | None) -> tuple[str, int]:
    before = signature(stat_of(top))
    entries = sorted(_walk(top), key=lambda entry: entry.name)
    files = [entry.file for entry in entries if modes.S_ISREG(entry.file.stat.st_mode)]
    hashed = digest_files(files, cache, threads)
    listing = hashlib.sha256(_TREE_HEADER)
    rest = iter(hashed)
    for entry in entries:
        listing.update(_record(entry, rest))
    if before != signature(stat_of(top)) or any(map(_directory_changed, entries)):
        raise _Changed
    size = sum(one.size for one in hashed) + sum(entry.told[1] for entry in entries if entry.told)
    return f"sha256-tree:{listing.hexdigest()}", size


def _walk(top: bytes) -> Iterator[_Entry]:
    folders = [(top, b"")]
    while folders:
        folder, prefix = folders.pop()
        for entry in _list(folder, prefix):
            mode = entry.file.stat.st_mode
            if modes.S_IFMT(mode) not in _TREE_KINDS:
                raise refused(*entry.file)
            if prefix or entry.name != _TIMESTAMP or not modes.S_ISREG(mode):
                yield entry
            if modes.S_ISDIR(mode):
                folders.append((entry.file.path, entry.name + b"/"))


def _list(folder: bytes, prefix: bytes) -> list[_Entry]:
    try:
        with os.scandir(folder) as found:
            entries = [
                _Entry(prefix + one.name, File(one.path, one.stat(follow_symlinks=False)))
                for one in found
            ]
    except OSError as error:
        raise unreadable(folder, error) from error
    return [_annexed(one) if modes.S_ISLNK(one.file.stat.st_mode) else one for one in entries]


def _annexed(entry: _Entry) -> _Entry:
    """A link into an annex as the file that it stands for; another link as it is."""
    path = entry.file.path
    key = key_of_link(_link_target(path))
    if key is None:
        return entry
    stat = stat_if_there(path)
    if stat is not None:
        return entry._replace(file=File(path, stat)) if modes.S_ISREG(stat.st_mode) else entry
    digest = sha256_of_key(key)
    if digest is None:
        raise cannot_hash(path, "its content is not in the annex", "Run `git annex get` on it.")
    told = bytes.fromhex(digest.removeprefix("sha256:")), size_of_key(key) or 0
    return entry._replace(told=told)


def _record(entry: _Entry, hashed: Iterator[Hashed]) -> bytes:
    name, (path, stat), told = entry
    named = _sized(name)
    if told is not None:
        return b"F" + named + told[0]
    if modes.S_ISREG(stat.st_mode):
        one = next(hashed)
        return (b"X" if one.stat.st_mode & 0o100 else b"F") + named + one.digest
    if modes.S_ISDIR(stat.st_mode):
        return b"D" + named
    return b"L" + named + _sized(_link_target(path))


def _sized(text: bytes) -> bytes:
    return len(text).to_bytes(8, "big") + text


def _link_target(path: bytes) -> bytes:
    try:
        return os.readlink(path)
    except OSError as error:
        raise unreadable(path, error) from error


def _directory_changed(entry: _Entry) -> bool:
    path, stat = entry.file
    return modes.S_ISDIR(stat.st_mode) and signature(stat) != signature(stat_of(path))
