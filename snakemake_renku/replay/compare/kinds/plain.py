"""Bytes, of which nothing more is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.pair import BLOCK, Fit, Pair
from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.wording import many

NAME = "bytes"
ISOLATED = False
TEXT = False

SHOWN = 16
"""Bytes shown from where a difference begins."""


def suits(head: bytes, name: str) -> Fit:
    """Every file is bytes."""
    return Fit.GUESS


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Count the bytes that differ at the same place, and those that one file has more."""
    tally = Tally(tolerance)
    tally.values = max(pair.sizes())
    with pair.recorded.open("rb") as recorded, pair.replayed.open("rb") as replayed:
        compare_streams(tally, recorded, replayed)
    return tally.finding(NAME)


def compare_streams(tally: Tally, recorded: BinaryIO, replayed: BinaryIO) -> None:
    """Compare two streams that can be rewound."""
    sizes = [stream.seek(0, 2) for stream in (recorded, replayed)]
    if sizes[0] != sizes[1]:
        texts = [many(size, "byte") if size else "empty" for size in sizes]
        amount = abs(sizes[0] - sizes[1])
        tally.differ("size", texts, float(amount), count=amount)
    count, first = _unequal(recorded, replayed)
    if first is not None:
        words = [_shown(stream, first) for stream in (recorded, replayed)]
        tally.differ(f"byte {first:,}", words, count=count)


def _unequal(recorded: BinaryIO, replayed: BinaryIO) -> tuple[int, int | None]:
    """How many bytes that both have are not the same, and where the first one is."""
    count, first = 0, None
    for offset, a, b in _blocks(recorded, replayed):
        # Far faster than a loop over the bytes, and needs no package.
        xor = int.from_bytes(a, "big") ^ int.from_bytes(b, "big")
        count += len(a) - xor.to_bytes(len(a), "big").count(0)
        if first is None:
            first = offset + len(a) - (xor.bit_length() + 7) // 8
    return count, first


def _blocks(recorded: BinaryIO, replayed: BinaryIO) -> Iterator[tuple[int, bytes, bytes]]:
    """Blocks of the same length that are not the same, and where they begin."""
    recorded.seek(0)
    replayed.seek(0)
    offset = 0
    while True:
        a, b = recorded.read(BLOCK), replayed.read(BLOCK)
        length = min(len(a), len(b))
        if not length:
            return
        if a[:length] != b[:length]:
            yield offset, a[:length], b[:length]
        offset += length


def _shown(stream: BinaryIO, offset: int) -> str:
    stream.seek(offset)
    return stream.read(SHOWN).hex(" ")
