"""The crate as a whole: its metadata descriptor, root, authors and licence."""

from __future__ import annotations

from collections.abc import Iterable

from snakemake_renku.model import RunInfo, Verdict
from snakemake_renku.project import Author, Project
from snakemake_renku.provenance.rocrate.graph import CRATE, Graph, Ref, local, moment

PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
METADATA = "ro-crate-metadata.json"
NO_LICENCE = "The project declares no licence (see renku.toml, [project])."


def add_head(graph: Graph) -> None:
    """Add the descriptor of the metadata file and the root, which come first."""
    conforms = [{"@id": CRATE}, {"@id": PROFILES[-1][0]}]
    graph.add(METADATA, "CreativeWork", about={"@id": "./"}, conformsTo=conforms)
    graph.add("./", "Dataset")
    for id, name, version in PROFILES:
        profile = graph.add(id, "CreativeWork", name=name, version=version)
        graph.link("./", "conformsTo", profile)


def fill_root(
    graph: Graph,
    project: Project,
    info: RunInfo,
    *,
    published: float,
    workflow: Ref,
    actions: Iterable[Ref],
    parts: Iterable[str],
) -> None:
    """Give the root what it must have: name, description, date, licence, author, parts."""
    title = project.title or f"Run of {workflow['@id']}"
    graph.set(
        "./",
        name=title,
        description=project.description
        or f"{title}: run {info.run} of Snakemake by {info.user}, with all that it read and made.",
        datePublished=moment(published),
        license=_license(graph, project.license),
        author=[person(graph, author) for author in project.authors] or [agent(graph, info)],
        keywords=", ".join(project.keywords),
        url=project.url,
        mainEntity=workflow,
        mentions=list(actions),
        hasPart=[{"@id": part} for part in parts],
    )
    licence, author = graph.get("./")["license"], graph.get("./")["author"]
    graph.set(workflow["@id"], license=licence, author=author)


def agent(graph: Graph, info: RunInfo) -> Ref:
    """The person who ran it, as this machine knows them."""
    return graph.add(
        local("user", info.user), "Person", name=info.user, description=f"User on {info.host}"
    )


def person(graph: Graph, author: Author) -> Ref:
    """An author, by ORCID where there is one."""
    place = None
    if author.affiliation:
        name = author.affiliation
        place = graph.add(local("organization", name), "Organization", name=name)
    return graph.add(
        author.orcid_url or local("person", author.name),
        "Person",
        name=author.name,
        email=author.email,
        affiliation=place,
    )


def add_verdict(graph: Graph, verdict: Verdict, file: Ref) -> Ref:
    """What a replay found, as the assessment of what it replayed."""
    who = graph.add(
        local("user", verdict.place.user),
        "Person",
        name=verdict.place.user,
        description=f"User on {verdict.place.host}",
    )
    return graph.add(
        local("verdict", verdict.id),
        "AssessAction",
        name=f"Replay of {verdict.target}: {verdict.outcome}",
        agent=who,
        startTime=moment(verdict.started),
        endTime=moment(verdict.finished),
        object=[{"@id": local("run", run)} for run in verdict.runs if local("run", run) in graph],
        result=file,
    )


def _license(graph: Graph, license: str | None) -> Ref | str:
    """A licence as an entity: a URL, an SPDX identifier, or the text that the project gives."""
    if not license:
        return NO_LICENCE
    is_url = license.startswith(("http://", "https://"))
    if not is_url and (" " in license or "/" in license):
        return license
    url = license if is_url else f"https://spdx.org/licenses/{license}"
    return graph.add(url, "CreativeWork", name=license, identifier=url)
