"""zarr, formats 2 and 3, as a folder or a ``.zip``, by the package zarr.

Groups, arrays and attributes are matched by name. Chunks, shards, codecs, byte order, the version
of the format and consolidated metadata are no content. Objects that are pickled are not opened.
"""

from __future__ import annotations

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

_METADATA = (*ROOTS, ".zmetadata")

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
    """The size of a store; raises :class:`CompareError` if it is not safe to open."""
    size = 0
    for name, length, content in _zipped(path) if path.is_file() else _files(path):
        size += length
        if name.rpartition("/")[2] in _METADATA and b"pickle" in content():
            raise CompareError("it holds pickled objects, which are not opened")
    return size


Entry = tuple[str, int, Callable[[], bytes]]


def _files(folder: Path) -> Iterator[Entry]:
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            if path.is_symlink() and "annex/objects/" not in os.path.realpath(path):
                raise CompareError("it has links that lead elsewhere")
        for name in files:
            path = Path(root, name)
            yield name, path.stat().st_size, path.read_bytes


def _zipped(path: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.file_size > LARGEST_MEMBER:
                raise CompareError(f"it has a chunk of more than {LARGEST_MEMBER >> 20} MiB")
            yield member.filename, member.compress_size, partial(archive.read, member)
