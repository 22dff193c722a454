"""Cutting arrays into blocks, so that memory does not grow with them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

from snakemake_renku.errors import CompareError
from snakemake_renku.replay.compare import patience
from snakemake_renku.replay.compare.wording import many

Block = tuple[slice, ...]

BLOCK_BYTES = 8 << 20
"""Size of a block, unless a single chunk of the file is larger."""

LARGEST_CHUNK = 1 << 30
"""Bytes; a chunk is read whole."""

MOST_EXPANSION = 2000
"""Times the size on disk; deflate reaches 1032, but what was never written takes no room at all."""

ALWAYS_FINE = 8 << 30
"""Bytes of content that are read however small the file is."""


def blocks(
    shape: Sequence[int], itemsize: int, chunk: Sequence[int] | None = None
) -> Iterator[Block]:
    """Blocks that cover an array, in the order of its elements as far as chunks allow.

    Each is made of whole chunks, so that none is read twice.
    """
    extents = _extents(shape, max(itemsize, 1), chunk or [1] * len(shape))
    starts = (range(0, size, step) for size, step in zip(shape, extents, strict=True))
    for corner in product(*starts):
        patience.renew()
        yield tuple(
            slice(start, min(start + step, size))
            for start, step, size in zip(corner, extents, shape, strict=True)
        )


def _extents(shape: Sequence[int], itemsize: int, chunk: Sequence[int]) -> list[int]:
    extents = [max(1, min(size, step)) for size, step in zip(shape, chunk, strict=True)]
    if math.prod(extents) * itemsize > LARGEST_CHUNK:
        raise CompareError(f"it has chunks of more than {LARGEST_CHUNK >> 20} MiB")
    for axis in reversed(range(len(shape))):
        room = BLOCK_BYTES // (math.prod(extents) * itemsize)
        if room > 1:
            extents[axis] = min(shape[axis], extents[axis] * room)
        if extents[axis] < shape[axis]:
            break
    return extents


def refuse_bombs(content: int, stored: int) -> None:
    """Raise :class:`CompareError` if a small file claims to hold an enormous content (bytes)."""
    if content > ALWAYS_FINE and content > MOST_EXPANSION * stored:
        size = many(stored, "byte")
        raise CompareError(f"it claims to hold {content >> 30:,} GiB in {size}")
