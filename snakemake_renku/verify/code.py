"""Whether the code that ran is in git, and whether it is what is here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from snakemake_renku.lineage.describe import script_place
from snakemake_renku.lineage.records import Job, Records, place
from snakemake_renku.lineage.words import short_digest
from snakemake_renku.verify.files import look
from snakemake_renku.verify.repository import Repository
from snakemake_renku.verify.result import Problem
from snakemake_renku.verify.versions import Kept, Version, kept


class Code(NamedTuple):
    """A version of a script, Snakefile or configuration, and the last job that ran it."""

    version: Version
    job: Job
    jobs: int


def code(jobs: Sequence[Job]) -> dict[Version, Code]:
    """The code of ``jobs``, in the order of their ends."""
    found: dict[Version, Code] = {}
    for job in jobs:
        for version in _of_job(job):
            known = found.pop(version, None)
            found[version] = Code(version, job, 1 + (known.jobs if known is not None else 0))
    return found


def _of_job(job: Job) -> Iterator[Version]:
    info = job.run.info
    commit = info.git.commit if info.git is not None else None
    for source in info.sources:
        if "://" not in source.path:
            yield Version(place(source.path, info), source.digest, None, commit)
    for step in job.history.spec.steps:
        if step.script is not None and step.code_digest is not None and "://" not in step.script:
            yield Version(script_place(step.script, info), step.code_digest, None, commit)


def check_code(
    records: Records, found: dict[Version, Code], repository: Repository | None
) -> Iterator[Problem]:
    """Code that git does not have, and code that was edited since."""
    where = kept(repository, found) if repository is not None else {}
    if repository is not None:
        for version, each in found.items():
            if version not in where:
                yield _not_in_git(each, repository)
    # Of each path, the version that ran last is the one to compare with.
    last = {version.path: each for version, each in found.items()}
    here = look(records.workdir, list(last), None, fast=False)
    for each, there in zip(last.values(), here, strict=True):
        if each.version.digest != there.digest and each.version in where:
            yield _edited(each, where[each.version], gone=there.absent)


def _not_in_git(each: Code, repository: Repository) -> Problem:
    outside = repository.place(each.version.path) is None
    jobs = f"{each.jobs} jobs" if each.jobs > 1 else each.job.key
    if outside:
        return Problem(
            "outside",
            False,
            f"Code that {jobs} ran lies outside of the repository, so a clone lacks it.",
            each.version.path,
            each.job.key,
        )
    return Problem(
        "code",
        True,
        f"What {jobs} ran ({short_digest(each.version.digest)}) is in no commit.",
        each.version.path,
        each.job.key,
        remedy="Commit the workflow before it runs, and run Snakemake again.",
        digest=each.version.digest,
    )


def _edited(each: Code, where: Kept, *, gone: bool) -> Problem:
    what = "It is not here any more" if gone else "It is not what it was any more"
    return Problem(
        "edited",
        False,
        f"{what}: {each.job.key} ran what commit {where.commit[:10]} holds.",
        each.version.path,
        each.job.key,
    )
