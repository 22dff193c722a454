"""Two files to be compared, and what a module for a kind of content looks like."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Finding, Tolerance

HEAD = 8192
"""Bytes from the beginning of a file by which its kind is told."""

BLOCK = 1 << 20
"""Bytes that are read at once."""

MOST_UNPACKED = 16 << 30
"""Bytes that one comparison may unpack to disk in all, against archives made to fill it."""

DEEPEST = 6
"""Archives in archives that are opened."""


class Fit(enum.IntEnum):
    """How surely a file is of a kind."""

    NO = 0
    GUESS = 1
    SURE = 2


class Room:
    """How many bytes may still be unpacked."""

    def __init__(self, left: int = MOST_UNPACKED) -> None:
        self.left = left

    def take(self, size: int) -> None:
        """Use some of it up; raises :class:`CompareError` if there is no more."""
        self.left -= size
        if self.left < 0:
            raise CompareError(f"it unpacks to more than {MOST_UNPACKED >> 30} GiB")


class Judge(Protocol):
    """What compares a pair, of whatever kind."""

    def __call__(self, pair: Pair, tolerance: Tolerance) -> Finding:
        """Compare two paths."""


@dataclass(frozen=True)
class Pair:
    """Two paths and the name by which they are known.

    ``judge`` compares pairs that are inside of this one; ``depth`` counts the archives around it.
    """

    recorded: Path
    replayed: Path
    name: str
    judge: Judge
    depth: int = 0
    room: Room = field(default_factory=Room)

    @property
    def both(self) -> tuple[Path, Path]:
        """The recorded path and the replayed one."""
        return self.recorded, self.replayed

    @property
    def suffix(self) -> str:
        """Of the name, in lower case, with its dot."""
        return os.path.splitext(self.name)[1].lower()

    def inside(self, recorded: Path, replayed: Path, name: str, *, deeper: int = 1) -> Pair:
        """A pair that is part of this one; unpacked from it unless ``deeper`` is 0."""
        return Pair(recorded, replayed, name, self.judge, self.depth + deeper, self.room)

    def sizes(self) -> tuple[int, int]:
        """In bytes."""
        return self.recorded.stat().st_size, self.replayed.stat().st_size

    def read(self, most: int) -> tuple[bytes, bytes]:
        """Both whole; raises :class:`CompareError` if one has more than ``most`` bytes."""
        if max(self.sizes()) > most:
            raise CompareError(f"it is larger than {most >> 20} MiB")
        return self.recorded.read_bytes(), self.replayed.read_bytes()


class Kind(Protocol):
    """What a module in ``kinds`` offers.

    ``ISOLATED`` kinds are read by libraries that a damaged file may bring down, so a process of its
    own reads them. ``compare`` raises anything at all if a file cannot be read as this kind.
    """

    __name__: str
    NAME: str
    ISOLATED: bool
    TEXT: bool

    def suits(self, head: bytes, name: str) -> Fit:
        """Whether a file that begins so, and is named so, is of this kind."""

    def compare(self, pair: Pair, tolerance: Tolerance) -> Finding:
        """Compare two files whose bytes are known to differ."""


def head_of(path: Path) -> bytes:
    """The beginning of a file."""
    with path.open("rb") as file:
        return file.read(HEAD)


def same_stream(one: BinaryIO, other: BinaryIO) -> bool:
    """Whether two streams have the same bytes from here on."""
    while True:
        a, b = one.read(BLOCK), other.read(BLOCK)
        if a != b:
            return False
        if not a:
            return True


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files have the same bytes, in memory that does not grow with them."""
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as a, other.open("rb") as b:
        return same_stream(a, b)
