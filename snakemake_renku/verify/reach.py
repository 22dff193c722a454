"""Whether what the jobs read and ran in can still be had."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from snakemake_renku.errors import BackendUnavailable, DigestError, SettingsError
from snakemake_renku.lineage.records import Job
from snakemake_renku.lineage.words import short_digest
from snakemake_renku.verify.chain import Proof, Source
from snakemake_renku.verify.copies import copies
from snakemake_renku.verify.repository import Repository
from snakemake_renku.verify.result import FileState, Problem
from snakemake_renku.verify.versions import Version

_REGISTRY = ("docker://", "oras://")


def lost_sources(
    proof: Proof, repository: Repository | None, states: Sequence[FileState]
) -> dict[Version, Problem]:
    """The sources of which nobody has the content: not here, not in git, no copy in the annex."""
    here = {(each.path, each.recorded) for each in states if each.state == "ok"}
    away = {each.path for each in states if each.state in ("elsewhere", "unknown")}
    sources = [
        each
        for each in proof.links.sources.values()
        if (each.version.path, each.version.digest) not in here and each.version.path not in away
    ]
    keys = {where.key for each in sources if (where := proof.kept.get(each.version)) and where.key}
    known = copies(repository, keys) if repository is not None and keys else {}
    found = {}
    for each in sources:
        where = proof.kept.get(each.version)
        if where is None or (where.key is not None and not known.get(where.key)):
            found[each.version] = _lost(each, where.key if where is not None else None)
    return found


def _lost(source: Source, key: str | None) -> Problem:
    why = (
        f"git-annex knows of no copy of its key {key}"
        if key is not None
        else "it is not here, and not in git"
    )
    return Problem(
        "lost",
        True,
        f"What {source.first.key} read ({short_digest(source.version.digest)}) can no longer be"
        f" had: {why}.",
        source.version.path,
        source.first.key,
        remedy="Nothing that rests on it can be replayed, until somebody gives it back.",
        digest=source.version.digest,
    )


def check_images(jobs: Sequence[Job]) -> Iterator[Problem]:
    """Images that are not where they were; asks their registries."""
    seen = set()
    for job in jobs:
        for spec, step in zip(job.history.spec.steps, job.record.steps, strict=False):
            found = step.environment
            if found.container is None or (found.container, found.image_digest) in seen:
                continue
            seen.add((found.container, found.image_digest))
            yield from _image(
                job,
                found.container,
                spec.environment.image_path,
                found.image_digest,
                found.image_digest_of,
            )


def _image(
    job: Job, container: str, path: str | None, digest: str | None, kind: str | None
) -> Iterator[Problem]:
    if digest is None:
        yield Problem(
            "unproven", False, f"The digest of {container} was not recorded.", None, job.key
        )
    elif kind == "manifest" and container.startswith(_REGISTRY):
        yield from _in_registry(job, container, digest)
    else:
        yield from _on_disk(job, container, path or container, digest)


def _in_registry(job: Job, container: str, digest: str) -> Iterator[Problem]:
    from snakemake_renku.runner.registry import ask_registry, parse_reference

    try:
        # A registry takes a digest where it takes a tag.
        ask_registry(parse_reference(container)._replace(tag=digest))
    except BackendUnavailable as error:
        gone = "answers 404" in error.message
        message = f"{container} at {digest}: {error.message}"
        yield Problem("lost" if gone else "unproven", gone, message, None, job.key)
    except SettingsError as error:
        yield Problem("unproven", False, error.message, None, job.key)


def _on_disk(job: Job, container: str, path: str, digest: str) -> Iterator[Problem]:
    from snakemake_renku.runner.digest import digest_file, digest_tree

    try:
        found = digest_tree(path) if os.path.isdir(path) else digest_file(path)
    except DigestError:
        found = None
    if found is None or found.partition(":")[2] != digest.partition(":")[2]:
        what = "is gone" if found is None else "is another one now"
        message = f"The image {container} that {job.key} ran in ({digest}) {what}."
        yield Problem("lost", True, message, None, job.key, remedy="Pin images by @sha256.")
