"""Inputs that are tied to their makers by a folder, of which a single digest is recorded.

Where the folder still stands as it was recorded, the files in it tell whether what a job read is
what another made; where it does not, nobody can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from snakemake_renku.lineage.records import Job, Link, Seen
from snakemake_renku.lineage.words import short_digest
from snakemake_renku.runner.digest_cache import DigestCache
from snakemake_renku.verify.files import look
from snakemake_renku.verify.result import FileState, Problem

Tied = tuple[Job, Seen, Link]


def check_folders(
    workdir: Path, tied: Sequence[Tied], states: Sequence[FileState], cache: DigestCache | None
) -> Iterator[Problem]:
    """Compare the files in the folders that stand as recorded; count the others."""
    intact = {(each.path, each.recorded) for each in states if each.state in ("ok", "elsewhere")}
    whole = [each for each in tied if _folder(each) in intact]
    here = look(workdir, [_file(each).path for each in whole], cache, fast=True)
    for each, there in zip(whole, here, strict=True):
        found = there.key.digest if there.key is not None else there.digest
        if _file(each).ref.digest != found:
            yield _gap(each)
    rest = [each for each in tied if _folder(each) not in intact]
    if rest:
        job, seen, _ = rest[0]
        yield Problem(
            "unproven",
            False,
            f"Of {len(rest)} of the files that were read nothing tells whether they are what their"
            " makers left: they are known by the folders that they lie in, and these are not here"
            " as they were.",
            path=seen.path,
            job=job.key,
        )


def _folder(tied: Tied) -> tuple[str, str | None]:
    _, seen, link = tied
    folder = link.seen if link.how == "part" else seen
    return folder.path, folder.ref.digest


def _file(tied: Tied) -> Seen:
    _, seen, link = tied
    return seen if link.how == "part" else link.seen


def _gap(tied: Tied) -> Problem:
    job, seen, link = tied
    if link.how == "part":
        read = short_digest(seen.ref.digest or "")
        message = f"{job.key} read {read}, which is not what {link.job.key} left there."
    else:
        made = short_digest(link.seen.ref.digest or "")
        message = (
            f"{link.job.key} made {made}, but that was not there any more when {job.key} read the"
            f" folder {seen.path}."
        )
    return Problem(
        "gap",
        True,
        message,
        _file(tied).path,
        job.key,
        remedy="Make the change in a rule, and run Snakemake again.",
        digest=_file(tied).ref.digest,
    )
