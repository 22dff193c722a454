"""All that the journals of a working directory say of files: who made which version, who read it.

A version of a file is a path and a digest. Paths are compared as they are within the working
directory, so journals that were written elsewhere (before a clone, by another user) fit together.
"""

from __future__ import annotations

import os.path
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from snakemake_renku.errors import JournalError
from snakemake_renku.journal import (
    JobHistory,
    RunHistory,
    list_runs,
    normal_path,
    outputs,
    read_run,
)
from snakemake_renku.model import FileRef, JobRecord, RunInfo

How = Literal["same", "copy", "part", "holds", "stream", "unhashed"]
"""How what a job read is tied to what another made.

``same``: path and digest are those that the maker left; ``copy``: the digest is, at another path;
``part``: a file in a folder that the maker made (so of the folder alone a digest is recorded);
``holds``: the other way round, a folder in which the maker's file lies; ``stream``: a pipe or
service; ``unhashed``: the same path in the same run, and one of the two has no digest.
"""


class Seen(NamedTuple):
    """A file as a job found it, at its path relative to the working directory."""

    path: str
    ref: FileRef
    flags: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Job:
    """A good attempt of a job: what it read from outside, and what it made."""

    key: str
    """``<run>/<id>``, unique among all runs."""
    run: RunHistory
    history: JobHistory
    record: JobRecord
    reads: tuple[Seen, ...]
    makes: tuple[Seen, ...]


class Made(NamedTuple):
    """A version and the job that made it."""

    job: Job
    seen: Seen


class Link(NamedTuple):
    """A maker of what was read, and how that is known."""

    job: Job
    seen: Seen
    how: How


class Use(NamedTuple):
    """A job that read a version, as what, and how that is known."""

    job: Job
    seen: Seen
    how: How


class Origin(NamedTuple):
    """Where what a job read came from.

    Without ``links`` no recorded job made it; then ``changed`` is the last one that had made the
    same path before, with other content.
    """

    links: tuple[Link, ...] = ()
    changed: Made | None = None


@dataclass(slots=True)
class Records:
    """The good jobs of several runs, by what they made and read; ``problems`` in reading them."""

    workdir: Path
    runs: dict[str, RunHistory]
    problems: tuple[str, ...] = ()
    jobs: dict[str, Job] = field(default_factory=dict)
    _makers: dict[str, list[Made]] = field(default_factory=dict)
    _readers: dict[str, list[Made]] = field(default_factory=dict)
    _made_as: dict[str, list[Made]] = field(default_factory=dict)
    _read_as: dict[str, list[Made]] = field(default_factory=dict)
    _sorted: list[str] = field(default_factory=list)
    _uses: dict[tuple[str, str], list[Use]] | None = None

    def __post_init__(self) -> None:
        every = [job for run in self.runs.values() for job in _jobs(run)]
        for job in sorted(every, key=lambda job: (job.record.finished, job.record.started)):
            self.jobs[job.key] = job
            for seen in job.makes:
                self._makers.setdefault(seen.path, []).append(Made(job, seen))
                if seen.ref.digest is not None:
                    self._made_as.setdefault(seen.ref.digest, []).append(Made(job, seen))
            for seen in job.reads:
                self._readers.setdefault(seen.path, []).append(Made(job, seen))
                if seen.ref.digest is not None:
                    self._read_as.setdefault(seen.ref.digest, []).append(Made(job, seen))
        self._sorted = sorted(self._makers)

    def makers(self, path: str) -> Sequence[Made]:
        """The versions of ``path`` that jobs made, in the order of the ends of these jobs."""
        return self._makers.get(path, ())

    def readers(self, path: str) -> Sequence[Made]:
        """The versions of ``path`` that jobs read, in the order of the ends of these jobs."""
        return self._readers.get(path, ())

    def made_as(self, digest: str) -> Sequence[Made]:
        """What was made with this content, wherever it is."""
        return self._made_as.get(digest, ())

    def read_as(self, digest: str) -> Sequence[Made]:
        """What was read with this content, wherever it is."""
        return self._read_as.get(digest, ())

    def digests(self) -> Iterator[str]:
        """Each digest that is recorded, once."""
        yield from self._made_as
        yield from (digest for digest in self._read_as if digest not in self._made_as)

    def paths(self) -> set[str]:
        """All paths that jobs made or read."""
        return self._makers.keys() | self._readers.keys()

    def folder_makers(self, path: str) -> Iterator[Made]:
        """The makers of folders that ``path`` lies in, the nearest folder first, the last first."""
        for parent in PurePosixPath(path).parents:
            for made in reversed(self.makers(str(parent))):
                if made.seen.ref.kind == "directory":
                    yield made

    def below(self, folder: str) -> Iterator[str]:
        """The paths that jobs made in ``folder``."""
        prefix = folder.rstrip("/") + "/"
        for number in range(bisect_left(self._sorted, prefix), len(self._sorted)):
            if not self._sorted[number].startswith(prefix):
                break
            yield self._sorted[number]

    def origin(self, job: Job, seen: Seen) -> Origin:
        """Where ``seen``, which ``job`` read, came from.

        By path and digest; by the folder that it lies in; by digest alone. What an empty file holds
        says nothing of where it came from, so it is never found by that.
        """
        before = [made for made in self.makers(seen.path) if _precedes(made.job, job)]
        own = self._in_run(job, seen)
        link = _same(before, seen) or _same(own, seen) or _without_digest(own, seen)
        links = (link,) if link is not None else self._part(job, seen)
        links = links or self._by_content(job, seen) or self._holds(job, seen)
        changed = before[-1] if before and before[-1].seen.ref.digest is not None else None
        return Origin(links, None if links else changed)

    def uses(self, job: Job, path: str) -> Sequence[Use]:
        """Who read what ``job`` made as ``path``: :meth:`origin` the other way round."""
        if self._uses is None:
            self._uses = {}
            for reader in self.jobs.values():
                for seen in reader.reads:
                    for link in self.origin(reader, seen).links:
                        key = (link.job.key, link.seen.path)
                        self._uses.setdefault(key, []).append(Use(reader, seen, link.how))
        return self._uses.get((job.key, path), ())

    def _in_run(self, job: Job, seen: Seen) -> list[Made]:
        # Clocks of different hosts may disagree; within a run the order is known all the same.
        return [
            made
            for made in self.makers(seen.path)
            if made.job.run is job.run and made.job is not job
        ]

    def _by_content(self, job: Job, seen: Seen) -> tuple[Link, ...]:
        if seen.ref.digest is None or not seen.ref.size:
            return ()
        for made in reversed(self.made_as(seen.ref.digest)):
            if made.seen.ref.role == "output" and _precedes(made.job, job):
                return (Link(made.job, made.seen, "copy"),)
        return ()

    def _part(self, job: Job, seen: Seen) -> tuple[Link, ...]:
        for made in self.folder_makers(seen.path):
            if _precedes(made.job, job):
                return (Link(made.job, made.seen, "part"),)
        return ()

    def _holds(self, job: Job, seen: Seen) -> tuple[Link, ...]:
        if seen.ref.kind != "directory":
            return ()
        links = []
        for path in self.below(seen.path):
            before = [made for made in self.makers(path) if _precedes(made.job, job)]
            if before:
                links.append(Link(*before[-1], "holds"))
        return tuple(links)


