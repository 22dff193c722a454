from typing import Any

import pytest

from snakemake_renku.progress.state import RunProgress


def start(progress: RunProgress, jobid: int, rule: str = "align", now: float = 0.0) -> None:
    fields: dict[str, Any] = {"jobid": jobid, "rule_name": rule, "wildcards": {"sample": "A"}}
    progress.apply("job_info", fields, now)


def finish(progress: RunProgress, jobid: int, now: float = 1.0) -> None:
    progress.apply("job_finished", {"job_id": jobid}, now)


def fail(progress: RunProgress, jobid: int, now: float = 1.0) -> None:
    progress.apply("job_error", {"jobid": jobid}, now)


def planned(**stats: int) -> RunProgress:
    progress = RunProgress()
    progress.apply("run_info", {"stats": {**stats, "total": sum(stats.values())}}, 0.0)
    return progress


def test_the_plan_gives_each_rule_its_total() -> None:
    progress = planned(align=3, sort=2)
    assert progress.total == 5
    assert {name: rule.total for name, rule in progress.rules.items()} == {"align": 3, "sort": 2}


def test_a_started_job_is_running() -> None:
    progress = planned(align=3)
    start(progress, 1)
    assert (progress.running, progress.done, progress.failed) == (1, 0, 0)


def test_a_finished_job_is_done_and_no_longer_running() -> None:
    progress = planned(align=3)
    start(progress, 1)
    finish(progress, 1)
    assert (progress.running, progress.done) == (0, 1)


def test_a_job_that_finishes_twice_is_counted_once() -> None:
    progress = planned(align=3)
    start(progress, 1)
    finish(progress, 1)
    finish(progress, 1)
    assert progress.done == 1


def test_a_failed_job_is_counted_as_failed() -> None:
    progress = planned(align=3)
    start(progress, 1)
    fail(progress, 1)
    assert (progress.running, progress.failed) == (0, 1)


def test_an_error_told_twice_is_one_failed_job() -> None:
    progress = planned(align=3)
    start(progress, 1)
    fail(progress, 1)
    fail(progress, 1)
    assert progress.failed == 1


def test_a_retried_job_is_running_and_not_failed() -> None:
    progress = planned(align=3)
    start(progress, 1)
    fail(progress, 1)
    start(progress, 1)
    assert (progress.running, progress.failed) == (1, 0)
    assert progress.jobs["1"].attempts == 2


def test_a_job_that_waits_for_its_retry_is_not_failed() -> None:
    progress = planned(align=3)
    start(progress, 1)
    fail(progress, 1)
    progress.apply(None, {"msg": "Trying to restart job 1."}, 2.0)
    assert (progress.running, progress.failed, progress.done) == (0, 0, 0)


def test_a_job_that_succeeds_at_its_second_attempt_is_done() -> None:
    progress = planned(align=1)
    start(progress, 1)
    fail(progress, 1)
    start(progress, 1)
    finish(progress, 1)
    assert (progress.done, progress.failed, progress.running) == (1, 0, 0)


def test_a_checkpoint_raises_the_total() -> None:
    progress = planned(scatter=1)
    progress.apply("progress", {"done": 1, "total": 12}, 1.0)
    assert progress.total == 12


def test_jobs_beyond_the_plan_raise_the_total_of_their_rule() -> None:
    progress = planned(align=1)
    start(progress, 1)
    start(progress, 2)
    assert progress.rules["align"].total == 2


def test_a_rule_that_no_plan_knew_is_counted() -> None:
    progress = planned(scatter=1)
    start(progress, 7, rule="gather")
    assert progress.rules["gather"].running == 1


@pytest.mark.parametrize("event", ["rulegraph", "something_new", "group_info", None, ""])
def test_unknown_events_change_nothing(event: str | None) -> None:
    progress = planned(align=1)
    assert progress.apply(event, {"jobid": 1}, 1.0) is None
    assert (progress.total, progress.running) == (1, 0)


@pytest.mark.parametrize("event", ["job_info", "job_finished", "job_error", "progress", "run_info"])
def test_events_that_lack_what_they_should_say_change_nothing(event: str) -> None:
    progress = planned(align=1)
    assert progress.apply(event, {}, 1.0) is None
    assert (progress.total, progress.running, progress.done, progress.failed) == (1, 0, 0, 0)


def test_the_end_of_an_unknown_job_changes_nothing() -> None:
    progress = planned(align=1)
    finish(progress, 99)
    fail(progress, 98)
    assert (progress.done, progress.failed) == (0, 0)


def test_there_is_no_estimate_before_anything_is_done() -> None:
    progress = planned(align=2)
    start(progress, 1)
    assert progress.eta(5.0) is None


def test_jobs_one_after_the_other_take_their_mean_time_each() -> None:
    progress = planned(align=4)
    start(progress, 1, now=0.0)
    finish(progress, 1, now=10.0)
    assert progress.eta(10.0) == pytest.approx(30.0)


def test_two_jobs_at_a_time_take_half_as_long() -> None:
    progress = planned(align=6)
    for job in (1, 2):
        start(progress, job, now=0.0)
    for job in (1, 2):
        finish(progress, job, now=10.0)
    assert progress.eta(10.0) == pytest.approx(20.0)


def test_the_estimate_knows_that_rules_differ_in_length() -> None:
    progress = planned(long=2, quick=2)
    start(progress, 1, "long", now=0.0)
    finish(progress, 1, now=100.0)
    start(progress, 2, "quick", now=100.0)
    finish(progress, 2, now=101.0)
    assert progress.eta(101.0) == pytest.approx(101.0)


def test_what_a_running_job_has_done_already_is_not_left() -> None:
    progress = planned(align=2)
    start(progress, 1, now=0.0)
    finish(progress, 1, now=10.0)
    start(progress, 2, now=10.0)
    assert progress.eta(16.0) == pytest.approx(4.0)
