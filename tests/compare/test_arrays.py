"""Arrays of each type that numpy has, compared in memory."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.arrays import Spot, compare_arrays
from snakemake_renku.replay.compare.numbers import apart
from snakemake_renku.replay.compare.tally import Tally


def compare(
    recorded: Any, replayed: Any, relative: float = 0.0, absolute: float = 0.0, **spot: Any
) -> Finding:
    tally = Tally(Tolerance(relative, absolute))
    compare_arrays(tally, np.asarray(recorded), np.asarray(replayed), Spot("", str, **spot))
    return tally.finding("numpy")


def array(values: Sequence[Any], dtype: str) -> Any:
    return np.array(values, dtype=dtype)


@pytest.mark.parametrize(
    "dtype", ["i1", "u1", "i8", "u8", "f2", "f4", "f8", "g", "c8", "c16", ">f4"]
)
def test_a_number_that_differs_is_told_with_its_amount(dtype: str) -> None:
    found = compare(array([1, 2, 3], dtype), array([1, 5, 3], dtype))
    assert [(d.where, d.amount) for d in found.differences] == [("(1,)", 3.0)]
    assert (found.count, found.values, found.largest_absolute) == (1, 3, 3.0)


def test_integers_of_64_bits_do_not_overflow() -> None:
    low, high = -(2**63), 2**63 - 1
    assert compare(array([low], "i8"), array([high], "i8")).largest_absolute == float(2**64 - 1)
    assert compare(array([0], "u8"), array([2**64 - 1], "u8")).largest_absolute == float(2**64 - 1)
    assert compare(array([2**60], "i8"), array([2**60 + 1], "i8")).outcome == "different"


def test_the_relative_tolerance_of_the_lowest_integer_is_positive() -> None:
    low = -(2**63)
    found = compare(array([low], "i8"), array([low + 1], "i8"), relative=1e-6)
    assert found.outcome == "equivalent"


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", "c16"])
def test_nan_is_equal_to_nan_and_to_nothing_else(dtype: str) -> None:
    assert compare(array([np.nan], dtype), array([np.nan], dtype)).count == 0
    found = compare(array([np.nan, 1], dtype), array([1, np.nan], dtype), absolute=1e9)
    assert (found.count, found.largest_absolute) == (2, None)


def test_infinities_are_within_no_tolerance() -> None:
    found = compare([np.inf, np.inf, 1.0], [np.inf, -np.inf, np.inf], relative=10, absolute=1e9)
    assert found.count == 2


def test_a_complex_number_is_close_by_its_distance() -> None:
    sides = [1 + 1j], [1.3 + 1.4j]
    assert compare(*sides, absolute=0.51).outcome == "equivalent"
    assert compare(*sides, absolute=0.49).outcome == "different"


def test_single_precision_is_compared_without_rounding_the_tolerance() -> None:
    one = np.float32(1.0)
    other = np.nextafter(one, np.float32(2.0))
    found = compare(array([one], "f4"), array([other], "f4"), relative=1e-6)
    assert (found.outcome, found.largest_absolute) == ("equivalent", float(other) - 1.0)


def test_moments_are_the_same_or_not() -> None:
    moments = array(["2020-01-01", "NaT"], "M8[ns]"), array(["2020-01-02", "NaT"], "M8[ns]")
    found = compare(*moments, absolute=1e30)
    assert [d.recorded for d in found.differences] == ["2020-01-01T00:00:00.000000000"]


@pytest.mark.parametrize("dtype", ["S3", "U3", "O"])
def test_texts_are_compared_as_they_are(dtype: str) -> None:
    found = compare(array(["abc", "d"], dtype), array(["abd", "d"], dtype))
    assert (found.count, found.values) == (1, 2)


def test_truth_values_are_compared() -> None:
    assert compare([True, False], [True, True], absolute=5).count == 1


def test_records_are_compared_by_field() -> None:
    dtype = np.dtype([("x", "f8"), ("at", [("y", "i4", (2,))])])
    one, other = np.zeros(2, dtype), np.zeros(2, dtype)
    other["at"]["y"][1, 0] = 7
    found = compare(one, other)
    assert [d.where for d in found.differences] == ["(1, 0), field at, field y"]


def test_lists_of_numbers_are_compared_as_wholes() -> None:
    one, other = np.empty(2, object), np.empty(2, object)
    one[:] = [np.array([1.0, 2.0]), np.array([1])]
    other[:] = [np.array([1.0, 2.0 + 1e-9]), np.array([1, 2])]
    found = compare(one, other, relative=1e-6)
    assert [d.where for d in found.differences] == ["(1,)"]
    assert found.largest_absolute == pytest.approx(1e-9)


def test_a_fill_value_on_one_side_is_no_amount() -> None:
    found = compare([1.0, -999.0], [-999.0, -999.0], absolute=1e6, fill=-999.0)
    assert (found.count, found.largest_absolute) == (1, None)


def test_a_scalar_has_one_place() -> None:
    assert [d.where for d in compare(1, 2).differences] == ["()"]


@pytest.mark.parametrize("dtype", ["i4", "u8", "f4", "f8"])
def test_arrays_and_single_numbers_are_judged_alike(dtype: str) -> None:
    chance = random.Random(7)
    for _ in range(200):
        recorded = array([chance.randint(0, 1000) for _ in range(20)], dtype)
        replayed = recorded + array([chance.choice([0, 0, 1, 2]) for _ in range(20)], dtype)
        tolerance = Tolerance(chance.choice([0.0, 1e-3, 1e-2]), chance.choice([0.0, 1.0]))
        pairs = zip(recorded.tolist(), replayed.tolist(), strict=True)
        single = [apart(a, b, tolerance) for a, b in pairs]
        found = compare(recorded, replayed, tolerance.relative, tolerance.absolute)
        assert found.count == sum(one is not None and not one.within for one in single)
