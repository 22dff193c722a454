"""Digests of folders, in an annex too.

:func:`~snakemake_renku.runner.digest.digest_tree` takes links into an annex for the files that they
stand for. Pointer files, which stand for unlocked files whose content is not here, are taken for
what they stand for here; and here it is told of which files the content is missing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from snakemake_renku.lineage.annex import Key, key_at
from snakemake_renku.runner.digest import digest_tree
from snakemake_renku.runner.digest_cache import DigestCache
from snakemake_renku.runner.digest_files import File, digest_files, stat_of

_HEADER = b"renku-sha256-t1"
_TIMESTAMP = b".snakemake_timestamp"


class Entry(NamedTuple):
    """What a folder holds, as the rule of :mod:`snakemake_renku.runner.digest` writes it down.

    ``content`` is the digest of a file (32 bytes), the target of a link, or nothing for a folder.
    """

    path: bytes
    type: Literal[b"F", b"X", b"L", b"D"]
    content: bytes


class Folder(NamedTuple):
    """A folder's digest, None if it cannot be told; the keys whose content is not here."""

    digest: str | None
    absent: tuple[Key, ...] = ()


def look_at_folder(path: str, cache: DigestCache | None = None) -> Folder:
    """The digest of the folder at ``path``; raises :class:`DigestError` as ``digest_tree`` does."""
    top = os.fsencode(path)
    annexed = dict(_annexed(top))
    absent = {file: found for file, found in annexed.items() if not _is_here(file)}
    keys = tuple(absent.values())
    if any(found.digest is None for found in keys):
        return Folder(None, keys)
    if all(map(os.path.islink, absent)):
        return Folder(digest_tree(path, cache=cache), keys)
    return Folder(digest_of(_entries(top, absent, cache)), keys)


def digest_of(entries: Iterable[Entry]) -> str:
    """The digest of a folder with these entries."""
    listing = hashlib.sha256(_HEADER)
    for entry in sorted(entries):
        listing.update(entry.type + _sized(entry.path))
        listing.update(_sized(entry.content) if entry.type == b"L" else entry.content)
    return f"sha256-tree:{listing.hexdigest()}"


def _sized(text: bytes) -> bytes:
    return len(text).to_bytes(8, "big") + text


def _annexed(top: bytes) -> Iterator[tuple[bytes, Key]]:
    """The files below ``top`` that stand for content of the annex."""
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            found = key_at(os.fsdecode(path))
            if found is not None:
                yield path, found


def _is_here(path: bytes) -> bool:
    # A pointer file is a regular one, and stands for content that is not here.
    return os.path.islink(path) and os.path.exists(path)


def _entries(top: bytes, absent: dict[bytes, Key], cache: DigestCache | None) -> Iterator[Entry]:
    plain: list[tuple[bytes, File]] = []
    for folder, folders, names in os.walk(top):
        for name in (*folders, *names):
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, top)
            found = absent.get(path)
            if found is not None and found.digest is not None:
                # Whether a file that is not here was executable, nobody knows; most are not.
                yield Entry(relative, b"F", bytes.fromhex(found.digest.partition(":")[2]))
            elif os.path.islink(path) and key_at(os.fsdecode(path)) is None:
                yield Entry(relative, b"L", os.readlink(path))
            elif name in folders:
                yield Entry(relative, b"D", b"")
            elif relative != _TIMESTAMP:
                plain.append((relative, File(path, stat_of(path))))
    hashed = digest_files([file for _, file in plain], cache, None)
    for (relative, file), one in zip(plain, hashed, strict=True):
        yield Entry(relative, b"X" if file.stat.st_mode & 0o100 else b"F", one.digest)
