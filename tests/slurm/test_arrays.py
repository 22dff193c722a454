"""Jobs put together into arrays, how often Slurm is asked, and batches found again."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

from snakemake_renku.backends.slurm.arrays import Wanted, batches, comment, script, submission
from snakemake_renku.backends.slurm.client import Request, TaskState
from snakemake_renku.backends.slurm.left import LeftBatch, assign
from snakemake_renku.backends.slurm.pace import Pace
from snakemake_renku.runner import spool

from .pretended import spec

SMALL, BIG = Request(mem_mb=100), Request(mem_mb=900)


def sizes(jobs: list[Wanted], most: int) -> list[int]:
    return [len(group) for group in batches(jobs, most)]


def test_alike_jobs_go_together_urgent_ones_first() -> None:
    jobs = [Wanted(spec(i, priority=i % 2), BIG if i == 4 else SMALL) for i in range(6)]
    found = [[job.spec.jobid for job in group] for group in batches(jobs, 1001)]
    assert found == [["1", "3", "5"], ["0", "2"], ["4"]]


def test_an_array_is_not_longer_than_slurm_or_we_permit() -> None:
    jobs = [Wanted(spec(i), SMALL) for i in range(2500)]
    assert sizes(jobs, 100_001) == [1000, 1000, 500]
    assert sizes(jobs[:5], 3) == [2, 2, 1]
    assert sizes(jobs[:2], 1) == [1, 1]
    assert sizes([], 10) == []


def test_one_job_is_no_array(tmp_path: Path) -> None:
    def asked(count: int) -> object:
        group = [Wanted(spec(i), SMALL) for i in range(count)]
        return submission(
            group, name="run", workdir="/w", folder=tmp_path, batch="00001", throttle=4,
            environment={},
        )  # fmt: skip

    one, two = asked(1), asked(2)
    assert (one.tasks, one.throttle, two.tasks, two.throttle) == (None, None, 2, 4)
    assert one.output.endswith("00001/1.out")
    assert two.output.endswith("00001/%a.out")


def test_a_path_keeps_its_percent_signs() -> None:
    asked = submission(
        [Wanted(spec(1), SMALL)], name="run", workdir="/100%A", folder=Path("/100%A"),
        batch="00001", throttle=None, environment={},
    )  # fmt: skip
    assert (asked.output, asked.workdir) == ("/100%%A/00001/1.out", "/100%A")


def test_the_script_is_one_start_of_our_runner_whatever_the_path() -> None:
    _, line, _ = script(Path("/it's $HOME"), "00001").split("\n")
    words = shlex.split(line)
    assert words == [
        *("exec", sys.executable, "-P", "-m", "snakemake_renku.runner.task"),
        *("/it's $HOME", "00001"),
    ]


def test_the_comment_counts_rules() -> None:
    assert comment([spec(i) for i in range(3)]) == "rule*3"


# --- pace ---------------------------------------------------------------------------------------


def test_pace_slows_down_while_nothing_changes() -> None:
    pace = Pace(1.0, 3.0)
    assert pace.delay == 0
    delays = []
    for _ in range(5):
        pace.asked(changed=False)
        delays.append(round(pace.delay, 1))
    assert delays == [1.5, 2.2, 3.0, 3.0, 3.0]
    pace.soon()
    assert pace.delay <= 1.0


def test_news_does_not_hurry_who_is_slow_or_silent() -> None:
    pace = Pace(1.0, 10.0)
    pace.asked(changed=True, took_s=3.0)
    assert 29 < pace.delay <= 30
    pace.soon()
    assert 5 < pace.delay <= 6
    pace.asked(changed=True, took_s=100.0)
    assert pace.delay <= 60
    for wanted in (2.0, 4.0, 8.0, 10.0):
        pace.back_off()
        pace.soon()
        assert wanted - 0.1 < pace.delay <= wanted


def test_who_does_not_answer_is_never_asked_at_once() -> None:
    pace = Pace(0.0, 30.0)
    pace.back_off()
    assert pace.delay > 0.9


# --- batches that an earlier run left ----------------------------------------------------------


def batch(count: int, job: int | None = None, begun: tuple[int, ...] = ()) -> LeftBatch:
    note = None if job is None else spool.Submitted(job, time.time(), count > 1)
    return LeftBatch(Path("run/00001"), count, 0, note, frozenset(begun))


def pending(job: int, *tasks: int | None) -> list[TaskState]:
    return [TaskState(job, task, "PENDING") for task in tasks]


def numbers(found: list[LeftBatch]) -> list[int | None]:
    return [None if each.note is None else each.note.job for each in found]


def test_a_batch_that_was_not_noted_is_found_in_slurm() -> None:
    states = pending(5, 1, 2) + pending(6, 1, 2, 3)
    assert numbers(assign([batch(2, 5), batch(3)], states)) == [5, 6]


def test_the_word_of_its_runners_goes_first() -> None:
    states = pending(6, 1, 2) + pending(7, 1, 2)
    assert numbers(assign([batch(2), batch(2, begun=(6,))], states)) == [7, 6]
    assert numbers(assign([batch(2, begun=(6,))], [])) == [6]


def test_a_job_that_cannot_be_the_batch_is_not_taken_for_it() -> None:
    assert numbers(assign([batch(2)], pending(6, 1, 2, 3))) == [None]
    assert numbers(assign([batch(1)], pending(6, 1))) == [None]
    assert numbers(assign([batch(2)], pending(6, None))) == [None]
    assert numbers(assign([batch(2)], [])) == [None]
    # Of tasks that were cancelled while they waited, Slurm keeps no trace.
    assert numbers(assign([batch(5)], pending(6, 2, 5))) == [6]
    assert numbers(assign([batch(1)], pending(6, None))) == [6]
