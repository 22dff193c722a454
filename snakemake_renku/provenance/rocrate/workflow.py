"""The plan of a run: workflow, steps, tools and their parameters.

Workflow Run RO-Crate profiles 0.5 (https://w3id.org/ro/wfrun/provenance/0.5): a rule is a tool, its
place in the workflow a ``HowToStep``, what it reads, writes and is given a ``FormalParameter``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snakemake_renku.errors import ExportError
from snakemake_renku.journal import JobHistory, RunGraph
from snakemake_renku.model import FileRef, RunInfo, Step, StepFiles
from snakemake_renku.provenance.rocrate.graph import Graph, Ref, local
from snakemake_renku.provenance.rocrate.payload import Payload, media_type

LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
FORMAL_PARAMETER = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
COMPUTATIONAL_WORKFLOW = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
SNAKEMAKE = "https://snakemake.github.io"


def steps_of(job: JobHistory) -> Iterator[tuple[int, Step, StepFiles]]:
    """The steps of a job that did something, with what they read and wrote."""
    found = job.record.steps if job.record is not None else ()
    for number, step in enumerate(job.spec.steps):
        if step.kind != "none":
            files = found[number] if number < len(found) else StepFiles(step.rule)
            yield number, step, files


class Plan:
    """Puts the workflow of a run into a crate."""

    def __init__(self, graph: Graph, payload: Payload, runs: RunGraph) -> None:
        self._graph, self._payload, self._runs = graph, payload, runs
        info = payload.run.info
        self.workflow = self._workflow(info)
        self.engine = engine(graph, info)
        for path, digest in _other_sources(info):
            self._source(path, digest)
        for job in payload.run.jobs.values():
            for _, step, _ in steps_of(job):
                self._rule(step, info)
        self._connect()

    def tool(self, rule: str) -> Ref:
        """The tool that a rule is."""
        return {"@id": local("rule", rule)}

    def step(self, rule: str) -> Ref:
        """The step of the workflow that a rule is."""
        return {"@id": local("step", rule)}

    def file_parameter(self, rule: str, ref: FileRef, *, output: bool) -> Ref:
        """The parameter of a rule that stands for a file."""
        way = "output" if output else "input"
        name = ref.name or (ref.role if output else "input")
        kind = "Dataset" if ref.kind == "directory" else "File"
        return self._parameter(self.tool(rule)["@id"], way, (rule, way, name), name, kind)

    def value_parameter(self, rule: str, kind: str, name: str, value: Any) -> Ref:
        """The parameter of a rule that stands for one of its params or wildcards."""
        type = _data_type(value)
        shown = name if kind == "params" else f"wildcards.{name}"
        return self._parameter(self.tool(rule)["@id"], "input", (rule, kind, name), shown, type)

    def workflow_parameter(self, rule_parameter: Ref, ref: FileRef, *, output: bool) -> Ref:
        """The parameter of the whole workflow that a rule's stands for."""
        way = "output" if output else "input"
        name = rule_parameter["@id"].lstrip("#")
        kind = "Dataset" if ref.kind == "directory" else "File"
        parts = ("workflow", way, name)
        return self._parameter(self.workflow["@id"], way, parts, name.replace("/", " "), kind)

    def config_parameter(self, name: str, value: Any) -> Ref:
        """The parameter of the workflow that stands for a key of its configuration."""
        parts = ("workflow", "config", name)
        return self._parameter(self.workflow["@id"], "input", parts, name, _data_type(value))

    def _parameter(self, owner: str, way: str, parts: tuple[str, ...], name: str, kind: str) -> Ref:
        ref = self._graph.add(
            local("parameter", *parts),
            "FormalParameter",
            name=name,
            additionalType=kind,
            conformsTo=self._graph.add(
                FORMAL_PARAMETER, "CreativeWork", name="FormalParameter", version="1.0-RELEASE"
            ),
        )
        self._graph.link(owner, way, ref)
        return ref

    def _workflow(self, info: RunInfo) -> Ref:
        digest = next((s.digest for s in info.sources if s.path == info.snakefile), None)
        place = self._payload.source(info.snakefile, digest)
        if place is None:
            raise ExportError(
                f"The Snakefile of the run ({info.snakefile}) is not here as it was, nor in git.",
                remedy="A crate must hold the workflow; export it where the workflow is.",
            )
        ref = FileRef(info.snakefile, "script", "file", digest)
        found = self._payload.entity(self._graph, ref)
        language = self._graph.add(
            LANGUAGE,
            "ComputerLanguage",
            name="Snakemake",
            identifier={"@id": SNAKEMAKE},
            url={"@id": SNAKEMAKE},
            version=info.snakemake_version,
        )
        self._graph.set(
            found["@id"],
            **{"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]},
            name=place,
            programmingLanguage=language,
            version=info.git.commit if info.git is not None else digest,
            codeRepository=info.git.remote if info.git is not None else None,
            conformsTo=self._graph.add(
                COMPUTATIONAL_WORKFLOW,
                "CreativeWork",
                name="ComputationalWorkflow",
                version="1.0-RELEASE",
            ),
            encodingFormat="text/plain",
        )
        return found

    def _rule(self, step: Step, info: RunInfo) -> None:
        tool, place = self.tool(step.rule), self.step(step.rule)
        if tool["@id"] in self._graph:
            return
        script = self._source(step.script, step.code_digest) if step.script else None
        self._graph.add(
            tool["@id"],
            "SoftwareSourceCode",
            name=step.rule,
            description=f"The rule {step.rule} of the workflow ({step.kind})",
            version=step.code_digest or (info.git.commit if info.git else info.run),
            identifier=step.code_digest,
            isBasedOn=script,
        )
        self._graph.link(self.workflow["@id"], "hasPart", tool)
        steps = sum(1 for _ in self._steps()) + 1
        self._graph.add(
            place["@id"], "HowToStep", name=step.rule, position=str(steps), workExample=tool
        )
        self._graph.link(self.workflow["@id"], "step", place)

    def _steps(self) -> Iterator[Ref]:
        yield from self._graph.get(self.workflow["@id"]).get("step", ())

    def _source(self, path: str, digest: str | None) -> Ref | None:
        place = self._payload.source(path, digest)
        if place is None:
            return None
        ref = self._payload.entity(self._graph, FileRef(path, "script", "file", digest))
        self._graph.set(ref["@id"], encodingFormat=media_type(path) or "text/plain")
        return ref

    def _connect(self) -> None:
        """Link the outputs of rules with the inputs of those that read them."""
        makers = {
            (self._payload.path(ref.path), ref.digest): (step.rule, ref)
            for job in self._runs.jobs
            for _, step, files in steps_of(job)
            for ref in files.output
        }
        for job in self._runs.jobs:
            for _, step, files in steps_of(job):
                for ref in files.input:
                    made = makers.get((self._payload.path(ref.path), ref.digest))
                    if made is not None:
                        source = self.file_parameter(made[0], made[1], output=True)
                        target = self.file_parameter(step.rule, ref, output=False)
                        self._connection(step.rule, source, target)

    def _connection(self, rule: str, source: Ref, target: Ref) -> None:
        connection = self._graph.add(
            local("connection", source["@id"], target["@id"]),
            "ParameterConnection",
            sourceParameter=source,
            targetParameter=target,
        )
        self._graph.link(self.step(rule)["@id"], "connection", connection)


def engine(graph: Graph, info: RunInfo) -> Ref:
    """The software that ran the workflow."""
    python = info.software.python if info.software is not None else None
    uses = [
        graph.add(
            "https://www.python.org",
            "SoftwareApplication",
            name="Python",
            softwareVersion=python or "unknown",
            url="https://www.python.org",
        ),
        graph.add(
            local("software", "snakemake-renku"),
            "SoftwareApplication",
            name="snakemake-renku",
            softwareVersion=info.renku_version,
            description=f"Executor plugin of Snakemake, backend {info.backend}",
        ),
    ]
    return graph.add(
        SNAKEMAKE,
        "SoftwareApplication",
        name="Snakemake",
        softwareVersion=info.snakemake_version,
        url=SNAKEMAKE,
        softwareRequirements=uses,
    )


def _other_sources(info: RunInfo) -> Iterator[tuple[str, str]]:
    return ((s.path, s.digest) for s in info.sources if s.path != info.snakefile)


def _data_type(value: Any) -> str:
    """The schema.org type of a JSON value; a list or object stands as its JSON text."""
    match value:
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case float():
            return "Float"
    return "Text"
