"""The jobs of a run as a graph: who made what, and from whose outputs."""

from __future__ import annotations

import heapq
import os.path
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import PurePosixPath

from snakemake_renku.journal.read import JobHistory, RunHistory
from snakemake_renku.model import FileRef


def normal_path(path: str, workdir: str) -> str:
    """A path of a run as it is compared: relative to the working directory where it is inside."""
    path = os.path.normpath(path)
    if os.path.isabs(path):
        inside = os.path.relpath(path, workdir)
        return path if inside == ".." or inside.startswith("../") else inside
    return path


class RunGraph:
    """The good jobs of a run and their dependencies.

    ``jobs`` are, of each job, the attempt that ended well, in a topological order that follows the
    times of their ends. A job depends on another if it read a path (or a file below a folder) that
    the other was the last to write before it began.
    """

    def __init__(self, run: RunHistory) -> None:
        self.run = run
        self._good = [job for job in run.jobs.values() if job.record is not None and job.record.ok]
        self._good.sort(key=_end)
        self._makers: dict[str, list[JobHistory]] = {}
        for job in self._good:
            for ref in outputs(job):
                self._makers.setdefault(self.path(ref), []).append(job)
        self._parents = {job.spec.id: tuple(self._parents_of(job)) for job in self._good}
        self._children: dict[str, list[JobHistory]] = {}
        for job in self._good:
            for parent in self._parents[job.spec.id]:
                self._children.setdefault(parent.spec.id, []).append(job)
        self.jobs = tuple(self._sorted())

    def path(self, ref: FileRef) -> str:
        """The path of a file as this graph compares paths."""
        return normal_path(ref.path, self.run.info.workdir)

    def maker(self, path: str, before: float | None = None) -> JobHistory | None:
        """The last job (that ended by ``before``) that made ``path``, or a folder it is in.

        ``path`` is as :func:`normal_path` gives it.
        """
        for place in (path, *map(str, PurePosixPath(path).parents)):
            makers = self._makers.get(place)
            if makers:
                if before is None:
                    return makers[-1]
                position = bisect_right(makers, (before,), key=lambda job: (_end(job)[0],))
                return makers[max(0, position - 1)]
        return None

    def paths(self) -> Iterator[str]:
        """All paths that a job of the run made."""
        return iter(self._makers)

    def parents(self, job: JobHistory) -> tuple[JobHistory, ...]:
        """The jobs whose outputs ``job`` read."""
        return self._parents.get(job.spec.id, ())

    def children(self, job: JobHistory) -> tuple[JobHistory, ...]:
        """The jobs that read outputs of ``job``."""
        return tuple(self._children.get(job.spec.id, ()))

    def sources(self, job: JobHistory) -> tuple[FileRef, ...]:
        """The inputs of ``job`` that no job of this run (nor a step of its own) made before it."""
        own = {self.path(ref) for ref in outputs(job)} if len(job.spec.steps) > 1 else set()
        return tuple(
            ref
            for ref in inputs(job)
            if self._maker_for(job, ref) is None and self.path(ref) not in own
        )

    def ancestry(self, job: JobHistory) -> tuple[JobHistory, ...]:
        """``job`` and all that it depends on, in the order of :attr:`jobs`."""
        wanted, queue = {job.spec.id}, [job]
        while queue:
            for parent in self.parents(queue.pop()):
                if parent.spec.id not in wanted:
                    wanted.add(parent.spec.id)
                    queue.append(parent)
        return tuple(each for each in self.jobs if each.spec.id in wanted)

    def _maker_for(self, job: JobHistory, ref: FileRef) -> JobHistory | None:
        assert job.record is not None
        maker = self.maker(self.path(ref), before=job.record.started)
        return None if maker is job else maker

    def _parents_of(self, job: JobHistory) -> Iterator[JobHistory]:
        seen = {job.spec.id}
        for ref in inputs(job):
            maker = self._maker_for(job, ref)
            if maker is not None and maker.spec.id not in seen:
                seen.add(maker.spec.id)
                yield maker

    def _sorted(self) -> Iterator[JobHistory]:
        """Kahn's algorithm, of the jobs that are ready always the one that ended first.

        Clocks of different hosts may disagree, so the ends alone are not enough; jobs that stand in
        a circle (which no run makes) follow last.
        """
        waiting = {job.spec.id: len(self.parents(job)) for job in self._good}
        by_id = {job.spec.id: job for job in self._good}
        ready = [(*_end(job), job.spec.id) for job in self._good if not waiting[job.spec.id]]
        heapq.heapify(ready)
        while ready:
            job = by_id.pop(heapq.heappop(ready)[-1])
            yield job
            for child in self.children(job):
                waiting[child.spec.id] -= 1
                if not waiting[child.spec.id]:
                    heapq.heappush(ready, (*_end(child), child.spec.id))
        yield from by_id.values()


def inputs(job: JobHistory) -> Iterator[FileRef]:
    """What a job read, of all its steps, as it was found on disk."""
    if job.record is not None:
        for step in job.record.steps:
            yield from step.input


def outputs(job: JobHistory) -> Iterator[FileRef]:
    """What a job wrote (outputs, logs, benchmark), of all its steps, as it was found on disk."""
    if job.record is not None:
        for step in job.record.steps:
            yield from (ref for ref in step.output if ref.kind != "missing")


def _end(job: JobHistory) -> tuple[float, float]:
    assert job.record is not None
    return job.record.finished, job.record.started
