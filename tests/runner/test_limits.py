from __future__ import annotations

import pytest

from snakemake_renku.model import JobSpec
from snakemake_renku.runner.limits import MB, Judge, Limits, Notice, Stop

TOLD = Limits(mem_bytes=1000 * MB, runtime_s=60.0)
ENFORCED = Limits(mem_bytes=1000 * MB, runtime_s=60.0, enforce=True)


def test_limits_are_what_the_job_asked_for_in_bytes_and_seconds() -> None:
    job = JobSpec("1.1", "r", "1", 1, "direct", (), resources={"mem_mb": 2000, "runtime": 5})
    assert Limits.of(job, enforce=True) == Limits(2_000_000_000, 300.0, True)


def test_a_job_that_asks_for_nothing_has_no_limits() -> None:
    job = JobSpec("1.1", "r", "1", 1, "direct", ())
    judge = Judge(Limits.of(job, enforce=True))
    assert judge.see(mem_bytes=10**15, elapsed_s=10.0**9) == []
    assert (judge.exceeded, judge.stop, judge.remaining(5.0)) == ((), None, None)


def test_using_exactly_what_was_asked_is_within_the_limits() -> None:
    judge = Judge(ENFORCED)
    assert judge.see(mem_bytes=1000 * MB, elapsed_s=60.0) == []
    assert judge.stop is None


def test_each_excess_is_told_once() -> None:
    judge = Judge(TOLD)
    assert [n.resource for n in judge.see(mem_bytes=1001 * MB, elapsed_s=1.0)] == ["mem_mb"]
    assert judge.see(mem_bytes=1200 * MB, elapsed_s=2.0) == []
    assert [n.resource for n in judge.see(mem_bytes=1200 * MB, elapsed_s=61.0)] == ["runtime"]
    assert judge.see(mem_bytes=1300 * MB, elapsed_s=62.0) == []
    assert judge.exceeded == ("mem_mb", "runtime")


def test_without_enforcement_no_job_is_stopped() -> None:
    judge = Judge(TOLD)
    judge.see(mem_bytes=5000 * MB, elapsed_s=600.0)
    assert judge.stop is None


def test_the_notice_tells_what_was_used_what_was_asked_and_what_to_do() -> None:
    assert Judge(TOLD).see(mem_bytes=1234 * MB) == [
        Notice(
            "mem_mb",
            "used 1,234 MB but asked for mem_mb=1000: it would have been killed on a cluster; "
            "raise mem_mb (or let it grow with attempt)",
        )
    ]


def test_an_excess_of_one_byte_does_not_read_as_the_limit_itself() -> None:
    [notice] = Judge(TOLD).see(mem_bytes=1000 * MB + 1)
    assert notice.message.startswith("used 1,001 MB but asked for mem_mb=1000:")


def test_an_enforced_memory_limit_stops_the_job() -> None:
    judge = Judge(ENFORCED)
    judge.see(mem_bytes=1500 * MB)
    assert judge.stop == Stop(
        "out_of_memory",
        "used 1,500 MB but asked for mem_mb=1000: stopped; "
        "raise mem_mb (or let it grow with attempt)",
    )


@pytest.mark.parametrize(
    ("elapsed", "said"), [(60.5, "1 min 0 s"), (605.0, "10 min 5 s"), (7325.0, "2 h 2 min 5 s")]
)
def test_an_enforced_runtime_stops_the_job(elapsed: float, said: str) -> None:
    judge = Judge(ENFORCED)
    judge.see(elapsed_s=elapsed)
    assert judge.stop == Stop(
        "timeout",
        f"ran for {said} but asked for runtime=1 (minutes): stopped; "
        "raise runtime (or let it grow with attempt)",
    )


def test_the_first_reason_to_stop_stands() -> None:
    judge = Judge(ENFORCED)
    judge.see(elapsed_s=61.0)
    judge.see(mem_bytes=2000 * MB, elapsed_s=62.0)
    assert judge.stop is not None
    assert judge.stop.kind == "timeout"
    assert judge.exceeded == ("runtime", "mem_mb")


def test_what_is_left_of_the_runtime_counts_down_to_nothing() -> None:
    judge = Judge(ENFORCED)
    assert [judge.remaining(t) for t in (0.0, 59.0, 60.0)] == [60.0, 1.0, 0.0]
    judge.see(elapsed_s=60.5)
    assert judge.remaining(60.5) is None


def test_a_kill_by_the_kernel_is_told_as_such() -> None:
    judge = Judge(ENFORCED)
    assert judge.killed_by_kernel(999 * MB) == Stop(
        "out_of_memory",
        "tried to use more memory than its mem_mb=1000 (its peak was 999 MB): the kernel stopped "
        "it; raise mem_mb (or let it grow with attempt)",
    )
    assert judge.exceeded == ("mem_mb",)
