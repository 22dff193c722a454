"""What was done: attempts, what they used and made, and what was derived from what."""

from __future__ import annotations

from collections.abc import Container

from snakemake_renku.model import JobRecord, JobSpec, Step, Usage
from snakemake_renku.provenance.prov import agents, entities
from snakemake_renku.provenance.prov.document import Document
from snakemake_renku.provenance.prov.files import Made, Use
from snakemake_renku.provenance.prov.names import attempt_id, related, run_id
from snakemake_renku.provenance.prov.plans import Plans
from snakemake_renku.provenance.prov.trace import Attempt, Trace
from snakemake_renku.provenance.prov.values import as_json, moment

MOST_DERIVATIONS = 10_000
"""Of so many pairs of an input and an output of a step, each is stated; of more, none is."""


class Attempts:
    """Attempts as activities."""

    def __init__(self, document: Document, trace: Trace, plans: Plans) -> None:
        self._document, self._trace, self._plans = document, trace, plans

    def whole(self, attempt: Attempt) -> None:
        """All that is known of an attempt."""
        self.alone(attempt)
        usages = self._used(attempt)
        self._ran_in(attempt, len(usages))
        for key in attempt.informants:
            if key in self._trace.attempts:
                self._document.informed(attempt.id, attempt_id(*key))
        self._derived(attempt, usages, self.generations(attempt))

    def alone(self, attempt: Attempt) -> str:
        """An attempt with its plan and what executed it, without its files."""
        document = self._document
        started, finished = moment(attempt.started), moment(attempt.finished)
        times = (started, finished) if attempt.agrees else (None, None)
        if not document.once(f"plan of {attempt.id}"):
            return attempt.id
        info, spec = attempt.run.info, attempt.job.spec
        plans = [self._plans.of_step(info, step) for step in spec.steps]
        if spec.mode == "snakemake":
            agent = agents.snakemake(document, info.snakemake_version)
        else:
            agent = agents.renku(document, info.renku_version)
        document.activity(attempt.id, *times, self._told(attempt, plans))
        for number, plan in enumerate(plans):
            id = related("association", attempt.id, number)
            document.associated(id, attempt.id, agent, plan)
        return attempt.id

    def generations(self, attempt: Attempt, paths: Container[str] | None = None) -> dict[str, str]:
        """State which files an attempt left (of ``paths`` only); the statements by path."""
        return {
            made.path: self._generated(attempt, made, number)
            for number, made in enumerate(attempt.made.values())
            if paths is None or made.path in paths
        }

    def _generated(self, attempt: Attempt, made: Made, number: int) -> str:
        document, ref = self._document, made.ref
        id = related("generation", attempt.id, number)
        if not document.once(f"statement {id}"):
            return id
        return document.generated(
            id,
            *(entities.made(document, made), attempt.id),
            moment(self._trace.made_at(attempt, made)),
            [
                ("prov:role", document.term(ref.role)),
                ("name", ref.name),
                ("mtime", moment(ref.mtime)),
                *(("flag", flag) for flag in made.flags),
            ],
        )

    def _used(self, attempt: Attempt) -> dict[str, str]:
        """State what an attempt read; the statements' identifiers by those of the entities."""
        usages = {}
        for number, use in enumerate(attempt.uses.values()):
            entity = entities.used(self._document, use)
            usages[use.id] = self._document.used(
                related("usage", attempt.id, number),
                *(attempt.id, entity, moment(self._trace.used_at(attempt, use))),
                _observed(self._document, use),
            )
            if use.folder is not None:
                self._document.member(entities.made(self._document, use.folder), entity)
        return usages

    def _ran_in(self, attempt: Attempt, first: int) -> None:
        document, record = self._document, attempt.job.record
        if record is None:
            return
        found = entities.environments(document, (step.environment for step in record.steps))
        started = moment(attempt.started) if attempt.agrees else None
        for number, (entity, role) in enumerate(found.items(), start=first):
            id = related("usage", attempt.id, number)
            role_name = document.term(role)
            document.used(id, attempt.id, entity, started, [("prov:role", role_name)])

    def _derived(
        self, attempt: Attempt, usages: dict[str, str], generations: dict[str, str]
    ) -> None:
        number = 0
        for step in range(len(attempt.job.spec.steps)):
            sources = _sources(attempt, step)
            results = _results(attempt, step)
            if len(sources) * len(results) > MOST_DERIVATIONS:
                continue
            for made in results:
                for use in sources:
                    self._document.derived(
                        related("derivation", attempt.id, number),
                        *(made.id, use.id, attempt.id),
                        *(generations[made.path], usages[use.id]),
                    )
                    number += 1

    def _told(self, attempt: Attempt, plans: list[str]) -> list[tuple[str, object]]:
        document, job = self._document, attempt.job
        spec, record = job.spec, job.record
        host = record.host if record is not None else None
        clock = (None, None) if attempt.agrees else (attempt.started, attempt.finished)
        return [
            ("prov:type", document.term("wfprov:ProcessRun")),
            ("prov:type", document.term("Attempt")),
            ("prov:label", _label(spec)),
            ("wfprov:wasPartOfWorkflowRun", document.name(run_id(attempt.run.info.run))),
            *(("wfprov:describedByProcess", document.name(plan)) for plan in plans),
            ("job", spec.jobid),
            ("attempt", spec.attempt),
            ("status", attempt.run.state(job)),
            ("mode", spec.mode),
            ("host", document.name(agents.machine(document, host)) if host else None),
            ("clockStarted", moment(clock[0])),
            ("clockFinished", moment(clock[1])),
            *_asked(attempt),
            *(_ended(record) if record is not None else []),
            *_omitted(attempt),
        ]


