"""What was to be done: the workflow and its rules as plans, and the run as a whole."""

from __future__ import annotations

import shlex

from snakemake_renku.journal import RunHistory, normal_path
from snakemake_renku.model import RunInfo, Step
from snakemake_renku.provenance.prov import agents
from snakemake_renku.provenance.prov.document import Document
from snakemake_renku.provenance.prov.entities import content
from snakemake_renku.provenance.prov.names import content_id, hashed, related, run_id
from snakemake_renku.provenance.prov.trace import Trace
from snakemake_renku.provenance.prov.values import as_json, moment


class Workflows:
    """The plans behind the runs of a trace."""

    def __init__(self, document: Document, trace: Trace) -> None:
        self._document = document
        self._rules: dict[str, dict[str, None]] = {}
        for attempt in trace.attempts.values():
            for step in attempt.job.spec.steps:
                rules = self._rules.setdefault(workflow_id(attempt.run.info), {})
                rules[rule_id(attempt.run.info, step)] = None
        self._hosts: dict[str, dict[str, None]] = {}
        for attempt in trace.attempts.values():
            if attempt.job.record is not None and attempt.job.record.host:
                self._hosts.setdefault(attempt.key[0], {})[attempt.job.record.host] = None
        self._sizes = _sizes(trace)

    def rule(self, run: RunInfo, step: Step) -> str:
        """The plan of a step: its rule's code."""
        return self._document.entity(
            rule_id(run, step),
            [
                ("prov:type", self._document.term("prov:Plan")),
                ("prov:type", self._document.term("wfdesc:Process")),
                ("prov:label", step.rule),
                ("rule", step.rule),
                ("stepKind", step.kind),
                ("codeDigest", step.code_digest),
                ("scriptPath", _script(run, step)),
                *_commit(run),
            ],
        )

    def workflow(self, run: RunInfo) -> str:
        """The plan of a run: a Snakefile with all that it includes, at a commit."""
        id = workflow_id(run)
        if not self._document.once(f"sources of {id}"):
            return id
        snakefile = normal_path(run.snakefile, run.workdir)
        rules = self._rules.get(id, {})
        self._document.entity(
            id,
            [
                ("prov:type", self._document.term("prov:Plan")),
                ("prov:type", self._document.term("wfdesc:Workflow")),
                ("prov:type", self._document.term("prov:Collection")),
                ("prov:label", snakefile),
                ("snakefile", snakefile),
                *_commit(run),
                *(("wfdesc:hasSubProcess", self._document.name(rule)) for rule in rules),
            ],
        )
        for path, digest in _sources(run):
            self._document.member(id, self._source(path, digest))
        return id

    def run(self, history: RunHistory) -> str:
        """A run as an activity, with those who were responsible for it and what it read."""
        document, info = self._document, history.info
        id = run_id(info.run)
        if not document.once(f"parts of {id}"):
            return id
        workflow = self.workflow(info)
        ended = history.end.finished if history.end is not None else None
        in_order = ended is None or info.started <= ended
        document.activity(
            id, moment(info.started), moment(ended) if in_order else None, _told(document, history)
        )
        self._responsible(id, info, workflow)
        self._read(id, info)
        return id

    def _responsible(self, id: str, info: RunInfo, workflow: str) -> None:
        document = self._document
        user = agents.person(document, info.user, info.host)
        engine = agents.snakemake(document, info.snakemake_version)
        executor = agents.renku(document, info.renku_version)
        software = info.software
        hosts = [agents.machine(document, host) for host in self._hosts_of(info)]
        if software is not None:
            hosts.append(agents.python(document, software.python, software.digest))
        for number, agent in enumerate([user, engine, executor, *hosts]):
            plan = workflow if agent in (user, engine) else None
            document.associated(related("association", id, number), id, agent, plan)
        document.acted_for(related("delegation", id, 0), engine, user, id)
        document.acted_for(related("delegation", id, 1), executor, engine, id)

    def _hosts_of(self, info: RunInfo) -> list[str]:
        return list(dict.fromkeys([info.host, *self._hosts.get(info.run, {})]))

    def _read(self, id: str, info: RunInfo) -> None:
        document = self._document
        entities = [(self._source(path, digest), "source") for path, digest in _sources(info)]
        entities.append((_configuration(document, info), "configuration"))
        if info.software is not None:
            entities.append((_environment(document, info), "environment"))
        for number, (entity, role) in enumerate(entities):
            document.used(
                related("usage", id, number),
                *(id, entity, moment(info.started)),
                [("prov:role", document.term(role))],
            )

    def _source(self, path: str, digest: str) -> str:
        size = self._sizes.get(content_id(path, digest))
        return content(self._document, path, digest, size)


def workflow_id(run: RunInfo) -> str:
    """The identifier of the plan of a run."""
    commit = None if run.git is None else [run.git.commit, run.git.dirty]
    snakefile = normal_path(run.snakefile, run.workdir)
    return hashed("workflow", snakefile, commit, sorted(_sources(run)))


def rule_id(run: RunInfo, step: Step) -> str:
    """The identifier of the plan of a step."""
    parts = (step.rule, step.kind, step.code_digest, _script(run, step))
    return hashed("rule", workflow_id(run), *parts)


def _sizes(trace: Trace) -> dict[str, int | None]:
    """The sizes of the sources that a job read too; a journal does not tell those of the others."""
    sources = {content_id(*source) for run in trace.runs for source in _sources(run.info)}
    return {
        use.id: use.refs[0].size
        for attempt in trace.attempts.values()
        for use in attempt.uses.values()
        if use.id in sources
    }


def _told(document: Document, history: RunHistory) -> list[tuple[str, object]]:
    info, end, git = history.info, history.end, history.info.git
    return [
        ("prov:type", document.term("wfprov:WorkflowRun")),
        ("prov:label", f"run {info.run}"),
        ("wfprov:describedByWorkflow", document.name(workflow_id(info))),
        ("run", info.run),
        ("status", history.status),
        ("message", end.message if end is not None else None),
        ("backend", info.backend),
        ("cores", info.cores),
        ("commandLine", shlex.join(info.command) or None),
        ("workdir", info.workdir),
        ("branch", git.branch if git is not None else None),
        ("remote", git.remote if git is not None else None),
        ("processorTime", end.runner_cpu_s if end is not None else None),
        ("damagedLines", len(history.damaged) or None),
    ]


def _configuration(document: Document, info: RunInfo) -> str:
    value = as_json(info.config) or "{}"
    return document.entity(
        hashed("configuration", value),
        [("prov:type", document.term("Configuration")), ("prov:value", value)],
    )


def _environment(document: Document, info: RunInfo) -> str:
    software = info.software
    assert software is not None
    packages = [f"{name}=={version}" for name, version in sorted(software.packages.items())]
    return document.entity(
        hashed("environment", software.python, software.executable, software.digest, packages),
        [
            ("prov:type", document.term("PythonEnvironment")),
            ("prov:label", f"Python {software.python}"),
            ("pythonVersion", software.python),
            ("executable", software.executable),
            ("packagesDigest", software.digest),
            *(("package", package) for package in packages),
        ],
    )


def _sources(run: RunInfo) -> list[tuple[str, str]]:
    return [(normal_path(source.path, run.workdir), source.digest) for source in run.sources]


def _script(run: RunInfo, step: Step) -> str | None:
    if step.script is None or "://" in step.script:
        return step.script
    return normal_path(step.script, run.workdir)


def _commit(run: RunInfo) -> list[tuple[str, object]]:
    if run.git is None:
        return []
    return [("commit", run.git.commit), ("dirty", run.git.dirty)]
