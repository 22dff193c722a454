"""Arrays of numbers, texts and records, compared element by element with numpy.

This module imports numpy, so only functions import it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from snakemake_renku.model import Tolerance
from snakemake_renku.replay.compare.numbers import apart
from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.wording import both_around, short

Array = npt.NDArray[Any]
Index = tuple[int, ...]


def plainly(value: Any) -> str:
    """A value in words: texts in quotes, numbers with the digits that they have."""
    if isinstance(value, np.ndarray):
        return short(np.array2string(value, threshold=8, edgeitems=3, separator=", "))
    if isinstance(value, bytes | str):
        return short(repr(value.item() if isinstance(value, np.generic) else value))
    return short(str(value))


@dataclass(frozen=True)
class Spot:
    """How places of an array are called, and its values shown; ``part`` as in :class:`Tally`.

    ``fill`` is the number that stands for a missing value.
    """

    part: str
    where: Callable[[Index], str]
    show: Callable[[Any], str] = plainly
    fill: Any = None

    def field(self, name: str) -> Spot:
        """Of one field of an array of records."""
        return Spot(self.part, lambda index: f"{self.where(index)}, field {name}")


class Gaps(NamedTuple):
    """Per element: whether it differs (``wrong``), and if numbers, how far apart they are.

    ``unequal`` says where they are not the same although perhaps close enough; ``absolute`` and
    ``relative`` are NaN where that means nothing.
    """

    wrong: Array
    unequal: Array | None = None
    absolute: Array | None = None
    relative: Array | None = None


def compare_arrays(
    tally: Tally,
    recorded: Array,
    replayed: Array,
    spot: Spot,
    tolerance: Tolerance | None = None,
) -> None:
    """Compare two arrays of the same shape and type (in either byte order).

    ``tolerance`` is another than that of ``tally``.
    """
    if recorded.dtype.names:
        for name in recorded.dtype.names:
            compare_arrays(tally, recorded[name], replayed[name], spot.field(name), tolerance)
        return
    tally.values += recorded.size
    if recorded.dtype.kind != "O" and _same_memory(recorded, replayed):
        return
    gaps = find_gaps(recorded, replayed, tolerance or tally.tolerance)
    if spot.fill is not None:
        _set_missing_apart(gaps, (recorded == spot.fill) != (replayed == spot.fill))
    take_extent(tally, gaps)
    wrong = np.flatnonzero(gaps.wrong)
    wanted = min(max(tally.wants(spot.part), 0), len(wrong))
    for place in wrong[:wanted]:
        index = tuple(int(i) for i in np.unravel_index(place, recorded.shape))
        _tell(tally, spot, index, recorded[index], replayed[index], gaps.absolute)
    tally.more(len(wrong) - wanted)


def _set_missing_apart(gaps: Gaps, lone: Array) -> None:
    """Where just one side has the fill value, no tolerance applies, and there is no amount."""
    gaps.wrong[lone] = True
    if gaps.absolute is not None and gaps.relative is not None:
        gaps.absolute[lone] = gaps.relative[lone] = np.nan


def _same_memory(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def take_extent(tally: Tally, gaps: Gaps) -> None:
    """Tell a tally how far numbers are apart, and how many are close enough."""
    if gaps.unequal is None or gaps.absolute is None or gaps.relative is None:
        return
    tally.within(int(np.count_nonzero(gaps.unequal & ~gaps.wrong)))
    tally.extent(_largest(gaps.absolute), _largest(gaps.relative))


def _largest(amounts: Array) -> float | None:
    finite = amounts[np.isfinite(amounts)]
    return float(finite.max()) if finite.size and finite.max() > 0 else None


def _tell(tally: Tally, spot: Spot, index: Index, a: Any, b: Any, absolute: Array | None) -> None:
    amount = None if absolute is None else float(absolute[index])
    if amount is not None and not np.isfinite(amount):
        amount = None
    if isinstance(a, str) and isinstance(b, str):
        texts = both_around(a, b)
    else:
        texts = spot.show(a), spot.show(b)
    tally.differ(spot.where(index), texts, amount, part=spot.part)


def find_gaps(recorded: Array, replayed: Array, tolerance: Tolerance) -> Gaps:
    """Compare by the kind of the numbers; NaN (and NaT) is equal to itself, -0.0 to 0.0."""
    kind = recorded.dtype.kind
    with np.errstate(all="ignore"):
        if kind in "iu":
            return _integers(recorded, replayed, tolerance)
        if kind == "f":
            wide = np.promote_types(recorded.dtype.newbyteorder("="), np.float64)
            return _floats(recorded.astype(wide), replayed.astype(wide), tolerance)
        if kind == "c":
            wide = np.promote_types(recorded.dtype.newbyteorder("="), np.complex128)
            return _complex(recorded.astype(wide), replayed.astype(wide), tolerance)
        if kind == "O":
            return _objects(recorded, replayed, tolerance)
        if kind == "V":
            return Gaps(_raw(recorded) != _raw(replayed))
        if kind in "mM":  # moments are no amounts, and are the same or not
            return Gaps(recorded.astype(np.int64) != replayed.astype(np.int64))
        return Gaps(np.asarray(recorded != replayed))


def _raw(array: Array) -> Array:
    flat = [bytes(item) for item in array.ravel()]
    made = np.empty(len(flat), dtype=object)
    made[:] = flat
    return made.reshape(array.shape)


def _floats(a: Array, b: Array, tolerance: Tolerance) -> Gaps:
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return _judged(same, np.abs(a - b), np.abs(a), np.isfinite(a) & np.isfinite(b), tolerance)


def _complex(a: Array, b: Array, tolerance: Tolerance) -> Gaps:
    same = _floats(a.real, b.real, tolerance).unequal, _floats(a.imag, b.imag, tolerance).unequal
    assert same[0] is not None
    assert same[1] is not None
    finite = np.isfinite(a) & np.isfinite(b)
    return _judged(~(same[0] | same[1]), np.abs(a - b), np.abs(a), finite, tolerance)


def _integers(a: Array, b: Array, tolerance: Tolerance) -> Gaps:
    # Unsigned, where a difference of two 64-bit integers always has room, and wraps to be right.
    high, low = np.maximum(a, b).astype(np.uint64), np.minimum(a, b).astype(np.uint64)
    size = a.astype(np.uint64)
    size = np.where(a < 0, np.uint64(0) - size, size)
    gap = (high - low).astype(np.float64)
    return _judged(a == b, gap, size.astype(np.float64), np.True_, tolerance)


def _judged(same: Array, gap: Array, size: Array, finite: Any, tolerance: Tolerance) -> Gaps:
    """``|a - b| <= absolute + relative * |recorded|`` where both are finite."""
    unequal = np.asarray(~same)
    close = same | (finite & (gap <= tolerance.absolute + tolerance.relative * size))
    counted = unequal & finite
    absolute = np.where(counted, gap, np.nan)
    relative = np.where(counted & (size > 0), gap / np.where(size > 0, size, 1), np.nan)
    return Gaps(np.asarray(~close), unequal, absolute, relative)


def _objects(recorded: Array, replayed: Array, tolerance: Tolerance) -> Gaps:
    shape = recorded.shape
    wrong, unequal = np.zeros(shape, bool), np.zeros(shape, bool)
    absolute, relative = np.full(shape, np.nan), np.full(shape, np.nan)
    for index in np.ndindex(shape):
        found = _object(recorded[index], replayed[index], tolerance)
        if found is not None:
            wrong[index], unequal[index] = not found[0], True
            absolute[index], relative[index] = found[1], found[2]
    return Gaps(wrong, unequal, absolute, relative)


def _object(a: Any, b: Any, tolerance: Tolerance) -> tuple[bool, float, float] | None:
    """Of one element that is any object: None if equal, or whether close, and how far apart."""
    nothing = (False, float("nan"), float("nan"))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return _inner(a, b, tolerance) if a.shape == b.shape and a.dtype == b.dtype else nothing
    if isinstance(a, np.generic):
        a = a.item()
    if isinstance(b, np.generic):
        b = b.item()
    if isinstance(a, int | float) and isinstance(b, int | float):
        found = apart(a, b, tolerance)
        return found and (found.within, _or_nan(found.absolute), _or_nan(found.relative))
    return None if type(a) is type(b) and a == b else nothing


def _inner(a: Array, b: Array, tolerance: Tolerance) -> tuple[bool, float, float] | None:
    if a.dtype.names:
        return None if _same_memory(a, b) else (False, float("nan"), float("nan"))
    gaps = find_gaps(a, b, tolerance)
    if gaps.unequal is None or gaps.absolute is None or gaps.relative is None:
        return None if not gaps.wrong.any() else (False, float("nan"), float("nan"))
    if not gaps.unequal.any():
        return None
    largest = _or_nan(_largest(gaps.absolute)), _or_nan(_largest(gaps.relative))
    return (not gaps.wrong.any(), *largest)


def _or_nan(amount: float | None) -> float:
    return float("nan") if amount is None else amount
