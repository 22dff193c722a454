"""Single files that are compressed by gzip, bzip2 or xz: compared by what is inside."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.pair import Fit, Pair
from snakemake_renku.replay.compare.unpacking import copy, scratch

NAME = "compressed"
ISOLATED = False
TEXT = False

MAGICS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}

_SHORT = {".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".svgz": ".svg"}


def suits(head: bytes, name: str) -> Fit:
    """By the first bytes."""
    return Fit.SURE if head.startswith(tuple(MAGICS)) else Fit.NO


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Unpack both and compare what comes out; how it was compressed does not count."""
    with scratch(pair) as (recorded, replayed):
        for source, target in zip(pair.both, (recorded, replayed), strict=True):
            with _open(source) as stream:
                copy(stream, target, pair.room)
        stem, suffix = os.path.splitext(pair.name)
        name = stem + _SHORT.get(suffix.lower(), "")
        found = pair.judge(pair.inside(recorded, replayed, name), tolerance)
    if found.outcome != "identical":
        return msgspec.structs.replace(found, compared_as=f"{found.compared_as}, compressed")
    ignored = ("how it is compressed, and the name and time in the head of the file",)
    return Finding("equivalent", NAME, ignored=ignored, values=found.values)


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        head = file.read(6)
    kind = next(kind for magic, kind in MAGICS.items() if head.startswith(magic))
    if kind == "gzip":
        return cast(BinaryIO, gzip.open(path))
    return cast(BinaryIO, bz2.open(path) if kind == "bzip2" else lzma.open(path))
