"""What is to be verified: which jobs count, and which version of which file should be here."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from snakemake_renku.lineage.records import Job, Made, Records, Seen
from snakemake_renku.lineage.target import recorded_path


class Expected(NamedTuple):
    """The version that should stand at a path: the last one that a job made or read there."""

    path: str
    job: Job
    seen: Seen
    made: bool
    temporary: bool

    @property
    def time(self) -> float:
        """When it was seen."""
        return self.job.record.finished if self.made else self.job.record.started


@dataclass(slots=True)
class Scope:
    """The jobs that count, the files to look at, and paths that were asked for but not recorded."""

    jobs: tuple[Job, ...]
    files: dict[str, Expected]
    unrecorded: tuple[str, ...] = ()


def choose(
    records: Records, paths: Sequence[str], run: str | None, *, every_job: bool = False
) -> Scope:
    """What ``paths`` (or all), as ``run`` (or the last run) left it, rests on.

    Without ``every_job``, jobs whose results have all been made anew by later ones do not count,
    unless something that counts was made from what they left.
    """
    last = {path: last_version(records, path, run) for path in sorted(records.paths())}
    known = {path: version for path, version in last.items() if version is not None}
    asked = [recorded_path(records, path) for path in paths]
    chosen = _named(known, asked) if asked else known
    jobs = _ancestry(records, _wanted(records, chosen, run, asked, every_job))
    if asked:
        reached = {seen.path for job in jobs for seen in (*job.reads, *job.makes)}
        files = {path: version for path, version in known.items() if path in chosen}
        files |= {path: known[path] for path in sorted(reached & known.keys())}
    else:
        files = known
    unrecorded = tuple(_unrecorded(records.workdir, asked, known))
    return Scope(jobs, files, unrecorded)


def last_version(records: Records, path: str, run: str | None = None) -> Expected | None:
    """The last version of ``path`` that a job (of ``run``) made or read."""
    made = [each for each in records.makers(path) if run in (None, each.job.run.info.run)]
    read = [each for each in records.readers(path) if run in (None, each.job.run.info.run)]
    versions = [
        *(_expected(records, each, made=False) for each in read if each.seen.ref.digest),
        *(_expected(records, each, made=True) for each in made),
    ]
    last = max(versions, key=lambda each: (each.time, each.made), default=None)
    if last is None or last.made:
        return last
    # What was read last is mostly what was made before; then its maker is whom to name.
    digest = last.seen.ref.digest
    same = [each for each in versions if each.made and each.seen.ref.digest == digest]
    return max(same, key=lambda each: each.time, default=last)


def _expected(records: Records, each: Made, *, made: bool) -> Expected:
    maker = records.makers(each.seen.path)
    temporary = bool(maker) and "temp" in maker[-1].seen.flags
    return Expected(each.seen.path, each.job, each.seen, made, temporary)


def _named(known: dict[str, Expected], asked: Sequence[str]) -> dict[str, Expected]:
    """The recorded files that are named, lie in a folder that is named, or hold one."""
    return {
        path: version
        for path, version in known.items()
        if any(_within(path, each) or _within(each, path) for each in asked)
    }


def _within(path: str, folder: str) -> bool:
    return path == folder or folder == "." or path.startswith(folder.rstrip("/") + "/")


def _wanted(
    records: Records,
    chosen: dict[str, Expected],
    run: str | None,
    asked: Sequence[str],
    every_job: bool,
) -> Iterable[Job]:
    if every_job and not asked:
        return [job for job in records.jobs.values() if run in (None, job.run.info.run)]
    makers = (records.makers(path) for path in chosen)
    return [_maker(some, run) for some in makers if some]


def _maker(makers: Sequence[Made], run: str | None) -> Job:
    of_run = [each for each in makers if run in (None, each.job.run.info.run)]
    return (of_run or makers)[-1].job


def _ancestry(records: Records, jobs: Iterable[Job]) -> tuple[Job, ...]:
    met = {job.key: job for job in jobs}
    queue = deque(met.values())
    while queue:
        job = queue.popleft()
        for seen in job.reads:
            for link in records.origin(job, seen).links:
                if link.job.key not in met:
                    met[link.job.key] = link.job
                    queue.append(link.job)
    return tuple(job for key, job in records.jobs.items() if key in met)


def _unrecorded(workdir: Path, asked: Sequence[str], known: dict[str, Expected]) -> Iterator[str]:
    """What was named, and the files in folders that were named, of which no job knows."""
    for path in asked:
        absolute = os.path.join(workdir, path)
        if os.path.isdir(absolute) and not os.path.islink(absolute):
            yield from (each for each in _files(workdir, path) if not _is_known(each, known))
        elif not _is_known(path, known):
            yield path


def _is_known(path: str, known: dict[str, Expected]) -> bool:
    while path:
        if path in known:
            return True
        path = path.rpartition("/")[0]
    return False


def _files(workdir: Path, folder: str) -> Iterator[str]:
    for where, folders, names in os.walk(os.path.join(workdir, folder)):
        folders[:] = sorted(set(folders) - {".git", ".snakemake", ".snakemake-renku", ".datalad"})
        for name in sorted(names):
            path = os.path.relpath(os.path.join(where, name), workdir)
            if name not in (".snakemake_timestamp", ".gitattributes", ".gitignore"):
                yield path
