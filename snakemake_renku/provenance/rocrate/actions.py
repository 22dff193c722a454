"""What happened in a run: one action for each step of each attempt, and those that they were for.

Provenance Run Crate 0.5: the run of a tool is a ``CreateAction``; a ``ControlAction`` ties the
attempts of a job to their step; one ``OrganizeAction`` stands for the engine that ordered them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from snakemake_renku.journal import JobHistory, RunGraph
from snakemake_renku.model import FileRef, JobRecord, ResolvedEnvironment, Step, StepFiles
from snakemake_renku.provenance.rocrate.graph import TERMS, Graph, Ref, local, moment
from snakemake_renku.provenance.rocrate.payload import Payload
from snakemake_renku.provenance.rocrate.workflow import Plan, steps_of

COMPLETED = "http://schema.org/CompletedActionStatus"
FAILED = "http://schema.org/FailedActionStatus"
ACTIVE = "http://schema.org/ActiveActionStatus"
USAGE = "https://w3id.org/snakemake-renku/prov#"

# Field of the record, term (docs/prov.md lists them), name, common code of UN/CEFACT Recommendation
# 20 (second, byte).
_USAGE = (
    ("wall_s", "wallTime", "wall time", "SEC"),
    ("user_s", "userTime", "user CPU time", "SEC"),
    ("system_s", "systemTime", "system CPU time", "SEC"),
    ("max_rss", "maxMemory", "peak resident memory", "AD"),
    ("read_bytes", "bytesRead", "bytes read from block devices", "AD"),
    ("write_bytes", "bytesWritten", "bytes written to block devices", "AD"),
)


class Actions:
    """Puts what happened into a crate."""

    def __init__(self, graph: Graph, payload: Payload, plan: Plan, agent: Ref) -> None:
        self._graph, self._payload, self._plan, self._agent = graph, payload, plan, agent
        self._run = payload.run
        self.controls: dict[tuple[str, str], Ref] = {}
        self.all: list[Ref] = []

    def add_jobs(self) -> None:
        """Add all attempts of all jobs."""
        for job in self._run.jobs.values():
            for number, step, files in steps_of(job):
                action = self._step(job, number, step, files)
                self.all.append(action)
                self._control(job, step, action)

    def add_run(self, runs: RunGraph, journal: Ref) -> None:
        """Add the run of the workflow as a whole."""
        info, end = self._run.info, self._run.end
        finished = end.finished if end is not None else self._last()
        times = {"startTime": moment(info.started), "endTime": moment(finished)}
        status = _status(self._run.status)
        action = self._graph.add(
            local("run", info.run),
            "CreateAction",
            name=f"Run {info.run} of {self._payload.path(info.snakefile)}",
            description=" ".join(info.command),
            instrument=self._plan.workflow,
            agent=self._agent,
            object=[*self._sources(runs), *self._configuration()],
            result=list(self._results(runs)),
            subjectOf=journal,
            actionStatus=status,
            error=_run_error(self._run.status, end.message if end is not None else None),
            **times,
        )
        self._graph.add(
            local("organize", info.run),
            "OrganizeAction",
            name=f"Snakemake {info.snakemake_version} on {info.host}",
            instrument=self._plan.engine,
            agent=self._agent,
            object=list(self.controls.values()),
            result=action,
            actionStatus=status,
            **times,
        )
        self.all.insert(0, action)

    def _step(self, job: JobHistory, number: int, step: Step, files: StepFiles) -> Ref:
        record = job.record
        name = f"{step.rule} {' '.join(f'{k}={v}' for k, v in step.wildcards.items())}".strip()
        id = local("job", self._run.info.run, job.spec.id, str(number))
        failure = record.failure if record is not None else None
        return self._graph.add(
            id,
            "CreateAction",
            name=f"{name} (job {job.spec.id})",
            description=step.command or step.script or f"The code of rule {step.rule}",
            instrument=self._plan.tool(step.rule),
            agent=self._agent,
            startTime=None if record is None else moment(record.started),
            endTime=None if record is None else moment(record.finished),
            actionStatus=_job_status(job),
            error=None if failure is None else f"{failure.kind}: {failure.message}",
            object=[*self._files(step, files, output=False), *self._values(step)],
            result=list(self._files(step, files, output=True)) if record and record.ok else None,
            containerImage=self._image(files.environment),
            resourceUsage=list(_pairs(self._graph, id, record)),
            additionalProperty=list(_asked(self._graph, id, job)),
        )

    def _control(self, job: JobHistory, step: Step, action: Ref) -> None:
        """Tie the attempts of one job to the step of the workflow."""
        key = job.spec.jobid, step.rule
        if key not in self.controls:
            self.controls[key] = self._graph.add(
                local("control", self._run.info.run, *key),
                "ControlAction",
                name=f"Orchestrate {step.rule} (job {job.spec.jobid})",
                instrument=self._plan.step(step.rule),
            )
        id = self.controls[key]["@id"]
        self._graph.link(id, "object", action)
        self._graph.set(id, actionStatus=_job_status(job))

    def _files(self, step: Step, files: StepFiles, *, output: bool) -> Iterator[Ref]:
        for ref in files.output if output else files.input:
            if ref.kind in ("missing", "pipe", "service", "special"):
                continue
            entity = self._payload.entity(self._graph, ref)
            parameter = self._plan.file_parameter(step.rule, ref, output=output)
            self._graph.link(entity["@id"], "exampleOfWork", parameter)
            yield entity

    def _values(self, step: Step) -> Iterator[Ref]:
        for kind, values in (("wildcards", step.wildcards), ("params", step.params)):
            for name, value in values.items():
                parameter = self._plan.value_parameter(step.rule, kind, name, value)
                yield self._value((step.rule, kind, name), name, value, parameter)

    def _value(self, parts: tuple[str, ...], name: str, value: Any, parameter: Ref) -> Ref:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return self._graph.add(
            local("value", *parts, text),
            "PropertyValue",
            name=name,
            value=value if isinstance(value, int | float | str) else text,
            exampleOfWork=parameter,
        )

    def _sources(self, runs: RunGraph) -> Iterator[Ref]:
        for job in runs.jobs:
            outside = {(ref.path, ref.digest) for ref in runs.sources(job)}
            for _, step, files in steps_of(job):
                for ref in files.input:
                    if (ref.path, ref.digest) in outside and ref.kind in ("file", "directory"):
                        yield from self._of_the_workflow(step, ref, output=False)

    def _results(self, runs: RunGraph) -> Iterator[Ref]:
        """What the run left: the files that no job of it read, or all if that leaves none."""
        read = {
            (self._payload.path(ref.path), ref.digest)
            for job in runs.jobs
            for _, _, files in steps_of(job)
            for ref in files.input
        }
        for job in runs.jobs:
            for _, step, files in steps_of(job):
                for ref in files.output:
                    unread = (self._payload.path(ref.path), ref.digest) not in read
                    if unread and ref.role == "output" and ref.kind in ("file", "directory"):
                        yield from self._of_the_workflow(step, ref, output=True)

    def _of_the_workflow(self, step: Step, ref: FileRef, *, output: bool) -> Iterator[Ref]:
        entity = self._payload.entity(self._graph, ref)
        inner = self._plan.file_parameter(step.rule, ref, output=output)
        outer = self._plan.workflow_parameter(inner, ref, output=output)
        self._graph.link(entity["@id"], "exampleOfWork", outer)
        self._connect(inner, outer, output=output)
        yield entity

    def _connect(self, inner: Ref, outer: Ref, *, output: bool) -> None:
        source, target = (inner, outer) if output else (outer, inner)
        connection = self._graph.add(
            local("connection", source["@id"], target["@id"]),
            "ParameterConnection",
            sourceParameter=source,
            targetParameter=target,
        )
        self._graph.link(self._plan.workflow["@id"], "connection", connection)

    def _configuration(self) -> Iterator[Ref]:
        for name, value in self._run.info.config.items():
            parameter = self._plan.config_parameter(name, value)
            yield self._value(("workflow", "config", name), name, value, parameter)

    def _image(self, environment: ResolvedEnvironment) -> Ref | None:
        container = environment.container
        if container is None:
            return None
        registry, name, tag = image_parts(container)
        of_registry = environment.image_digest_of == "manifest" or container.startswith("docker://")
        kind = "DockerImage" if of_registry else "SIFImage"
        hex = (environment.image_digest or "").partition(":")[2]
        return self._graph.add(
            local("image", container, environment.image_digest or "unresolved"),
            "ContainerImage",
            additionalType={"@id": f"{TERMS}#{kind}"},
            registry=registry,
            name=name,
            tag=tag,
            sha256=hex,
        )

    def _last(self) -> float:
        ends = [job.record.finished for job in self._run.jobs.values() if job.record is not None]
        return max(ends, default=self._run.info.started)


def image_parts(container: str) -> tuple[str | None, str, str | None]:
    """Registry, name and tag of an image as a rule names it; for a file its path as the name."""
    if "://" not in container:
        return None, container, None
    rest = container.partition("://")[2].partition("@")[0]
    first, slash, others = rest.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    registry, name = (first, others) if is_host else ("docker.io", rest)
    name, colon, tag = name.partition(":")
    return registry, name, tag if colon else "latest"


def _pairs(graph: Graph, id: str, record: JobRecord | None) -> Iterator[Ref]:
    if record is None or record.usage is None:
        return
    for field, term, name, unit in _USAGE:
        yield graph.add(
            f"{id}/used/{field}",
            "PropertyValue",
            name=name,
            propertyID=USAGE + term,
            value=getattr(record.usage, field),
            unitCode=unit,
        )


def _asked(graph: Graph, id: str, job: JobHistory) -> Iterator[Ref]:
    for name, value in {"threads": job.spec.threads, **job.spec.resources}.items():
        if name != "tmpdir":
            yield graph.add(
                f"{id}/asked/{local(name)[1:]}",
                "PropertyValue",
                name=f"{name} (asked for)",
                propertyID=f"https://snakemake.readthedocs.io#resources-{local(name)[1:]}",
                value=value,
            )


def _job_status(job: JobHistory) -> str:
    if job.record is None:
        return FAILED
    return COMPLETED if job.record.ok else FAILED


def _status(status: str) -> str:
    return COMPLETED if status == "success" else ACTIVE if status == "running" else FAILED


def _run_error(status: str, message: str | None) -> str | None:
    return None if status in ("success", "running") else message or f"The run was {status}."
