"""Which version of a file an attempt used, and which it made.

A *version* is what one attempt left at a path. Two attempts that leave the same bytes at the same
path make two versions, because PROV lets nothing be made twice at different times (constraint 39);
what both have in common is the *content*: a path with a digest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath
from typing import NamedTuple

from snakemake_renku.journal import JobHistory, RunGraph, RunHistory, normal_path
from snakemake_renku.model import FileRef, JobRecord
from snakemake_renku.provenance.prov.names import attempt_id, content_id, run_id, version_id

Key = tuple[str, str]
"""An attempt: its run and its id."""


class Made(NamedTuple):
    """A version: what the attempt ``maker`` left at ``path`` when it ended, at ``finished``."""

    id: str
    path: str
    ref: FileRef
    maker: Key
    finished: float
    step: int
    flags: tuple[str, ...]


@dataclass(slots=True)
class Use:
    """An entity that an attempt read.

    ``made`` is the version, where an attempt that is known made it; ``folder`` the version of a
    folder in which it was. ``steps`` are the numbers of the steps that read it, ``refs`` what they
    found. There is none of what one step of a group handed to another: nobody looks in between.
    """

    id: str
    path: str
    made: Made | None = None
    folder: Made | None = None
    steps: set[int] = field(default_factory=set)
    refs: list[FileRef] = field(default_factory=list)


class Files:
    """The versions of files that the attempts of ``runs`` made and used."""

    def __init__(self, runs: Sequence[RunHistory]) -> None:
        self._graphs = {run.info.run: RunGraph(run) for run in runs}
        self._made: dict[Key, dict[str, Made]] = {}
        self._by_content: dict[tuple[str, str], list[Made]] = {}
        for run in runs:
            self._index(run)
        for versions in self._by_content.values():
            versions.sort(key=lambda made: (made.finished, made.maker))

    def made(self, key: Key) -> Mapping[str, Made]:
        """What an attempt made, by path.

        What a failed attempt left counts only if no attempt of the run made it again afterwards.
        """
        return self._made.get(key, {})

    def used(self, run: RunHistory, job: JobHistory) -> tuple[dict[str, Use], list[Key]]:
        """What an attempt used, by the entity's identifier, and the attempts that it depends on."""
        uses: dict[str, Use] = {}
        parents: dict[Key, None] = {}
        if job.record is not None:
            for step, ref in _inputs(job.record):
                use, parent = self._resolve(run, job, job.record, ref)
                known = uses.setdefault(use.id, use)
                known.steps.add(step)
                known.refs.append(ref)
                if parent is not None:
                    parents[parent] = None
        for step, made in self._handed_over(run, job):
            uses.setdefault(made.id, Use(made.id, made.path, made)).steps.add(step)
        return uses, list(parents)

    def _index(self, run: RunHistory) -> None:
        last: dict[str, Key] = {}
        ended = [job for job in run.jobs.values() if job.record is not None]
        ended.sort(key=lambda job: job.record.finished if job.record is not None else 0.0)
        for job in ended:
            made = self._made[_key(run, job)] = {one.path: one for one in _outputs(run, job)}
            last |= dict.fromkeys(made, _key(run, job))
        for job in ended:
            if job.record is not None and not job.record.ok:
                made = self._made[_key(run, job)]
                for path in [path for path in made if last[path] != _key(run, job)]:
                    del made[path]
            for one in self._made[_key(run, job)].values():
                if one.ref.digest is not None:
                    self._by_content.setdefault((one.path, one.ref.digest), []).append(one)

    def _resolve(
        self, run: RunHistory, job: JobHistory, record: JobRecord, ref: FileRef
    ) -> tuple[Use, Key | None]:
        graph = self._graphs[run.info.run]
        path = graph.path(ref)
        maker = graph.maker(path, before=record.started)
        if maker is None or maker is job:
            made = self._made_elsewhere(run, path, ref, record.started)
            return _use(run, path, ref, made), None if made is None else made.maker
        key = (run.info.run, maker.spec.id)
        versions = self.made(key)
        made = versions.get(path)
        if made is not None and _same(made.ref, ref):
            return _use(run, path, ref, made), key
        use = _use(run, path, ref, None)
        if made is None:
            use.folder = _folder(versions, path, ref)
        return use, key

    def _made_elsewhere(
        self, run: RunHistory, path: str, ref: FileRef, before: float
    ) -> Made | None:
        """The version that an earlier run left there, if it has these bytes."""
        if ref.digest is None:
            return None
        versions = self._by_content.get((path, ref.digest), [])
        for made in reversed(versions[: bisect_right(versions, before, key=_finished)]):
            if made.maker[0] != run.info.run:
                return made
        return None

    def _handed_over(self, run: RunHistory, job: JobHistory) -> Iterator[tuple[int, Made]]:
        """What steps of a group read of what other steps of it made before them."""
        if len(job.spec.steps) < 2:
            return
        made = self.made(_key(run, job))
        reads = [
            (number, path)
            for number, step in enumerate(job.spec.steps)
            for path in (normal_path(file.path, run.info.workdir) for file in step.input)
            if path in made and made[path].step != number
        ]
        before: dict[int, set[int]] = {}
        for number, path in reads:
            before.setdefault(number, set()).add(made[path].step)
        try:
            TopologicalSorter(before).prepare()
        except CycleError:
            return
        yield from ((number, made[path]) for number, path in reads)


def inner(job: JobHistory, uses: Iterable[Use], made: Mapping[str, Made]) -> set[str]:
    """The paths that a step of a group made for another, whose times nobody knows."""
    return {use.path for use in uses if use.made is not None and not use.refs} & made.keys()


def content_of(ref: FileRef) -> str:
    """What tells one state of a path from another: its digest, or the kind of what has none."""
    return ref.digest if ref.digest is not None else ref.kind


def _key(run: RunHistory, job: JobHistory) -> Key:
    return run.info.run, job.spec.id


def _finished(made: Made) -> float:
    return made.finished


def _inputs(record: JobRecord) -> Iterator[tuple[int, FileRef]]:
    for number, step in enumerate(record.steps):
        for ref in step.input:
            if ref.kind != "missing":
                yield number, ref


def _outputs(run: RunHistory, job: JobHistory) -> Iterator[Made]:
    assert job.record is not None
    maker = _key(run, job)
    workdir = run.info.workdir
    flags = {
        normal_path(file.path, workdir): file.flags
        for step in job.spec.steps
        for file in step.output
    }
    for number, step in enumerate(job.record.steps):
        for ref in step.output:
            if ref.kind != "missing":
                path = normal_path(ref.path, workdir)
                id = version_id(path, content_of(ref), attempt_id(*maker))
                finished = job.record.finished
                yield Made(id, path, ref, maker, finished, number, flags.get(path, ()))


def _use(run: RunHistory, path: str, ref: FileRef, made: Made | None) -> Use:
    if made is not None:
        return Use(made.id, path, made)
    if ref.digest is not None:
        return Use(content_id(path, ref.digest), path)
    # Without a digest nothing says that it is the same in another run.
    return Use(version_id(path, ref.kind, run_id(run.info.run)), path)


def _same(made: FileRef, used: FileRef) -> bool:
    return content_of(made) == content_of(used)


def _folder(versions: Mapping[str, Made], path: str, ref: FileRef) -> Made | None:
    """The folder that a file was made with, if it has not been written since."""
    for parent in map(str, PurePosixPath(path).parents):
        made = versions.get(parent)
        if made is not None and made.ref.kind == "directory":
            unchanged = ref.mtime is not None and ref.mtime <= made.finished
            return made if unchanged else None
    return None
