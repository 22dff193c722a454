"""Whether two numbers are the same within a tolerance, and how far they are apart."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from snakemake_renku.model import Tolerance

Number = int | float

EXACT = Tolerance(relative=0.0, absolute=0.0)


class Apart(NamedTuple):
    """How far two unequal numbers are apart; None where that is no finite number."""

    within: bool
    absolute: float | None = None
    relative: float | None = None


def apart(recorded: Number, replayed: Number, tolerance: Tolerance) -> Apart | None:
    """None if the numbers are equal, or are both NaN.

    ``within`` says whether ``|a - b| <= absolute + relative * |recorded|``. An infinity is within
    no tolerance of anything but itself. ``relative`` is None where the recorded number is zero.
    """
    if recorded == replayed or (recorded != recorded and replayed != replayed):
        return None
    if not (_finite(recorded) and _finite(replayed)):
        return Apart(False)
    if isinstance(recorded, float) and isinstance(replayed, float):
        gap, size = abs(recorded - replayed), abs(recorded)
        within = gap <= tolerance.absolute + tolerance.relative * size
        return Apart(within, _float(gap), _float(gap / size) if size else None)
    return _exactly(Fraction(recorded), Fraction(replayed), tolerance)


def _exactly(recorded: Fraction, replayed: Fraction, tolerance: Tolerance) -> Apart:
    # Integers of any size: a float would round them.
    gap, size = abs(recorded - replayed), abs(recorded)
    limit = Fraction(tolerance.absolute) + Fraction(tolerance.relative) * size
    return Apart(gap <= limit, _float(gap), _float(gap / size) if size else None)


def _finite(number: Number) -> bool:
    return isinstance(number, int) or math.isfinite(number)


def _float(number: Fraction | float) -> float | None:
    try:
        value = float(number)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None
