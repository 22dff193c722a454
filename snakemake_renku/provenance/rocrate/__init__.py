"""A run as a Provenance Run Crate 0.5 (https://w3id.org/ro/wfrun/provenance/0.5).

The crate is at the same time a working directory: it has the workflow, what the run read and made,
and the journal in the place where the commands of ``snakemake-renku`` look for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from snakemake_renku.journal import (
    RECORDED_RUNS,
    VERDICTS,
    RunGraph,
    RunHistory,
    encode_verdict,
    verdicts_on,
)
from snakemake_renku.model import FileRef
from snakemake_renku.project import load_project
from snakemake_renku.provenance.rocrate.actions import Actions
from snakemake_renku.provenance.rocrate.graph import Graph, Ref
from snakemake_renku.provenance.rocrate.package import write_folder, write_zip
from snakemake_renku.provenance.rocrate.payload import Payload
from snakemake_renku.provenance.rocrate.root import (
    METADATA,
    add_head,
    add_verdict,
    agent,
    fill_root,
)
from snakemake_renku.provenance.rocrate.workflow import Plan, steps_of

__all__ = ["write"]


def write(run: RunHistory, destination: Path, *, zip: bool, workdir: Path) -> None:
    """Write ``run`` as a crate to ``destination``, a new folder or (with ``zip``) a zip file.

    Files that are in ``workdir`` as recorded are copied into it; others are named by their digests.

    Raises:
        ExportError: the workflow is not to be had, or the crate cannot be written.
        SettingsError: what the project declares of itself is malformed.
    """
    metadata, payload = describe(run, workdir)
    texts = {**payload.texts, METADATA: metadata}
    if zip:
        made = run.end.finished if run.end is not None else run.info.started
        write_zip(destination, payload.copies, texts, made)
    else:
        write_folder(destination, payload.copies, texts)


def describe(run: RunHistory, workdir: Path) -> tuple[bytes, Payload]:
    """The metadata file of the crate of ``run``, and the files that belong to it."""
    graph, runs = Graph(), RunGraph(run)
    payload = Payload(run, workdir)
    payload.collect(_last_versions(run))
    payload.copies.pop(METADATA, None)
    add_head(graph)
    who = agent(graph, run.info)
    plan = Plan(graph, payload, runs)
    actions = Actions(graph, payload, plan, who)
    actions.add_jobs()
    actions.add_run(runs, _journal(graph, payload))
    mentioned = [*actions.all, *_verdicts(graph, payload, workdir)]
    fill_root(
        graph,
        load_project(workdir),
        run.info,
        published=run.end.finished if run.end is not None else run.info.started,
        workflow=plan.workflow,
        actions=mentioned,
        parts=_parts(graph, payload),
    )
    return graph.encode(), payload


def _last_versions(run: RunHistory) -> Iterator[FileRef]:
    """All files of the run; of a path with several versions, the last comes last."""
    done = [job for job in run.jobs.values() if job.record is not None]
    for job in sorted(done, key=lambda job: job.record.finished if job.record else 0.0):
        for _, _, files in steps_of(job):
            yield from files.input
            yield from files.output


def _journal(graph: Graph, payload: Payload) -> Ref:
    run = payload.run
    place = (RECORDED_RUNS / f"{run.info.run}.jsonl").as_posix()
    payload.texts[place] = run.path.read_bytes()
    return graph.add(
        quote(place),
        "File",
        name=f"Journal of run {run.info.run}",
        description="All that was recorded, one event a line; the other records derive from it.",
        encodingFormat="application/jsonl",
    )


def _verdicts(graph: Graph, payload: Payload, workdir: Path) -> Iterator[Ref]:
    for verdict in verdicts_on(workdir, payload.run.info.run):
        place = (VERDICTS / f"{verdict.id}.json").as_posix()
        payload.texts[place] = encode_verdict(verdict)
        name = f"Verdict of a replay: {verdict.outcome}"
        file = graph.add(quote(place), "File", name=name, encodingFormat="application/json")
        yield add_verdict(graph, verdict, file)


def _parts(graph: Graph, payload: Payload) -> list[str]:
    """Identifiers of all files and folders in the crate, each once, in order."""
    places = [quote(place) for place in (*payload.copies, *payload.texts)]
    found = [each if each in graph else f"{each}/" for each in places]
    return sorted(each for each in found if each in graph)
