"""Whether the recorded journals (and verdicts) are what was recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from snakemake_renku.journal import RECORDED_RUNS, VERDICTS, list_runs
from snakemake_renku.journal.write import RUNS
from snakemake_renku.lineage.records import Records
from snakemake_renku.verify.repository import Change, Repository
from snakemake_renku.verify.result import Journals, Problem


def check_journals(
    records: Records, repository: Repository | None
) -> tuple[Journals, list[Problem]]:
    """Compare each recorded journal with the one that its run wrote, and with what git has."""
    workdir = records.workdir
    recorded = sorted((workdir / RECORDED_RUNS).glob("*.jsonl"))
    problems = [*_copies(workdir, recorded), *_readable(records)]
    committed: set[Path] = set()
    if repository is not None:
        kept = [*recorded, *sorted((workdir / VERDICTS).glob("*.json"))]
        committed, tampered = _history(workdir, kept, repository)
        problems += tampered
        problems += _not_recorded(workdir, recorded, committed)
    counts = Journals(len(list_runs(workdir)), len(recorded), len(committed & set(recorded)))
    return counts, problems


def _readable(records: Records) -> Iterator[Problem]:
    for message in records.problems:
        yield Problem("journal", False, message)
    for run in records.runs.values():
        if run.alive and run.end is None:
            yield Problem(
                "journal",
                False,
                "This run goes on; verify again when it has ended.",
                run=run.info.run,
            )


def _copies(workdir: Path, recorded: Sequence[Path]) -> Iterator[Problem]:
    for path in recorded:
        other = workdir / RUNS / path.name
        if other.is_file() and other.read_bytes() != path.read_bytes():
            yield Problem(
                "tampered",
                True,
                f"The recorded journal differs from the one that its run wrote ({RUNS}).",
                str(path.relative_to(workdir)),
                run=path.stem,
                remedy="One of them was changed: compare them, and see `git log -p` of the former.",
            )


def _history(
    workdir: Path, paths: Sequence[Path], repository: Repository
) -> tuple[set[Path], list[Problem]]:
    """The files that stand in HEAD as they are here, and those that changed since they came."""
    places = {}
    for path in paths:
        name = repository.place(str(path.relative_to(workdir)))
        if name is not None:
            places[name] = path
    changes: dict[str, list[Change]] = {}
    for name, change in repository.history(list(places)):
        changes.setdefault(name, []).append(change)
    head = repository.tree(repository.head() or "HEAD")
    blobs = repository.blobs(head[name].object for name in places if name in head)
    committed, problems = set(), []
    for name, path in places.items():
        relative = str(path.relative_to(workdir))
        blob = blobs.get(head[name].object) if name in head else None
        if blob is not None and blob.digest == hashlib.sha256(path.read_bytes()).digest():
            committed.add(path)
        elif blob is not None:
            problems.append(_tampered(relative, path, "It is not what is committed"))
        problems += _rewritten(relative, path, changes.get(name, []), repository)
    return committed, problems


def _rewritten(
    relative: str, path: Path, changes: Sequence[Change], repository: Repository
) -> Iterator[Problem]:
    """A journal is committed once; what came later than the first commit is no part of the run."""
    versions = [change for change in changes if change.status != "D"]
    if versions and any(each.item.object != versions[-1].item.object for each in versions):
        later = next(each for each in versions if each.item.object != versions[-1].item.object)
        by = repository.author(later.commit)
        message = f"It was changed after it was committed: by {later.commit[:10]}, by {by}"
        yield _tampered(relative, path, message)


def _tampered(relative: str, path: Path, message: str) -> Problem:
    run = path.stem if path.suffix == ".jsonl" else None
    remedy = f"`git log -p -- {relative}` shows what was changed."
    return Problem("tampered", True, f"{message}.", relative, run=run, remedy=remedy)


def _not_recorded(
    workdir: Path, recorded: Sequence[Path], committed: set[Path]
) -> Iterator[Problem]:
    names = {path.name for path in recorded}
    written = [path for path in list_runs(workdir) if path.name not in names]
    if written:
        yield Problem(
            "journal",
            False,
            f"{_runs(len(written))} not recorded in git, so a clone knows nothing of"
            f" {'them' if len(written) > 1 else 'it'}.",
            run=written[-1].stem,
            remedy=f"`snakemake-renku record {written[-1].stem}`",
        )
    loose = [path for path in recorded if path not in committed]
    if loose:
        yield Problem(
            "journal",
            False,
            "The recorded journal is not committed as it is."
            if len(loose) == 1
            else f"{len(loose)} recorded journals are not committed as they are.",
            run=loose[-1].stem,
        )


def _runs(count: int) -> str:
    return "1 run is" if count == 1 else f"{count} runs are"
