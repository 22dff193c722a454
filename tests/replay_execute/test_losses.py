"""Backends that go away again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from snakemake_renku.backends.memory import MemoryBackend
from snakemake_renku.errors import RenkuError
from snakemake_renku.journal import JournalWriter, Redactor, RunGraph, RunHistory
from snakemake_renku.model import JobSpec, RunInfo
from snakemake_renku.replay.execute import Event, Places
from snakemake_renku.replay.execute.images import Images
from snakemake_renku.replay.execute.jobs import Jobs
from snakemake_renku.replay.execute.runner import Runner
from snakemake_renku.replay.execute.workspace import Workspace

from .test_obstacles import plain_job


class Falling(MemoryBackend):
    """Takes jobs, and is lost with them."""

    def submit(self, specs: Sequence[JobSpec]) -> None:
        super().submit(specs)
        self.lose("It fell.")


class Obedient(MemoryBackend):
    """Runs each job at once, which makes nothing."""

    def submit(self, specs: Sequence[JobSpec]) -> None:
        super().submit(specs)
        for spec in specs:
            self.start(spec.id)
            self.end(spec.id)


def runner(folder: Path, backends: list[Callable[[], MemoryBackend]]) -> tuple[Runner, Path]:
    """For two jobs, the second of which reads what the first makes."""
    (folder / ".git").mkdir()
    for name in ("a.txt", "b.txt", "c.txt"):
        (folder / name).touch()
    info = RunInfo("run", 0.0, str(folder), "Snakefile", "local", "host", "user", 1, "9", "0")
    run = RunHistory(folder / "run.jsonl", info)
    first = plain_job(run, "1.1", "a.txt", "b.txt", 10.0)
    second = plain_job(run, "2.1", "b.txt", "c.txt", 20.0)
    run.jobs = {"1.1": first, "2.1": second}
    places = Places(str(folder), folder)
    jobs = Jobs(run, RunGraph(run).jobs, places, Images(places, folder, lambda message: None), "x")
    journal = JournalWriter(folder, "x", Redactor({}))
    events: list[Event] = []
    open_next = iter(backends)
    return (
        Runner(jobs, Workspace(places), lambda: next(open_next)(), journal, events.append, "host"),
        journal.path,
    )


def test_jobs_are_given_to_a_new_backend_a_few_times(tmp_path: Path) -> None:
    replay, _ = runner(tmp_path, [Falling, Falling, Obedient])
    executed = replay.run()
    first = executed["1.1"].record
    assert first is not None
    assert first.id == "1.1+2"
    (failure,) = [first.failure]
    assert failure is not None
    assert failure.message == "It did not make: b.txt."


def test_a_replay_ends_when_no_backend_stays(tmp_path: Path) -> None:
    replay, _ = runner(tmp_path, [Falling] * 4)
    executed = replay.run()
    first = executed["1.1"].record
    assert first is not None
    assert first.failure is not None
    assert (first.failure.kind, first.failure.message) == ("node_lost", "It fell.")
    assert executed["2.1"].record is None


def test_a_replay_that_cannot_go_on_closes_its_journal(tmp_path: Path) -> None:
    def none() -> MemoryBackend:
        raise RenkuError("There is no backend.")

    replay, journal = runner(tmp_path, [none])
    with pytest.raises(RenkuError, match="There is no backend"):
        replay.run()
    assert b'"status":"failed"' in journal.read_bytes()
