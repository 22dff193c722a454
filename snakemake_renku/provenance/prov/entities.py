"""Files and environments as entities."""

from __future__ import annotations

from collections.abc import Iterable

from snakemake_renku.model import FileRef, ResolvedEnvironment
from snakemake_renku.provenance.prov.document import Document
from snakemake_renku.provenance.prov.files import Made, Use
from snakemake_renku.provenance.prov.names import content_id, hashed


def content(
    document: Document, path: str, digest: str, size: int | None, *, folder: bool = False
) -> str:
    """A path with certain bytes, whoever wrote them."""
    id = content_id(path, digest)
    return document.entity(id, _file(document, "Content", path, digest, size, folder))


def version(
    document: Document, id: str, path: str, digest: str, size: int | None, *, folder: bool = False
) -> str:
    """What one activity left at a path: a content, and its maker."""
    if document.once(f"content of {id}"):
        document.entity(id, _file(document, "Version", path, digest, size, folder))
        document.specialized(id, content(document, path, digest, size, folder=folder))
    return id


def made(document: Document, one: Made) -> str:
    """What an attempt left at a path."""
    return _found(document, one.id, one.path, one.ref)


def used(document: Document, use: Use) -> str:
    """What an attempt read: a version, or a content of which nobody knows who wrote it."""
    if use.made is not None:
        return made(document, use.made)
    ref = use.refs[0]
    if ref.digest is None:
        return _found(document, use.id, use.path, ref)
    folder = ref.kind == "directory"
    return content(document, use.path, ref.digest, ref.size, folder=folder)


def environments(document: Document, found: Iterable[ResolvedEnvironment]) -> dict[str, str]:
    """Images, conda environments and modules, each with its role."""
    result: dict[str, str] = {}
    for environment in found:
        if environment.container is not None:
            result[_image(document, environment)] = "image"
        if environment.conda is not None:
            result[_conda(document, environment)] = "environment"
        if environment.modules:
            result[_modules(document, environment)] = "environment"
    return result


def _found(document: Document, id: str, path: str, ref: FileRef) -> str:
    if ref.digest is not None:
        folder = ref.kind == "directory"
        return version(document, id, path, ref.digest, ref.size, folder=folder)
    return document.entity(
        id,
        [
            ("prov:type", document.term("wfprov:Artifact")),
            ("prov:type", document.term("Version")),
            ("prov:label", path),
            ("path", path),
            ("kind", ref.kind),
            ("problem", ref.problem),
        ],
    )


def _file(
    document: Document, kind: str, path: str, digest: str, size: int | None, folder: bool
) -> list[tuple[str, object]]:
    return [
        ("prov:type", document.term("wfprov:Artifact")),
        ("prov:type", document.term(kind)),
        ("prov:type", document.term("prov:Collection") if folder else None),
        ("prov:label", path),
        ("path", path),
        ("kind", "directory" if folder else "file"),
        ("digest", digest),
        ("size", size),
    ]


def _image(document: Document, found: ResolvedEnvironment) -> str:
    parts = (found.container, found.image_digest, found.image_digest_of)
    return document.entity(
        hashed("image", *parts),
        [
            ("prov:type", document.term("Image")),
            ("prov:label", found.container),
            ("container", found.container),
            ("digest", found.image_digest),
            ("digestOf", found.image_digest_of),
        ],
    )


def _conda(document: Document, found: ResolvedEnvironment) -> str:
    return document.entity(
        hashed("environment", "conda", found.conda, found.conda_hash),
        [
            ("prov:type", document.term("CondaEnvironment")),
            ("prov:label", found.conda),
            ("conda", found.conda),
            ("condaHash", found.conda_hash),
        ],
    )


def _modules(document: Document, found: ResolvedEnvironment) -> str:
    return document.entity(
        hashed("environment", "modules", *found.modules),
        [
            ("prov:type", document.term("Modules")),
            ("prov:label", " ".join(found.modules)),
            ("modules", " ".join(found.modules)),
        ],
    )
