"""A verification from beginning to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from snakemake_renku.journal import find_run
from snakemake_renku.lineage.records import Job, Records, read_records
from snakemake_renku.lineage.target import CACHE, recorded_path
from snakemake_renku.runner.digest_cache import DigestCache
from snakemake_renku.verify.chain import Links, gaps, late, links, prove, stale
from snakemake_renku.verify.code import check_code, code
from snakemake_renku.verify.files import check_files
from snakemake_renku.verify.folders import check_folders
from snakemake_renku.verify.journals import check_journals
from snakemake_renku.verify.reach import check_images, lost_sources
from snakemake_renku.verify.repository import Repository
from snakemake_renku.verify.result import KINDS, STATES, FileState, Problem, Report, State
from snakemake_renku.verify.scope import Scope, choose, last_version
from snakemake_renku.verify.wording import FileProblems


def verify(
    workdir: Path,
    paths: Sequence[str] = (),
    *,
    run: str | None = None,
    every_job: bool = False,
    fast: bool = False,
    images: bool = False,
) -> Report:
    """Verify what is recorded of ``paths`` (all files), as ``run`` (the last run of each) left it.

    ``every_job`` looks at jobs of which nothing is left, too; ``fast`` trusts the keys of
    git-annex; ``images`` asks registries. Writes nothing but the cache of digests.

    Raises:
        NoSuchRun: no run is recorded here, or none is called ``run``.
    """
    name = find_run(workdir, run).stem
    records = read_records(workdir)
    scope = choose(records, paths, None if run is None else name, every_job=every_job)
    repository = Repository.around(workdir)
    cache = DigestCache(workdir / CACHE) if (workdir / CACHE).is_dir() else None
    states = check_files(records, list(scope.files.values()), repository, cache, fast=fast)
    if cache is not None:
        cache.flush()
    problems = FileProblems(records, scope, repository)
    named = [recorded_path(records, path) for path in paths]
    found = [*problems.of(states), *problems.unrecorded(scope.unrecorded, named)]
    tied = links(records, scope.jobs)
    found += check_folders(workdir, tied.folders, states, cache)
    if images:
        found += check_images(scope.jobs)
    return _report(records, scope, repository, states, tied, found)


def _report(
    records: Records,
    scope: Scope,
    repository: Repository | None,
    states: Sequence[FileState],
    tied: Links,
    found: list[Problem],
) -> Report:
    proof = prove(repository, tied)
    lost = lost_sources(proof, repository, states)
    journals, tampered = check_journals(records, repository)
    last = {path: last_version(records, path) for path in scope.files}
    found += lost.values()
    found += gaps(proof, repository, lost)
    found += late(proof)
    found += stale(records, scope.jobs, {p: each for p, each in last.items() if each is not None})
    found += check_code(records, code(scope.jobs), repository)
    found += tampered
    found += _commits(scope.jobs, repository)
    counts: Counter[State] = Counter(each.state for each in states)
    counts["unrecorded"] += len(scope.unrecorded)
    found = _sorted(found)
    return Report(
        ok=not any(each.broken for each in found),
        counts={state: counts[state] for state in STATES if counts[state]},
        chain=proof.chain(),
        journals=journals,
        problems=tuple(found),
        files=(*states, *(FileState(path, "unrecorded") for path in scope.unrecorded)),
        repository=str(repository.root) if repository is not None else None,
    )


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    """Worst first; of one file each kind once, and what is lost is not told to be missing too."""
    unique = {(each.kind, each.path, each.run, each.message): each for each in problems}
    lost = {each.path for each in unique.values() if each.kind == "lost"}
    kept: dict[object, Problem] = {}
    for key, each in unique.items():
        if each.kind == "lost" and each.path is not None:
            kept.setdefault(("lost", each.path), each)
        elif each.kind != "missing" or each.path not in lost:
            kept[key] = each
    order = {kind: number for number, kind in enumerate(KINDS)}
    return sorted(kept.values(), key=lambda each: (not each.broken, order[each.kind]))


def _commits(jobs: Sequence[Job], repository: Repository | None) -> Iterator[Problem]:
    """Commits of runs that are not here, or that nothing leads to."""
    if repository is None:
        yield Problem(
            "unproven",
            False,
            "This is no git repository, so nothing proves what sources and code were.",
            remedy="`datalad create --force`, and save everything before Snakemake runs.",
        )
        return
    runs = {job.run.info.run: job.run.info for job in jobs}
    commits = {info.git.commit: run for run, info in runs.items() if info.git is not None}
    for commit, run in commits.items():
        if not repository.has_commit(commit):
            message = f"The commit {commit} that the run belongs to is not in this repository."
            remedy = "Fetch all of its history (`git fetch --unshallow`), or find its branch."
            yield Problem("commit", False, message, run=run, remedy=remedy)
        elif not repository.is_kept(commit):
            message = f"No branch leads to the commit {commit} that the run belongs to."
            yield Problem("commit", False, message, run=run, remedy=f"`git tag run-{run} {commit}`")
    loose = [run for run, info in runs.items() if info.git is None]
    if loose:
        message = f"{len(loose)} runs were made outside of git, so they belong to no commit."
        yield Problem("commit", False, message, run=loose[-1])
