"""Taking files out of others, into a folder that is gone afterwards, within limits."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from snakemake_renku.errors import CompareError
from snakemake_renku.replay.compare.pair import BLOCK, DEEPEST, Pair, Room

SPARE = 1 << 30
"""Bytes that are left free on the disk."""


@contextmanager
def scratch(pair: Pair) -> Iterator[tuple[Path, Path]]:
    """Two names for files to unpack into; raises :class:`CompareError` if nested too deeply."""
    if pair.depth >= DEEPEST:
        raise CompareError(f"it is inside of {DEEPEST} others")
    with tempfile.TemporaryDirectory(prefix="renku-compare-") as folder:
        yield Path(folder, "recorded"), Path(folder, "replayed")


def copy(source: BinaryIO, target: Path, room: Room) -> None:
    """Write a stream into a file; raises :class:`CompareError` if it is too much."""
    with target.open("wb") as file:
        while block := source.read(BLOCK):
            room.take(len(block))
            if shutil.disk_usage(target.parent).free < SPARE:
                raise CompareError(f"there is not enough space in {target.parent.parent} for it")
            file.write(block)