def read_records(workdir: Path, journals: Iterable[Path] | None = None) -> Records:
    """Read the journals of ``workdir`` (all of them, or those given); unreadable ones are told."""
    runs, problems = {}, []
    for path in list_runs(workdir) if journals is None else journals:
        try:
            run = read_run(path)
        except JournalError as error:
            problems.append(str(error))
            continue
        runs[run.info.run] = run
        if run.damaged:
            problems.append(f"{path}: {len(run.damaged)} damaged lines were passed over.")
    return Records(workdir, runs, tuple(problems))


def place(path: str, info: RunInfo) -> str:
    """A path of a run relative to its working directory, also of what else is in its repository."""
    path = normal_path(path, info.workdir)
    root = info.git.root if info.git is not None else None
    if root is not None and os.path.isabs(path) and path.startswith(root.rstrip("/") + "/"):
        return os.path.relpath(path, info.workdir)
    return path


def _jobs(run: RunHistory) -> Iterator[Job]:
    for history in run.jobs.values():
        record = history.record
        if record is not None and record.ok:
            yield _job(run, history, record)


def _job(run: RunHistory, history: JobHistory, record: JobRecord) -> Job:
    flags = {
        spec.path: spec.flags
        for step in history.spec.steps
        for spec in (*step.input, *step.output)
        if spec.flags
    }

    def seen(ref: FileRef) -> Seen:
        return Seen(place(ref.path, run.info), ref, flags.get(ref.path, ()))

    makes = tuple(map(seen, outputs(history)))
    # What a step of a group made for a later one of the same group never came from outside.
    own = {(each.path, each.ref.digest) for each in makes} if len(record.steps) > 1 else set()
    reads = {
        (each.path, each.ref.digest): each
        for step in record.steps
        for each in map(seen, step.input)
        if (each.path, each.ref.digest) not in own
    }
    key = f"{run.info.run}/{history.spec.id}"
    return Job(key, run, history, record, tuple(reads.values()), makes)


def _precedes(maker: Job, reader: Job) -> bool:
    return maker is not reader and maker.record.finished <= reader.record.started


def _same(makers: Sequence[Made], seen: Seen) -> Link | None:
    for made in reversed(makers):
        if made.seen.ref.digest is not None and made.seen.ref.digest == seen.ref.digest:
            return Link(made.job, made.seen, "same")
    return None


def _without_digest(makers: Sequence[Made], seen: Seen) -> Link | None:
    for made in reversed(makers):
        if made.seen.ref.kind in ("pipe", "service"):
            return Link(made.job, made.seen, "stream")
        if made.seen.ref.digest is None or seen.ref.digest is None:
            return Link(made.job, made.seen, "unhashed")
    return None
