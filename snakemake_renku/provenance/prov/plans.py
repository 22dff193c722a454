"""What was to be done: workflows and their rules."""

from __future__ import annotations

from snakemake_renku.journal import normal_path
from snakemake_renku.model import RunInfo, Step
from snakemake_renku.provenance.prov.document import Document
from snakemake_renku.provenance.prov.entities import content
from snakemake_renku.provenance.prov.names import content_id, hashed
from snakemake_renku.provenance.prov.trace import Trace


class Plans:
    """The plans behind the runs of a trace."""

    def __init__(self, document: Document, trace: Trace) -> None:
        self._document = document
        self._workflows = {run.info.run: _workflow_id(run.info) for run in trace.runs}
        self._rules: dict[tuple[str | None, ...], str] = {}
        self._processes: dict[str, dict[str, None]] = {}
        for attempt in trace.attempts.values():
            for step in attempt.job.spec.steps:
                workflow = self._workflows[attempt.run.info.run]
                self._processes.setdefault(workflow, {})[self._rule(attempt.run.info, step)] = None
        self._sizes = _sizes(trace)

    def of_step(self, run: RunInfo, step: Step) -> str:
        """The plan of a step: its rule's code."""
        document = self._document
        id = self._rule(run, step)
        if document.once(f"parts of {id}"):
            told = [
                ("prov:type", document.term("prov:Plan")),
                ("prov:type", document.term("wfdesc:Process")),
                ("prov:label", step.rule),
                ("rule", step.rule),
                ("stepKind", step.kind),
                ("codeDigest", step.code_digest),
                ("scriptPath", _script(run, step)),
                *_commit(run),
            ]
            document.entity(id, told)
        return id

    def of_run(self, run: RunInfo) -> str:
        """The plan of a run: a Snakefile with all that it includes, at a commit."""
        document = self._document
        id = self._workflows[run.run]
        if document.once(f"parts of {id}"):
            snakefile = normal_path(run.snakefile, run.workdir)
            told = [
                ("prov:type", document.term("prov:Plan")),
                ("prov:type", document.term("wfdesc:Workflow")),
                ("prov:type", document.term("prov:Collection")),
                ("prov:label", snakefile),
                ("snakefile", snakefile),
                *_commit(run),
                *(
                    ("wfdesc:hasSubProcess", document.name(rule))
                    for rule in self._processes.get(id, {})
                ),
            ]
            document.entity(id, told)
            for source in self.sources(run):
                document.member(id, source)
        return id

    def sources(self, run: RunInfo) -> list[str]:
        """The Snakefiles and configuration files that a run read."""
        return [
            content(self._document, path, digest, self._sizes.get(content_id(path, digest)))
            for path, digest in _sources(run)
        ]

    def _rule(self, run: RunInfo, step: Step) -> str:
        key = (run.run, step.rule, step.kind, step.code_digest, step.script)
        if key not in self._rules:
            parts = (step.rule, step.kind, step.code_digest, _script(run, step))
            self._rules[key] = hashed("rule", self._workflows[run.run], *parts)
        return self._rules[key]


def _workflow_id(run: RunInfo) -> str:
    commit = None if run.git is None else [run.git.commit, run.git.dirty]
    snakefile = normal_path(run.snakefile, run.workdir)
    return hashed("workflow", snakefile, commit, sorted(_sources(run)))


def _sizes(trace: Trace) -> dict[str, int | None]:
    """The sizes of the sources that a job read too; a journal does not tell those of the others."""
    sources = {content_id(*source) for run in trace.runs for source in _sources(run.info)}
    return {
        use.id: use.refs[0].size
        for attempt in trace.attempts.values()
        for use in attempt.uses.values()
        if use.id in sources
    }


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