def _asked(attempt: Attempt) -> list[tuple[str, object]]:
    spec = attempt.job.spec
    if len(spec.steps) == 1:
        does = _step(spec.steps[0])
    else:
        steps = [
            {name: value for name, value in _step(step, plain=True) if value} for step in spec.steps
        ]
        does = [("rule", step.rule) for step in spec.steps]
        does += [("group", spec.group), ("steps", as_json(steps))]
    return [
        *does,
        ("threads", spec.threads),
        ("requestedMemory", spec.mem_mb),
        ("requestedTime", spec.runtime_s),
        ("resources", as_json(spec.resources)),
    ]


def _step(step: Step, *, plain: bool = False) -> list[tuple[str, object]]:
    return [
        ("rule", step.rule),
        ("wildcards", step.wildcards if plain else as_json(step.wildcards)),
        ("params", step.params if plain else as_json(step.params)),
        ("command", step.command),
    ]


def _ended(record: JobRecord) -> list[tuple[str, object]]:
    failure = record.failure
    return [
        ("exitCode", record.exit_code),
        ("signal", record.signal),
        ("failureKind", failure.kind if failure is not None else None),
        ("failureMessage", failure.message if failure is not None else None),
        *(("exceeded", resource) for resource in record.exceeded),
        *(_needed(record.usage) if record.usage is not None else []),
    ]


def _needed(usage: Usage) -> list[tuple[str, object]]:
    return [
        ("wallTime", usage.wall_s),
        ("userTime", usage.user_s),
        ("systemTime", usage.system_s),
        ("maxMemory", usage.max_rss or None),
        ("bytesRead", usage.read_bytes),
        ("bytesWritten", usage.write_bytes),
    ]


def _omitted(attempt: Attempt) -> list[tuple[str, object]]:
    for step in range(len(attempt.job.spec.steps)):
        pairs = len(_sources(attempt, step)) * len(_results(attempt, step))
        if pairs > MOST_DERIVATIONS:
            return [("derivationsOmitted", True)]
    return []


def _sources(attempt: Attempt, step: int) -> list[Use]:
    return [use for use in attempt.uses.values() if step in use.steps]


def _results(attempt: Attempt, step: int) -> list[Made]:
    """Outputs proper: a log or a benchmark says something of the job, not of its inputs."""
    made = attempt.made.values()
    return [one for one in made if one.step == step and one.ref.role == "output"]


def _observed(document: Document, use: Use) -> list[tuple[str, object]]:
    roles = list(dict.fromkeys(ref.role for ref in use.refs)) or ["input"]
    names = dict.fromkeys(ref.name for ref in use.refs)
    mtimes = dict.fromkeys(ref.mtime for ref in use.refs)
    return [
        *(("prov:role", document.term(role)) for role in roles),
        *(("name", name) for name in names),
        *(("mtime", moment(mtime)) for mtime in mtimes),
    ]


def _label(spec: JobSpec) -> str:
    of = spec.steps[0].wildcards if len(spec.steps) == 1 else {}
    return " ".join([spec.rule, *(f"{name}={value}" for name, value in of.items())])
