"""The jobs that a replay takes, gathered from the runs, with what they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from snakemake_renku.journal import JobHistory, RunGraph, inputs, normal_path, outputs
from snakemake_renku.model import FileRef
from snakemake_renku.replay.journals import Journals
from snakemake_renku.replay.repository import JobKey

CONTENT = ("file", "directory")
"""Kinds of files that can be had again; pipes and services live as long as their jobs."""


class Choice:
    """Jobs by run and id, chosen one by one."""

    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, JobHistory]] = {}
        self._across: dict[JobKey, dict[str, JobKey]] = {}

    @property
    def runs(self) -> list[str]:
        """The ids of the runs of which jobs are chosen, oldest first."""
        return sorted(run for run, jobs in self._jobs.items() if jobs)

    def of(self, graph: RunGraph) -> tuple[JobHistory, ...]:
        """The chosen jobs of one run, in topological order."""
        chosen = self._jobs.get(graph.run.info.run, {})
        return tuple(job for job in graph.jobs if job.spec.id in chosen)

    def maker(self, graph: RunGraph, job: JobHistory, path: str) -> JobKey | None:
        """The chosen job that made an input of a chosen job."""
        found = maker_of(graph, job, path)
        if found is not None:
            return key_of(found) if found.spec.id in self._jobs[found.spec.run] else None
        return self._across.get(key_of(job), {}).get(path)

    def add(self, graph: RunGraph, jobs: Iterable[JobHistory]) -> None:
        """Take ``jobs``."""
        chosen = self._jobs.setdefault(graph.run.info.run, {})
        chosen |= {job.spec.id: job for job in jobs if _does_something(job)}

    def add_alone(self, graph: RunGraph, job: JobHistory) -> None:
        """Take a job alone; but temporary files that it read are not kept, and have to be made."""
        queue = [job]
        while queue:
            job = queue.pop()
            self.add(graph, (job,))
            for ref in inputs(job):
                maker = maker_of(graph, job, graph.path(ref))
                if maker is not None and is_temporary(maker, graph.path(ref), graph):
                    queue.append(maker)

    def add_ancestry(self, graph: RunGraph, job: JobHistory, journals: Journals) -> None:
        """Take a job and all that it depends on, through all recorded runs."""
        queue = [(graph, job)]
        while queue:
            graph, job = queue.pop()
            known = self._jobs.get(graph.run.info.run, {})
            new = [each for each in graph.ancestry(job) if each.spec.id not in known]
            self.add(graph, new)
            for each in new:
                queue += self._earlier(graph, each, journals)

    def _earlier(
        self, graph: RunGraph, job: JobHistory, journals: Journals
    ) -> Iterator[tuple[RunGraph, JobHistory]]:
        """Jobs of earlier runs that made inputs of ``job``, as it found them."""
        for ref in graph.sources(job):
            if ref.kind not in CONTENT or job.record is None:
                continue
            path = graph.path(ref)
            for run in journals.naming(path, before=graph.run.info.run):
                earlier = journals.graph(run)
                maker = earlier.maker(path, before=job.record.started)
                if maker is None:
                    continue
                if _made_as(earlier, maker, path, ref):
                    self._across.setdefault(key_of(job), {})[path] = key_of(maker)
                    yield earlier, maker
                break


def key_of(job: JobHistory) -> JobKey:
    """What names a job among all runs."""
    return job.spec.run, job.spec.id


def maker_of(graph: RunGraph, job: JobHistory, path: str) -> JobHistory | None:
    """The other job of the same run that made an input of ``job``."""
    assert job.record is not None
    maker = graph.maker(path, before=job.record.started)
    return None if maker is job else maker


def is_temporary(job: JobHistory, path: str, graph: RunGraph) -> bool:
    """Whether ``path`` is an output of ``job`` that Snakemake deletes once it was used."""
    return any(
        "temp" in file.flags and normal_path(file.path, graph.run.info.workdir) == path
        for step in job.spec.steps
        for file in step.output
    )


def _does_something(job: JobHistory) -> bool:
    """Whether there is anything to execute: a rule that only gathers (``all``) has nothing."""
    return any(step.kind != "none" for step in job.spec.steps)


def _made_as(graph: RunGraph, maker: JobHistory, path: str, ref: FileRef) -> bool:
    """Whether ``maker`` left the file as it was read later (of a file inside a folder: likely)."""
    made = [each for each in outputs(maker) if graph.path(each) == path]
    return all(each.digest == ref.digest for each in made)
