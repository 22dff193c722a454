from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest

from snakemake_renku.model import Tolerance
from snakemake_renku.replay.compare.numbers import Number, apart

STRICT = Tolerance(0.0, 0.0)


@pytest.mark.parametrize("number", [0, -0.0, 1.5, 10**400, math.inf, -math.inf, math.nan])
def test_a_number_is_equal_to_itself(number: Number) -> None:
    assert apart(number, number, STRICT) is None


def test_zeros_of_both_signs_are_equal() -> None:
    assert apart(0.0, -0.0, STRICT) is None


@pytest.mark.parametrize(
    ("recorded", "replayed"),
    [(math.inf, -math.inf), (math.inf, 1.0), (1.0, math.inf), (math.nan, 1.0), (1.0, math.nan)],
)
def test_nothing_is_close_to_an_infinity_or_to_nan(recorded: float, replayed: float) -> None:
    found = apart(recorded, replayed, Tolerance(1e9, 1e9))
    assert found == (False, None, None)


def test_the_relative_tolerance_is_of_the_recorded_number() -> None:
    tolerance = Tolerance(relative=0.1)
    assert apart(100, 90, tolerance) is not None
    assert apart(100, 90, tolerance)[0]  # type: ignore[index]
    assert not apart(90, 100, tolerance)[0]  # type: ignore[index]


def test_no_relative_distance_is_told_from_zero() -> None:
    found = apart(0.0, 1e-3, STRICT)
    assert found is not None
    assert found.relative is None
    assert found.absolute == 1e-3


def test_integers_are_not_rounded() -> None:
    found = apart(2**63, 2**63 + 1, Tolerance(0.0, 0.5))
    assert found is not None
    assert (found.within, found.absolute) == (False, 1.0)


def test_integers_beyond_floats_have_no_finite_distance() -> None:
    assert apart(1, 10**400, STRICT) == (False, None, None)


def test_the_formula_holds_for_random_numbers() -> None:
    chance = random.Random(20250101)
    for _ in range(2000):
        recorded = chance.choice([chance.uniform(-1e3, 1e3), chance.randint(-(10**25), 10**25)])
        replayed = recorded + chance.choice([chance.uniform(-1, 1), chance.randint(-3, 3)])
        tolerance = Tolerance(chance.choice([0.0, 1e-6, 1e-3]), chance.choice([0.0, 0.5]))
        gap = abs(Fraction(recorded) - Fraction(replayed))
        limit = Fraction(tolerance.absolute) + Fraction(tolerance.relative) * abs(
            Fraction(recorded)
        )
        found = apart(recorded, replayed, tolerance)
        if found is None:
            assert gap == 0
        elif abs(gap - limit) > Fraction(1, 10**9) * limit:  # no matter of rounding
            assert found.within == (gap <= limit)
