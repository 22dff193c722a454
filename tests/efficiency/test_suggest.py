"""What is suggested, for each way in which a rule asks too much, too little, or nothing."""

from __future__ import annotations

import msgspec
import pytest

from snakemake_renku.efficiency import RuleUse, Spread, Suggestion, reliance, suggest

MB = 1e6


def same(number: float) -> Spread:
    return Spread(number, number, number)


FITS = RuleUse(
    rule="align",
    jobs=10,
    ok=10,
    measured=10,
    seen=10,
    asked_memory=same(1500 * MB),
    memory=Spread(500 * MB, 900 * MB, 1100 * MB),
    asked_cores=same(4),
    cores=Spread(3.1, 3.6, 3.9),
    asked_time=same(15 * 60),
    time=Spread(100, 300, 9 * 60),
)


def change(**fields: object) -> RuleUse:
    return msgspec.structs.replace(FITS, **fields)


def only(use: RuleUse) -> Suggestion:
    (found,) = suggest(use)
    return found


def test_a_rule_that_fits_gets_no_word() -> None:
    assert suggest(FITS) == []
    assert reliance(FITS) == ""


def test_memory_that_is_not_needed() -> None:
    found = only(change(asked_memory=same(8000 * MB)))
    words = "mem_mb=1400 would do (peak 1.1 GB + 25 %)"
    assert found == Suggestion("mem_mb", "lower", words, 1400)


def test_a_little_too_much_memory_is_not_worth_a_word() -> None:
    assert suggest(change(asked_memory=same(2000 * MB))) == []


def test_memory_that_was_not_asked_for() -> None:
    found = only(change(asked_memory=None))
    assert found.words == "asked for no memory: mem_mb=1400 (peak 1.1 GB + 25 %)"
    assert found.kind == "ask"


def test_more_memory_used_than_asked() -> None:
    found = only(change(asked_memory=same(1000 * MB), over_memory=2))
    assert found.words == "mem_mb=1400 (peak 1.1 GB + 25 %): 2 jobs used more than asked"
    assert (found.kind, found.value) == ("raise", 1400)


def test_jobs_killed_for_memory_and_others_that_tell_what_would_do() -> None:
    found = only(change(killed_for_memory=3, killed_at=1000 * MB))
    assert found.words == (
        "killed for memory 3 times (at mem_mb=1000): mem_mb=1400 (peak 1.1 GB + 25 %)"
    )


def test_jobs_killed_for_memory_at_more_than_the_others_used() -> None:
    found = only(change(killed_for_memory=1, killed_at=1500 * MB))
    assert found.words == "killed for memory once (at mem_mb=1500): raise mem_mb"
    assert found.value is None


def test_a_rule_of_which_no_job_ended_well() -> None:
    use = RuleUse(rule="a", jobs=2, killed_for_memory=2, killed_at=500 * MB, killed_for_time=1)
    assert [each.words for each in suggest(use)] == [
        "killed for memory 2 times (at mem_mb=500): raise mem_mb",
        "stopped at its time limit once: raise runtime",
    ]
    assert reliance(use) == "none ended well"


def test_a_peak_that_could_not_be_seen() -> None:
    found = only(change(memory=None, seen=0))
    assert (found.kind, found.words) == ("none", "too short to see how much memory it uses")


def test_cores_that_are_not_used() -> None:
    found = only(change(cores=Spread(0.5, 0.9, 1.02)))
    assert found.words == "threads=1 would do: 1.02 of 4 cores were used"
    assert found.value == 1


def test_more_cores_used_than_asked() -> None:
    found = only(change(asked_cores=same(1), cores=Spread(3.0, 3.5, 3.9)))
    assert found.words.startswith("used 3.9 cores but asked for 1 core: threads=4")
    assert found.kind == "raise"


def test_cores_of_short_jobs_are_not_judged() -> None:
    found = only(change(cores=same(0.1), time=same(0.5), asked_time=same(60)))
    assert (found.resource, found.kind) == ("threads", "none")


def test_a_runtime_that_is_not_needed() -> None:
    found = only(change(asked_time=same(120 * 60)))
    assert found.words == "runtime=12 would do (longest 9:00 min + 25 %)"


def test_a_runtime_that_was_not_asked_for() -> None:
    assert only(change(asked_time=None)).words.startswith("asked for no runtime: runtime=12 ")


def test_a_few_minutes_of_runtime_are_not_worth_a_word() -> None:
    assert suggest(change(asked_time=same(5 * 60), time=same(20))) == []


def test_a_runtime_that_was_too_short() -> None:
    found = only(change(killed_for_time=1))
    assert found.words == "runtime=12 (longest 9:00 min + 25 %): stopped at its time limit once"
    found = only(change(over_time=2))
    assert found.words.endswith(": 2 jobs took longer than asked")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ok": 1, "measured": 1}, "from 1 job only"),
        ({"measured": 2, "ok": 9}, "from 2 jobs only"),
        ({"measured": 0}, "not measured"),
        ({"measured": 5, "ok": 9}, "from 5 of 9 jobs"),
    ],
)
def test_it_is_said_where_there_is_little_to_go_by(fields: dict[str, int], words: str) -> None:
    assert reliance(change(**fields)) == words
