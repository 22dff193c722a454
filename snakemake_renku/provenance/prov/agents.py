"""Who and what was responsible: people, programs and machines."""

from __future__ import annotations

from snakemake_renku.provenance.prov.document import Document
from snakemake_renku.provenance.prov.names import hashed, spelled


def person(document: Document, user: str, host: str) -> str:
    """A user, who is known by a login on a host."""
    return document.agent(
        hashed("user", user, host),
        [
            ("prov:type", document.term("prov:Person")),
            ("prov:label", user),
            ("user", user),
            ("host", document.name(machine(document, host))),
        ],
    )


def machine(document: Document, host: str) -> str:
    """A host."""
    return document.agent(
        hashed("host", host),
        [("prov:type", document.term("Host")), ("prov:label", host), ("hostName", host)],
    )


def snakemake(document: Document, version: str) -> str:
    """Snakemake, which enacts workflows."""
    return _program(document, "snakemake", version, ["wfprov:WorkflowEngine"])


def renku(document: Document, version: str) -> str:
    """This package, which executes jobs for Snakemake."""
    return _program(document, "snakemake-renku", version)


def python(document: Document, version: str, packages_digest: str | None) -> str:
    """A Python with certain packages."""
    id = hashed("software", "python", version, packages_digest)
    return document.agent(
        id,
        [
            *_described(document, "python", version),
            ("packagesDigest", packages_digest),
        ],
    )


def _program(document: Document, name: str, version: str, types: list[str] | None = None) -> str:
    more = [("prov:type", document.term(each)) for each in types or []]
    id = spelled("software", name, version)
    return document.agent(id, [*_described(document, name, version), *more])


def _described(document: Document, name: str, version: str) -> list[tuple[str, object]]:
    return [
        ("prov:type", document.term("prov:SoftwareAgent")),
        ("prov:label", f"{name} {version}"),
        ("software", name),
        ("softwareVersion", version),
    ]
