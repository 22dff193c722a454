"""The order in which jobs may start."""

from __future__ import annotations

from snakemake_renku.replay.execute.walk import Walk


def started(walk: Walk) -> dict[str, str | None]:
    return dict(walk.take())


def test_a_job_starts_when_all_its_parents_have_ended() -> None:
    walk = Walk(["a", "b", "c"], {"c": ["a", "b"]})
    assert started(walk) == {"a": None, "b": None}
    walk.settle("a", ok=True)
    assert started(walk) == {}
    walk.settle("b", ok=True)
    assert started(walk) == {"c": None}
    walk.settle("c", ok=True)
    assert walk.over


def test_a_job_whose_parent_did_not_end_well_is_told_which() -> None:
    walk = Walk(["a", "b", "c"], {"b": ["a"], "c": ["b"]})
    assert started(walk) == {"a": None}
    walk.settle("a", ok=False)
    assert started(walk) == {"b": "a"}
    walk.settle("b", ok=False)
    assert started(walk) == {"c": "b"}


def test_a_job_that_merely_comes_after_another_starts_whatever_became_of_that() -> None:
    walk = Walk(["a", "b"], {}, {"b": ["a"]})
    assert started(walk) == {"a": None}
    walk.settle("a", ok=False)
    assert started(walk) == {"b": None}


def test_a_job_never_waits_for_itself() -> None:
    assert started(Walk(["a"], {"a": ["a"]}, {"a": ["a"]})) == {"a": None}
