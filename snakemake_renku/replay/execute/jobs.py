"""The jobs of a replay: as recorded and as they are in the clone, with what stands against them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from snakemake_renku.journal import JobHistory, RunGraph, RunHistory, normal_path
from snakemake_renku.model import Failure, JobRecord, JobSpec, ResolvedEnvironment, StepFiles
from snakemake_renku.replay.execute.images import ImageMissing, Images
from snakemake_renku.replay.execute.obstacles import Obstacles
from snakemake_renku.replay.execute.places import Places
from snakemake_renku.replay.execute.specs import spec_in_clone


@dataclass(frozen=True)
class Job:
    """A recorded job and its ``spec`` in the clone; ``problem`` is why it cannot be executed."""

    recorded: JobHistory
    spec: JobSpec
    problem: str | None = None


class Jobs:
    """The chosen jobs by id, in an order in which they may be executed, and who reads from whom."""

    def __init__(
        self,
        run: RunHistory,
        chosen: Sequence[JobHistory],
        places: Places,
        images: Images,
        name: str,
    ) -> None:
        self.graph = RunGraph(run)
        self._images = images
        self.ids = frozenset(job.spec.id for job in chosen)
        obstacles = Obstacles(run, self.graph, places)
        self.by_id = {
            job.spec.id: self._job(job, obstacles.of(job, self.ids), places, name)
            for job in self._ordered(chosen)
        }
        self.parents = dict(self._parents())

    def after(self) -> Mapping[str, Sequence[str]]:
        """Jobs in a conda environment follow the first of them, which may have to create it."""
        first: dict[str, str] = {}
        for id, job in self.by_id.items():
            for environment in _condas(job.spec):
                first.setdefault(environment, id)
        return {
            id: [first[environment] for environment in _condas(job.spec)]
            for id, job in self.by_id.items()
        }

    def named(self, id: str) -> str:
        """A job in words."""
        return _named(self.by_id[id].recorded)

    def why_missing(self, id: str, path: str) -> str | None:
        """Why an input of a job is not there, as far as the other jobs of the run tell."""
        maker = self._maker(id, path)
        if maker is None:
            return None
        if maker.spec.id not in self.ids:
            return f"{_named(maker)}, which made it, is not replayed"
        if maker.spec.id in self.parents[id]:
            return f"{_named(maker)} did not make it this time"
        return f"{_named(maker)} made it anew later, and what was there before is not known"

    def made_by(self, id: str, parent: str) -> str:
        """An input of a job that its ``parent`` makes."""
        for step in self.by_id[id].spec.steps:
            for file in step.input:
                maker = self._maker(id, file.path)
                if maker is not None and maker.spec.id == parent:
                    return file.path
        return self.by_id[parent].recorded.spec.rule

    def _parents(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Never a job that comes later: it overwrote what this one had read, which is no parent."""
        before: set[str] = set()
        for id, job in self.by_id.items():
            parents = {parent.spec.id for parent in self.graph.parents(job.recorded)}
            yield id, frozenset(parents & before)
            before.add(id)

    def _maker(self, id: str, path: str) -> JobHistory | None:
        """The job of the recorded run that had made an input of a job."""
        record = self.by_id[id].recorded.record
        return self.graph.maker(self._normal(id, path), None if record is None else record.started)

    def _normal(self, id: str, path: str) -> str:
        """An input of a job in the replay, as the graph of the recorded run names it."""
        job = self.by_id[id]
        pairs = zip(_inputs(job.spec), _inputs(job.recorded.spec), strict=True)
        recorded = next((was for now, was in pairs if now == path), path)
        return normal_path(recorded, self.graph.run.info.workdir)

    def _ordered(self, chosen: Sequence[JobHistory]) -> list[JobHistory]:
        place = {job.spec.id: number for number, job in enumerate(self.graph.jobs)}
        return sorted(chosen, key=lambda job: place.get(job.spec.id, len(place)))

    def _job(self, job: JobHistory, problem: str | None, places: Places, name: str) -> Job:
        spec = spec_in_clone(job.spec, places, name)
        if problem is not None or not any(s.environment.container for s in spec.steps):
            return Job(job, spec, problem)
        try:
            return Job(job, self._in_images(spec, job))
        except ImageMissing as error:
            return Job(job, spec, str(error))

    def _in_images(self, spec: JobSpec, job: JobHistory) -> JobSpec:
        """The spec with each image named so that its digest is what the record will say."""
        steps = []
        for step, recorded, was in zip(spec.steps, job.spec.steps, _resolved(job), strict=True):
            environment = step.environment
            if environment.container is not None:
                image = self._images.provide(recorded.environment, was)
                environment = replace(environment, container=image, image_path=None)
            steps.append(replace(step, environment=environment))
        return replace(spec, steps=tuple(steps))


def made_up_record(spec: JobSpec, host: str, failure: Failure | None = None) -> JobRecord:
    """The record of a job for which no process ran."""
    now = time.time()
    return JobRecord(
        id=spec.id,
        mode=spec.mode,
        started=now,
        finished=now,
        host=host,
        pid=0,
        steps=tuple(StepFiles(step.rule) for step in spec.steps),
        failure=failure,
    )


def _named(job: JobHistory) -> str:
    return f"job {job.spec.id} (rule {job.spec.rule})"


def _inputs(spec: JobSpec) -> Iterator[str]:
    for step in spec.steps:
        yield from (file.path for file in step.input)


def _condas(spec: JobSpec) -> Iterator[str]:
    for step in spec.steps:
        if step.environment.conda_hash is not None:
            yield step.environment.conda_hash


def _resolved(job: JobHistory) -> list[ResolvedEnvironment]:
    nothing = [ResolvedEnvironment() for _ in job.spec.steps]
    return nothing if job.record is None else [step.environment for step in job.record.steps]
