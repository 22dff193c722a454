from __future__ import annotations

import pytest

from snakemake_renku.errors import SettingsError
from snakemake_renku.escalation import Escalation

OPEN = (None, None)


def test_a_number_is_a_factor_for_both() -> None:
    assert Escalation.parse("1.5") == Escalation(1.5, 1.5)


def test_each_may_have_its_own() -> None:
    assert Escalation.parse("mem_mb=2,runtime=3") == Escalation(2, 3)
    assert Escalation.parse("runtime=3") == Escalation(1, 3)


@pytest.mark.parametrize(
    "text", ["", "x", "0.5", "101", "mem=2", "mem_mb=", "mem_mb=x", "2,3", "nan"]
)
def test_what_is_no_factor_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        Escalation.parse(text)


def test_by_default_nothing_grows() -> None:
    assert Escalation.parse(None).more("out_of_memory", {"mem_mb": 100}, OPEN, 1) is None


def test_memory_grows_after_a_lack_of_it_and_time_after_a_lack_of_that() -> None:
    both = Escalation(2, 1.5)
    asked = {"mem_mb": 101, "runtime": 11}
    assert both.more("out_of_memory", asked, OPEN, 1) == {"mem_mb": 202}
    assert both.more("timeout", asked, OPEN, 1) == {"runtime": 17}
    assert both.more("error", asked, OPEN, 1) is None
    assert both.more("node_lost", asked, OPEN, 1) is None


def test_the_limit_of_the_place_is_reached_but_not_passed() -> None:
    twice = Escalation(2, 2)
    assert twice.more("out_of_memory", {"mem_mb": 100}, (150, None), 1) == {"mem_mb": 150}
    assert twice.more("out_of_memory", {"mem_mb": 150}, (150, None), 2) is None


def test_it_ends_after_some_times() -> None:
    assert Escalation(2, 2).more("out_of_memory", {"mem_mb": 1}, OPEN, 5) is not None
    assert Escalation(2, 2).more("out_of_memory", {"mem_mb": 1}, OPEN, 6) is None


def test_what_was_not_asked_for_cannot_grow() -> None:
    assert Escalation(2, 2).more("out_of_memory", {}, OPEN, 1) is None
    assert Escalation(2, 2).more("timeout", {"runtime": "<TBD>"}, OPEN, 1) is None


def test_memory_of_each_core_grows_where_that_is_asked_for() -> None:
    asked = {"mem_mb": 1000, "mem_mb_per_cpu": 100}
    grown = Escalation(2, 2).more("out_of_memory", asked, (150, None), 1)
    assert grown == {"mem_mb_per_cpu": 150}
