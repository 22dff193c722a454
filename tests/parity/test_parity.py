"""Whatever starts a job, nobody can tell from what it leaves which executor it was."""

from __future__ import annotations

import pytest

from .cases import CASES
from .harness import BUILT_IN, Case, Results, differences


@pytest.mark.parametrize(
    ("case", "start"),
    [pytest.param(case, s, id=f"{case.name}-{s}") for case in CASES for s in case.starts],
)
def test_a_run_leaves_what_snakemakes_own_executor_leaves(
    case: Case, start: str, results: Results
) -> None:
    reason = case.needs()
    if reason is not None:
        pytest.skip(reason)
    expected, result = results.get(case, BUILT_IN), results.get(case, start)
    for each in (expected, result):
        print(f"--- {each.start}", each.stderr, each.dry[-500:], sep="\n")  # shown if this fails
    assert differences(case, expected, result) == []
    case.check(result)
