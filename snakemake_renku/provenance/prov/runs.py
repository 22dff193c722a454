"""Runs as activities, with those who were responsible for them and what they read."""

from __future__ import annotations

import shlex

from snakemake_renku.journal import RunHistory
from snakemake_renku.model import RunInfo, Software
from snakemake_renku.provenance.prov import agents
from snakemake_renku.provenance.prov.document import Document
from snakemake_renku.provenance.prov.names import hashed, related, run_id
from snakemake_renku.provenance.prov.plans import Plans
from snakemake_renku.provenance.prov.trace import Trace
from snakemake_renku.provenance.prov.values import as_json, moment


def add_run(document: Document, trace: Trace, plans: Plans, history: RunHistory) -> None:
    """State that a run took place, without its attempts."""
    info, id = history.info, run_id(history.info.run)
    ended = history.end.finished if history.end is not None else None
    fits = ended is None or info.started <= ended
    workflow = plans.of_run(info)
    times = moment(info.started), moment(ended) if fits else None
    document.activity(id, *times, _told(document, history, workflow))
    # Snakemake itself runs on a host too.
    hosts = dict.fromkeys([info.host, *trace.hosts(info.run)])
    _responsible(document, info, list(hosts), workflow)
    _read(document, info, plans)


def _told(document: Document, history: RunHistory, workflow: str) -> list[tuple[str, object]]:
    info, end, git = history.info, history.end, history.info.git
    return [
        ("prov:type", document.term("wfprov:WorkflowRun")),
        ("prov:label", f"run {info.run}"),
        ("wfprov:describedByWorkflow", document.name(workflow)),
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


def _responsible(document: Document, info: RunInfo, hosts: list[str], workflow: str) -> None:
    id = run_id(info.run)
    user = agents.person(document, info.user, info.host)
    engine = agents.snakemake(document, info.snakemake_version)
    executor = agents.renku(document, info.renku_version)
    others = [agents.machine(document, host) for host in hosts]
    if info.software is not None:
        others.append(agents.python(document, info.software.python, info.software.digest))
    for number, agent in enumerate([user, engine, executor, *others]):
        plan = workflow if agent in (user, engine) else None
        document.associated(related("association", id, number), id, agent, plan)
    document.acted_for(related("delegation", id, 0), engine, user, id)
    document.acted_for(related("delegation", id, 1), executor, engine, id)


def _read(document: Document, info: RunInfo, plans: Plans) -> None:
    id, time = run_id(info.run), moment(info.started)
    entities = [(source, "source") for source in plans.sources(info)]
    entities.append((_configuration(document, info), "configuration"))
    if info.software is not None:
        entities.append((_environment(document, info.software), "environment"))
    for number, (entity, role) in enumerate(entities):
        told = [("prov:role", document.term(role))]
        document.used(related("usage", id, number), id, entity, time, told)


def _configuration(document: Document, info: RunInfo) -> str:
    value = as_json(info.config) or "{}"
    told = [("prov:type", document.term("Configuration")), ("prov:value", value)]
    return document.entity(hashed("configuration", value), told)


def _environment(document: Document, software: Software) -> str:
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
