"""zarr, formats 2 and 3, as a folder or a ``.zip``, by the package zarr.

Groups, arrays and attributes are matched by name. Chunks, shards, codecs, byte order, the version
of the format and consolidated metadata are no content. Objects that are pickled are not opened.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.pair import Fit, Pair
from snakemake_renku.replay.compare.tally import Tally

NAME = "zarr"
ISOLATED = True
TEXT = False

ROOTS = ("zarr.json", ".zgroup", ".zarray")
"""Of which one is in the root of each store (zarr specification, versions 3 and 2)."""

METADATA = (*ROOTS, ".zattrs", ".zmetadata")

Entry = tuple[str, int, Callable[[], bytes]]
"""The name of a file of a store, its size, and what reads it."""

LARGEST_MEMBER = 1 << 30
"""Bytes of a chunk in a zip, once it is unpacked."""


def suits(head: bytes, name: str) -> Fit:
    """A zip whose name says that it is a store; folders are told by :func:`is_store`."""
    named = name.lower().endswith((".zarr.zip", ".zarr"))
    return Fit.SURE if named and head.startswith(b"PK\x03\x04") else Fit.NO


def is_store(path: Path) -> bool:
    """Whether a folder is a store."""
    return any((path / name).is_file() for name in ROOTS)


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare all groups and arrays of both."""
    from snakemake_renku.replay.compare.zarr_arrays import compare_stores

    tally = Tally(tolerance)
    stored = [_checked(path) for path in pair.both]
    compare_stores(tally, pair, min(stored))
    return tally.finding(NAME, "how the content is stored")


def _checked(path: Path) -> int:
    """The size of a store; raises :class:`CompareError` if it cannot be compared as a store."""
    size, arrays, files = 0, set(), []
    for name, length, content in _zipped(path) if path.is_file() else _files(path):
        folder, _, base = name.rpartition("/")
        size += length
        if base not in METADATA:
            files.append(folder)
        elif b"pickle" in (text := content()):
            raise CompareError("it holds pickled objects, which are not opened")
        elif base == ".zarray" or (base == "zarr.json" and _is_array(text)):
            arrays.add(folder)
    if not all(_is_below(folder, arrays) for folder in set(files)):
        raise CompareError("it holds files that are no part of its arrays")
    return size


def _is_array(metadata: bytes) -> bool:
    found = json.loads(metadata)
    return isinstance(found, dict) and found.get("node_type") == "array"


def _is_below(folder: str, arrays: set[str]) -> bool:
    """Whether a folder is that of an array or below it, where chunks are."""
    parts = folder.split("/")
    return bool(arrays & {"", *("/".join(parts[: at + 1]) for at in range(len(parts)))})


def _files(store: Path) -> Iterator[Entry]:
    for root, folders, files in os.walk(store):
        for name in (*folders, *files):
            path = Path(root, name)
            if path.is_symlink() and "annex/objects/" not in os.path.realpath(path):
                raise CompareError("it has links that lead elsewhere")
        for name in files:
            path = Path(root, name)
            yield path.relative_to(store).as_posix(), path.stat().st_size, path.read_bytes


def _zipped(store: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(store) as archive:
        for member in archive.infolist():
            if member.file_size > LARGEST_MEMBER:
                raise CompareError(f"it has a chunk of more than {LARGEST_MEMBER >> 20} MiB")
            if not member.is_dir():
                yield member.filename, member.compress_size, partial(archive.read, member)
