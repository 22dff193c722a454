from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from snakemake_renku.backends.base import (
    Backend,
    BackendEvent,
    Closed,
    FilesHashed,
    JobEnded,
    Said,
)
from snakemake_renku.backends.memory import MemoryBackend
from snakemake_renku.backends.routed import RoutedBackend
from snakemake_renku.errors import BackendUnavailable
from snakemake_renku.model import FileSpec, JobSpec, Step


def spec(job: str, where: str) -> JobSpec:
    resources = {"backend": where}
    return JobSpec(job, "run", job, 1, "direct", (Step("rule", "shell"),), resources=resources)


class Lab:
    """A routed backend over twins in memory; every opening of one is kept."""

    def __init__(self) -> None:
        self.opened: dict[str, list[MemoryBackend]] = {"local": [], "far": []}
        self.routed = RoutedBackend(
            "far",
            {"local": self.opener("local"), "far": self.opener("far"), "broken": self.broken},
            lambda job: str(job.resources["backend"]),
            first="far",
        )
        self.heard: queue.Queue[BackendEvent] = queue.Queue()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def opener(self, name: str) -> Callable[[], Backend]:
        def open_one() -> Backend:
            self.opened[name].append(MemoryBackend({"in": "sha256:1"}))
            return self.opened[name][-1]

        return open_one

    def broken(self) -> Backend:
        raise BackendUnavailable("It is not here.")

    def _listen(self) -> None:
        async def move() -> None:
            async for event in self.routed.events():
                self.heard.put(event)

        asyncio.run(move())

    def next(self, kind: type[BackendEvent]) -> BackendEvent:
        while True:
            event = self.heard.get(timeout=5)
            if isinstance(event, kind):
                return event


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    for backends in lab.opened.values():
        for backend in backends:
            backend.cancel()
            backend.close()


def kind_of(event: BackendEvent) -> str | None:
    assert isinstance(event, JobEnded)
    return None if event.record.failure is None else event.record.failure.kind


def test_each_job_goes_to_its_backend_which_is_opened_when_needed(lab: Lab) -> None:
    assert lab.opened["local"] == []
    lab.routed.submit([spec("1", "far"), spec("2", "local")])
    assert list(lab.opened["far"][0].jobs) == ["1"]
    assert list(lab.opened["local"][0].jobs) == ["2"]
    lab.opened["local"][0].end("2")
    assert kind_of(lab.next(JobEnded)) is None


def test_it_is_closed_when_all_are(lab: Lab) -> None:
    lab.routed.submit([spec("1", "far"), spec("2", "local")])
    lab.routed.close()
    lab.opened["far"][0].end("1")
    lab.opened["local"][0].end("2")
    lab.next(Closed)
    lab.thread.join(5)
    assert not lab.thread.is_alive()


def test_files_are_hashed_here(lab: Lab) -> None:
    lab.routed.hash_files(7, [FileSpec("in")], [])
    found = lab.next(FilesHashed)
    assert isinstance(found, FilesHashed)
    assert (found.token, found.input[0].digest) == (7, "sha256:1")


def test_jobs_of_a_lost_backend_are_lost_and_it_is_opened_again(lab: Lab) -> None:
    lab.routed.submit([spec("1", "far"), spec("2", "local")])
    lab.opened["far"][0].lose("It fell.")
    assert lab.next(Said) == Said("It fell.")
    assert kind_of(lab.next(JobEnded)) == "node_lost"
    lab.routed.submit([spec("1+1", "far")])
    assert list(lab.opened["far"][1].jobs) == ["1+1"]
    assert list(lab.opened["local"][0].jobs) == ["2"]


def test_one_that_is_lost_again_and_again_is_given_up_and_the_others_are_not(lab: Lab) -> None:
    for turn in range(4):
        lab.routed.submit([spec(str(turn), "far")])
        lab.opened["far"][turn].lose("It fell.")
        assert kind_of(lab.next(JobEnded)) == "node_lost"
    lab.routed.submit([spec("4", "far"), spec("5", "local")])
    assert kind_of(lab.next(JobEnded)) == "rejected"
    assert list(lab.opened["local"][0].jobs) == ["5"]


def test_a_backend_that_is_unknown_or_cannot_be_opened_refuses_its_jobs(lab: Lab) -> None:
    lab.routed.submit([spec("1", "nowhere")])
    assert kind_of(lab.next(JobEnded)) == "rejected"
    lab.routed.submit([spec("2", "broken")])
    event = lab.next(JobEnded)
    assert isinstance(event, JobEnded)
    assert event.record.failure is not None
    assert "It is not here." in event.record.failure.message


def test_cancelling_reaches_the_backend_of_the_job(lab: Lab) -> None:
    lab.routed.submit([spec("1", "far"), spec("2", "far"), spec("3", "local")])
    lab.routed.cancel(["2"])
    assert kind_of(lab.next(JobEnded)) == "cancelled"
    assert list(lab.opened["far"][0].jobs) == ["1"]
    lab.routed.cancel()
    assert {kind_of(lab.next(JobEnded)), kind_of(lab.next(JobEnded))} == {"cancelled"}
