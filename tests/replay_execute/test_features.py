"""All that a workflow may use, run once, cloned, and executed again in the clone."""

from __future__ import annotations

import os

import pytest

from snakemake_renku.journal import find_run, read_run
from snakemake_renku.replay.execute import Began, Ended

from .conftest import Project, Replay, replay


@pytest.fixture(scope="module")
def replayed(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    clone = project.clone(tmp_path_factory.mktemp("clones") / "clone")
    return replay(project, clone, cores=4)


RULES = [
    "shell", "script", "config", "first", "last", "scatter", "each", "gather", "count",
    "group_b", "out_of_pipe", "at_home", "shadowed", "run", "touched", "append", "absolute",
    "threads", "odd",
]  # fmt: skip


def test_every_job_is_executed_and_ends_well(replayed: Replay) -> None:
    bad = {id: executed for id, executed in replayed.executed.items() if not executed.ok}
    assert bad == {}


@pytest.mark.parametrize("rule", RULES)
def test_what_a_rule_makes_is_made_again(replayed: Replay, rule: str) -> None:
    assert replayed.recorded(rule)
    assert replayed.recorded(rule).items() <= replayed.replayed(rule).items()


def test_more_cores_than_recorded_give_no_job_more_threads(replayed: Replay) -> None:
    assert (replayed.clone / "out/threads.txt").read_text() == "2\n"


def test_what_was_made_before_is_not_touched(replayed: Replay, project: Project) -> None:
    (job,) = replayed.jobs("absolute")
    recorded = job.record.steps[0].output[0] if job.record else None
    place = project.workdir / "out/absolute.txt"
    assert recorded is not None
    assert recorded.path == str(place)
    assert place.stat().st_mtime < replayed.events[0].time


def test_temporary_files_stay_until_the_replay_is_judged(replayed: Replay) -> None:
    assert (replayed.clone / "tmp/first.txt").read_text() == "first\n"


def test_jobs_start_after_those_whose_files_they_read(replayed: Replay) -> None:
    (last,) = replayed.jobs("last")
    (first,) = replayed.jobs("first")
    told = [(type(event), getattr(event, "id", None)) for event in replayed.events]
    assert told.index((Ended, first.spec.id)) < told.index((Began, last.spec.id))


def test_the_replay_has_a_journal_of_its_own(replayed: Replay) -> None:
    journal = read_run(find_run(replayed.clone))
    assert journal.status == "success"
    assert journal.info.workdir == os.path.realpath(replayed.clone)
    assert set(journal.jobs) == set(replayed.executed)
    assert all(journal.state(job) == "success" for job in journal.jobs.values())


def test_plain_commands_need_no_snakemake_beside_them(replayed: Replay) -> None:
    executed = replayed.one("shell")
    assert executed.record is not None
    assert executed.record.mode == "direct"
