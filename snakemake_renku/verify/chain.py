"""Whether each result leads back to sources without gaps, and is made from what is current."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from snakemake_renku.lineage.records import Job, Link, Made, Origin, Records, Seen
from snakemake_renku.lineage.words import short_digest
from snakemake_renku.verify.repository import Repository
from snakemake_renku.verify.result import Chain, Problem
from snakemake_renku.verify.scope import Expected
from snakemake_renku.verify.versions import Kept, Version, kept


class Source(NamedTuple):
    """An input that no recorded job made, and the jobs that read it."""

    version: Version
    first: Job
    readers: int
    changed: Made | None


@dataclass(slots=True)
class Links:
    """The inputs of the jobs that count, by where they came from.

    ``folders`` are those tied to their makers by a folder, so not digest by digest.
    """

    jobs: int
    made: int = 0
    folders: list[tuple[Job, Seen, Link]] = field(default_factory=list)
    unhashed: list[tuple[Job, Seen]] = field(default_factory=list)
    sources: dict[Version, Source] = field(default_factory=dict)


def links(records: Records, jobs: Sequence[Job]) -> Links:
    """Where each input of ``jobs`` came from."""
    found = Links(len(jobs))
    for job in jobs:
        for seen in job.reads:
            origin = records.origin(job, seen)
            if origin.links:
                found.made += 1
                tied = ((job, seen, link) for link in origin.links)
                found.folders += (each for each in tied if each[2].how in ("part", "holds"))
            elif seen.ref.digest is None:
                found.unhashed.append((job, seen))
            else:
                _add(found.sources, job, seen, origin)
    return found


def _add(sources: dict[Version, Source], job: Job, seen: Seen, origin: Origin) -> None:
    git = job.run.info.git
    assert seen.ref.digest is not None
    version = Version(seen.path, seen.ref.digest, seen.ref.size, git.commit if git else None)
    known = sources.get(version)
    if known is None:
        sources[version] = Source(version, job, 1, origin.changed)
    else:
        sources[version] = known._replace(
            readers=known.readers + 1, changed=known.changed or origin.changed
        )


@dataclass(slots=True)
class Proof:
    """Which sources git has, and where."""

    links: Links
    kept: dict[Version, Kept]

    def chain(self) -> Chain:
        """The counts."""
        sources = self.links.sources.values()
        in_git = sum(each.version in self.kept for each in sources)
        other = len(sources) - in_git + len(self.links.unhashed)
        made = self.links.made
        return Chain(self.links.jobs, made + in_git + other, made, in_git, other)


def prove(repository: Repository | None, found: Links) -> Proof:
    """Look for the sources in git."""
    return Proof(found, kept(repository, found.sources) if repository is not None else {})


def gaps(
    proof: Proof, repository: Repository | None, lost: Collection[Version]
) -> Iterator[Problem]:
    """Where the chain does not hold, or cannot be known to; ``lost`` sources are told elsewhere."""
    for source in proof.links.sources.values():
        version = source.version
        where = proof.kept.get(version)
        if source.changed is not None:
            yield _changed_between(source, where, repository)
        elif where is not None and not where.sure:
            yield Problem(
                "unproven",
                False,
                f"Git has it by the key {where.key}, which holds no SHA-256; its size is right.",
                path=version.path,
                remedy="Use the backend SHA256E: `* annex.backend=SHA256E` in .gitattributes.",
            )
        elif where is None and repository is not None and version not in lost:
            yield _not_in_git(source, repository)
    for job, seen in proof.links.unhashed:
        why = seen.ref.problem or "its digest was not recorded"
        yield Problem("unproven", False, f"What was read is unknown: {why}", seen.path, job.key)


def _changed_between(source: Source, where: Kept | None, repository: Repository | None) -> Problem:
    assert source.changed is not None
    version, maker = source.version, source.changed
    then = ""
    if where is not None and repository is not None:
        by = repository.author(where.commit)
        then = f" What was read is in git: commit {where.commit[:10]}, by {by}."
    return Problem(
        "gap",
        True,
        f"It was changed by something unrecorded: {maker.job.key} made"
        f" {short_digest(maker.seen.ref.digest or '')}, but {_readers(source)} read"
        f" {short_digest(version.digest)}.{then}",
        path=version.path,
        job=source.first.key,
        remedy="Make the change in a rule, and run Snakemake again.",
        digest=version.digest,
    )


def _not_in_git(source: Source, repository: Repository) -> Problem:
    version = source.version
    if repository.place(version.path) is None:
        return Problem(
            "outside",
            False,
            f"It lies outside of the repository ({_readers(source)} read it), so a clone lacks it.",
            path=version.path,
            job=source.first.key,
            remedy="Put it into the dataset, or fetch it in a rule.",
        )
    return Problem(
        "gap",
        True,
        f"No recorded job made what {_readers(source)} read ({short_digest(version.digest)}), and"
        " it is not in git: where it came from is unknown.",
        path=version.path,
        job=source.first.key,
        remedy="Commit the sources (`datalad save`, or `git commit`), and run Snakemake again if"
        " they are not what they were.",
        digest=version.digest,
    )


def _readers(source: Source) -> str:
    more = source.readers - 1
    return source.first.key if not more else f"{source.first.key} and {more} more"


def late(proof: Proof) -> Iterator[Problem]:
    """Sources that were committed only after the run that read them (or by another branch)."""
    late = [
        version
        for version, where in proof.kept.items()
        if version.commit is not None and where.commit != version.commit
    ]
    if late:
        paths = ", ".join(version.path for version in late[:3])
        yield Problem(
            "commit",
            False,
            f"{len(late)} sources are in git, but not in the commit that their run belongs to:"
            f" {paths}{', …' if len(late) > 3 else ''}",
        )


def stale(records: Records, jobs: Iterable[Job], last: dict[str, Expected]) -> Iterator[Problem]:
    """Results that are the last of their path, made from inputs that are not."""
    for job in jobs:
        current = [seen.path for seen in job.makes if _is_current(records, job, seen)]
        older = [
            (seen, last[seen.path])
            for seen in job.reads
            if seen.path in last and _is_newer(last[seen.path], job, seen)
        ]
        if current and older:
            yield _stale(job, current, older)


def _stale(job: Job, current: Sequence[str], older: Sequence[tuple[Seen, Expected]]) -> Problem:
    seen, newer = older[0]
    outputs = f" and {len(current) - 1} more" if len(current) > 1 else ""
    inputs = f" (and {len(older) - 1} more)" if len(older) > 1 else ""
    did = "made" if newer.made else "read"
    return Problem(
        "stale",
        True,
        f"{current[0]}{outputs} was made from an older version of {seen.path}{inputs}"
        f" ({short_digest(seen.ref.digest or '')}); {newer.job.key} has {did} a later one"
        f" ({short_digest(newer.seen.ref.digest or '')}).",
        path=current[0],
        job=job.key,
        remedy="Run Snakemake again.",
        digest=seen.ref.digest,
    )


def _is_current(records: Records, job: Job, seen: Seen) -> bool:
    return seen.ref.role == "output" and records.makers(seen.path)[-1].job is job


def _is_newer(newer: Expected, job: Job, seen: Seen) -> bool:
    if "ancient" in seen.flags or newer.job is job:
        return False
    return (
        seen.ref.digest is not None
        and newer.seen.ref.digest not in (None, seen.ref.digest)
        and newer.time > job.record.started
    )
