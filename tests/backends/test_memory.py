from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from snakemake_renku.backends import Backend, BackendEvent, JobEnded, JobPrinted, JobRuns, Lost
from snakemake_renku.backends.base import Closed, FilesHashed
from snakemake_renku.backends.memory import MemoryBackend
from snakemake_renku.model import Failure, FileRef, FileSpec, JobSpec, Step


def spec(job: str) -> JobSpec:
    return JobSpec(job, "run", job, 1, "direct", (Step("rule", "shell"),))


def hear(backend: Backend, seen: Callable[[BackendEvent], None] = lambda _: None) -> list[object]:
    """Every event until the stream ends; ``seen`` is called with each as it comes."""

    async def listen() -> list[object]:
        heard: list[object] = []
        async for event in backend.events():
            heard.append(event)
            seen(event)
        return heard

    return asyncio.run(asyncio.wait_for(listen(), 10))


def test_a_job_starts_prints_and_ends_when_the_test_says_so() -> None:
    backend = MemoryBackend()
    backend.submit([spec("1"), spec("2")])
    assert list(backend.jobs) == ["1", "2"]
    backend.start("2", pid=7)
    backend.print("2", b"hello", stream=2)
    backend.end("2")
    assert list(backend.jobs) == ["1"]
    backend.end("1", Failure("error", "It broke.", exit_code=3))
    backend.close()
    runs, printed, second, first, closed = hear(backend)
    assert isinstance(runs, JobRuns)
    assert runs.pid == 7
    assert printed == JobPrinted("2", 2, b"hello")
    assert isinstance(second, JobEnded)
    assert second.record.ok
    assert (second.record.pid, second.record.started) == (7, runs.time)
    assert isinstance(first, JobEnded)
    assert first.record.failure == Failure("error", "It broke.", exit_code=3)
    assert first.record.exit_code == 3
    assert closed == Closed(0.0)


def test_it_closes_only_when_the_last_job_has_ended() -> None:
    backend = MemoryBackend()
    backend.submit([spec("1")])
    backend.start("1")
    backend.close()
    heard = hear(backend, lambda event: backend.end("1") if isinstance(event, JobRuns) else None)
    assert [type(event) for event in heard] == [JobRuns, JobEnded, Closed]


def test_what_another_thread_says_wakes_the_listener() -> None:
    backend = MemoryBackend()
    backend.submit([spec("1"), spec("2")])
    backend.start("1")
    others = []

    def go_on(event: BackendEvent) -> None:
        if isinstance(event, JobRuns):
            others.append(threading.Thread(target=backend.cancel))
            others[0].start()
            backend.close()

    heard = hear(backend, go_on)
    others[0].join()
    kinds = [e.record.failure.kind for e in heard if isinstance(e, JobEnded) and e.record.failure]
    assert kinds == ["cancelled", "cancelled"]


def test_only_the_jobs_named_are_cancelled() -> None:
    backend = MemoryBackend()
    backend.submit([spec("1"), spec("2")])
    backend.cancel(["2", "unknown"])
    assert list(backend.jobs) == ["1"]


def test_a_lost_backend_says_nothing_more() -> None:
    backend = MemoryBackend()
    backend.submit([spec("1")])
    backend.lose("The node is gone.")
    backend.submit([spec("2")])
    backend.close()
    assert backend.jobs == {}
    assert hear(backend) == [Lost("The node is gone.")]


def test_files_have_the_digests_that_it_was_given() -> None:
    backend = MemoryBackend({"a": "sha256:00"})
    backend.hash_files(5, [FileSpec("a")], [FileSpec("b")])
    backend.close()
    found = FileRef("a", "input", "file", "sha256:00"), FileRef("b", "output", "missing")
    assert hear(backend)[0] == FilesHashed(5, found[:1], found[1:])


def test_a_job_that_it_does_not_have_cannot_end() -> None:
    with pytest.raises(KeyError):
        MemoryBackend().end("1")
