"""Arrays of NumPy (``.npy``, NEP 1): read in blocks, and without ever unpickling anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.pair import Fit, Pair
from snakemake_renku.replay.compare.tally import Tally

NAME = "numpy"
ISOLATED = False
TEXT = False

BLOCK_BYTES = 8 << 20

Index = tuple[int, ...]


def suits(head: bytes, name: str) -> Fit:
    """By the first bytes."""
    return Fit.SURE if head.startswith(b"\x93NUMPY") else Fit.NO


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare shape, type and elements; the byte order and the order in memory do not count."""
    tally = Tally(tolerance)
    with pair.recorded.open("rb") as recorded, pair.replayed.open("rb") as replayed:
        one, other = _header(recorded), _header(replayed)
        types = [_type(header[2]) for header in (one, other)]
        if types[0] != types[1]:
            tally.differ("type", types)
        if one[0] != other[0]:
            tally.differ("shape", (str(one[0]), str(other[0])))
        if not tally.count:
            _ignored(tally, one, other)
            _elements(tally, pair, recorded, replayed, one, other)
    return tally.finding(NAME, "how the array is stored")


Header = tuple[Index, bool, Any]
"""Shape, whether in Fortran's order, type."""


def _header(file: BinaryIO) -> Header:
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    header: Header = read(file)
    if header[2].hasobject:
        raise CompareError("it holds pickled objects, which are not opened")
    return header


def _type(dtype: Any) -> str:
    return str(dtype.newbyteorder("="))


def _ignored(tally: Tally, one: Header, other: Header) -> None:
    if one[2] != other[2]:
        tally.ignore("byte order")
    if one[1] != other[1]:
        tally.ignore("order of the elements in memory")


def _elements(
    tally: Tally, pair: Pair, recorded: BinaryIO, replayed: BinaryIO, one: Header, other: Header
) -> None:
    """Compare elements in the order in which both are stored, or by blocks of the mapped files."""
    if one[1] != other[1]:
        _mapped(tally, pair)
        return
    import numpy as np

    from snakemake_renku.replay.compare.arrays import Spot, compare_arrays

    size = int(np.prod(one[0], dtype=object))
    step = max(1, BLOCK_BYTES // max(1, one[2].itemsize))
    for start in range(0, size, step):
        count = min(step, size - start)
        spot = Spot("", _where(one, start))
        compare_arrays(
            tally, _read(recorded, one[2], count), _read(replayed, other[2], count), spot
        )


def _read(file: BinaryIO, dtype: Any, count: int) -> Any:
    import numpy as np

    content = file.read(count * dtype.itemsize)
    if len(content) < count * dtype.itemsize:
        raise CompareError("it ends early")
    return np.frombuffer(content, dtype, count)


def _where(header: Header, start: int) -> Callable[[Index], str]:
    import numpy as np

    def where(index: Index) -> str:
        order: Literal["F", "C"] = "F" if header[1] else "C"
        return place(np.unravel_index(start + index[0], header[0], order=order))

    return where


def place(index: Any) -> str:
    """Words for an index."""
    return f"index [{', '.join(str(int(i)) for i in index)}]" if len(index) else "the only element"


def _mapped(tally: Tally, pair: Pair) -> None:
    from snakemake_renku.replay.compare.arrays import Spot, compare_arrays
    from snakemake_renku.replay.compare.slabs import blocks

    one, other = (_map(path) for path in pair.both)
    for block in blocks(one.shape, one.dtype.itemsize):
        spot = Spot("", _inside(block))
        compare_arrays(tally, one[block], other[block], spot)


def _inside(block: tuple[slice, ...]) -> Callable[[Index], str]:
    return lambda index: place([part.start + i for part, i in zip(block, index, strict=True)])


def _map(path: Path) -> Any:
    import numpy as np

    return np.load(path, mmap_mode="r", allow_pickle=False)
