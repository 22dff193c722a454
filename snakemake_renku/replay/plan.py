"""Which recorded jobs are to be replayed, from which inputs, and in which commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from snakemake_renku.journal import JobHistory, RunGraph, RunHistory, inputs, outputs
from snakemake_renku.model import FileRef
from snakemake_renku.replay.choice import CONTENT, Choice, key_of
from snakemake_renku.replay.repository import JobKey, Repository
from snakemake_renku.replay.target import Request, Targets


@dataclass(frozen=True, slots=True)
class Part:
    """The jobs of one run that are to be replayed, in topological order."""

    graph: RunGraph
    jobs: tuple[JobHistory, ...]

    @property
    def run(self) -> RunHistory:
        """The run that they belong to."""
        return self.graph.run


@dataclass(frozen=True, slots=True)
class Source:
    """An input that is taken as recorded, as no job of the plan makes it.

    ``place`` is where it stands in the repository, relative to its root, or None if outside.
    """

    ref: FileRef
    place: str | None


@dataclass(frozen=True)
class Plan:
    """What is replayed: ``parts``, oldest run first, in a clone of ``commit``.

    ``target`` says in words what was asked. ``makers`` tells, of each job, which jobs of the plan
    made which of its inputs (``path → job``, paths as :func:`normal_path` gives them); ``sources``
    has its other inputs.
    """

    target: str
    commit: str
    parts: tuple[Part, ...]
    makers: dict[JobKey, dict[str, JobKey]]
    sources: dict[JobKey, tuple[Source, ...]]
    notes: tuple[str, ...] = ()

    def jobs(self) -> Iterator[tuple[Part, JobHistory]]:
        """All jobs, in the order in which they are replayed."""
        for part in self.parts:
            for job in part.jobs:
                yield part, job

    def children(self) -> dict[JobKey, set[JobKey]]:
        """Of each job that another of the plan depends on, those others."""
        found: dict[JobKey, set[JobKey]] = {}
        for child, makers in self.makers.items():
            for parent in makers.values():
                found.setdefault(parent, set()).add(child)
        return found


def make_plan(repository: Repository, request: Request, folder: Path) -> Plan:
    """Find the jobs that ``request`` means; journals are put into ``folder``.

    Raises:
        ReplayError: nothing recorded is called so, or several things are.
    """
    targets = Targets(repository, request, folder)
    graphs = [targets.journals.graph(run) for run in targets.choice.runs]
    parts = tuple(Part(graph, targets.choice.of(graph)) for graph in graphs)
    plan = Plan(targets.words, targets.commit, parts, {}, {}, tuple(targets.notes))
    for part, job in plan.jobs():
        key = key_of(job)
        plan.makers[key], plan.sources[key] = _inputs(repository, targets.choice, part.graph, job)
    return plan


def _inputs(
    repository: Repository, choice: Choice, graph: RunGraph, job: JobHistory
) -> tuple[dict[str, JobKey], tuple[Source, ...]]:
    makers: dict[str, JobKey] = {}
    sources: dict[str, Source] = {}
    own = {graph.path(ref) for ref in outputs(job)} if len(job.spec.steps) > 1 else set()
    for ref in inputs(job):
        path = graph.path(ref)
        maker = choice.maker(graph, job, path)
        if maker is not None:
            makers[path] = maker
        elif ref.kind in CONTENT and path not in own:
            sources[path] = Source(ref, repository.locate(ref.path, graph.run.info))
    return makers, tuple(sources.values())
