"""Following a version of a file through the jobs of all runs, upwards or downwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from snakemake_renku.lineage.describe import job_node, run_node
from snakemake_renku.lineage.graph import (
    Changed,
    Direction,
    FileNode,
    JobNode,
    Lineage,
    RunNode,
    Tie,
    VerdictNote,
)
from snakemake_renku.lineage.records import Job, Origin, Records, Seen, Use
from snakemake_renku.lineage.target import Target
from snakemake_renku.model import FileRef

Verdicts = dict[str, tuple[VerdictNote, ...]]
"""The verdicts on each job, by its key."""


def trace(
    records: Records,
    target: Target,
    *,
    asked: str,
    direction: Direction = "up",
    depth: int | None = None,
    verdicts: Verdicts | None = None,
) -> Lineage:
    """What ``target`` came from, or what came from it, through at most ``depth`` jobs in a row."""
    walk = _Walk(records, verdicts or {}, depth)
    first = walk.start(target)
    if direction == "up":
        walk.up(first, target)
    else:
        walk.down(first, target)
    return Lineage(
        asked=asked,
        direction=direction,
        target=first.id,
        found=target.found,
        message=target.message,
        files=walk.files,
        jobs=walk.jobs,
        runs=walk.runs,
        notes=records.problems,
    )


class _Walk:
    """The part of the graph that was met so far.

    A file is known by its path, its digest and its makers: the same content that was made twice
    stands twice, since it came about in two ways.
    """

    def __init__(self, records: Records, verdicts: Verdicts, depth: int | None) -> None:
        self.files: dict[str, FileNode] = {}
        self.jobs: dict[str, JobNode] = {}
        self.runs: dict[str, RunNode] = {}
        self._records, self._verdicts, self._depth = records, verdicts, depth
        self._ids: dict[object, str] = {}

    def start(self, target: Target) -> FileNode:
        """The file that was asked for."""
        if not target.is_made:
            return self._file(target.made.seen, ())
        part = target.path != target.made.seen.path
        seen = _inner(target) if part else target.made.seen
        key = target.made.job.key
        if part:
            return self._file(seen, (Tie(key, "part", target.made.seen.path),))
        node = self._file(seen, (Tie(key, "same"),))
        same = self._records.makers(seen.path)
        node.also_made_by = tuple(
            other.job.key
            for other in same
            if other.job.key != key and other.seen.ref.digest == seen.ref.digest
        )
        return node

    # Up

    def up(self, first: FileNode, target: Target) -> None:
        """Add all that ``first`` was made from."""
        if target.is_made:
            origin = [target.made.job]
        else:
            found = self._records.origin(target.made.job, target.made.seen)
            origin = self._tie(first, found)
        queue = deque((first, job, 1) for job in origin)
        while queue:
            node, job, depth = queue.popleft()
            if job.key in self.jobs:
                continue
            if self._depth is not None and depth > self._depth:
                node.hidden = True
            else:
                for child, makers in self._add(job):
                    queue.extend((child, maker, depth + 1) for maker in makers)

    def _add(self, job: Job) -> Iterable[tuple[FileNode, Sequence[Job]]]:
        """Put a job into the graph; its inputs, with the jobs that made them."""
        read = []
        for seen in job.reads:
            origin = self._records.origin(job, seen)
            node = self._file(seen, _ties(origin, seen.path))
            read.append((node, self._tie(node, origin)))
        made = tuple(self._output(job, seen).id for seen in job.makes)
        self._node(job, tuple(node.id for node, _ in read), made)
        return read

    def _tie(self, node: FileNode, origin: Origin) -> list[Job]:
        node.made_by = _ties(origin, node.path)
        if origin.changed is not None and origin.changed.seen.ref.digest is not None:
            node.changed = Changed(origin.changed.job.key, origin.changed.seen.ref.digest)
        return [link.job for link in origin.links]

    # Down

    def down(self, first: FileNode, target: Target) -> None:
        """Add all that was made from ``first``."""
        queue = deque([(first, self._uses_of(target), 1)])
        while queue:
            node, uses, depth = queue.popleft()
            if self._depth is not None and depth > self._depth:
                node.hidden = bool(uses)
                continue
            node.used_by = tuple(
                Tie(use.job.key, use.how, use.seen.path if use.seen.path != node.path else None)
                for use in uses
            )
            for use in uses:
                if use.job.key not in self.jobs:
                    queue.extend((*each, depth + 1) for each in self._add_user(use.job))

    def _uses_of(self, target: Target) -> list[Use]:
        """The jobs that read the version that was asked for, whichever of its makers made it."""
        seen = target.made.seen
        if not target.is_made:
            return self._readers_of(seen)
        makers = [target.made.job]
        if seen.ref.digest is not None:
            same = self._records.makers(seen.path)
            makers = [each.job for each in same if each.seen.ref.digest == seen.ref.digest]
        uses = {
            (use.job.key, use.seen.path): use
            for maker in makers
            for use in self._records.uses(maker, seen.path)
            if target.path == seen.path or use.seen.path == target.path
        }
        if seen.ref.digest is not None and target.path == seen.path:
            # The same content may have stood there before anything recorded made it.
            uses = {(use.job.key, use.seen.path): use for use in self._at(seen)} | uses
        return list(uses.values())

    def _readers_of(self, seen: Seen) -> list[Use]:
        """The jobs that read a source: at its path, or with its content at another one."""
        digest = seen.ref.digest
        found = {use.job.key: use for use in self._at(seen)}
        if digest is not None and seen.ref.size:
            for made in self._records.read_as(digest):
                if not self._records.origin(made.job, made.seen).links:
                    found.setdefault(made.job.key, Use(made.job, made.seen, "copy"))
        return list(found.values())

    def _at(self, seen: Seen) -> Iterable[Use]:
        """The jobs that read this version at its path."""
        for made in self._records.readers(seen.path):
            if made.seen.ref.digest == seen.ref.digest:
                yield Use(made.job, made.seen, "same")

    def _add_user(self, job: Job) -> Iterable[tuple[FileNode, list[Use]]]:
        made = [(self._output(job, seen), seen) for seen in job.makes]
        read = tuple(
            self._file(seen, _ties(self._records.origin(job, seen), seen.path)).id
            for seen in job.reads
        )
        self._node(job, read, tuple(node.id for node, _ in made))
        return [(node, list(self._records.uses(job, seen.path))) for node, seen in made]

    # Nodes

    def _output(self, job: Job, seen: Seen) -> FileNode:
        node = self._file(seen, (Tie(job.key, "same"),))
        # It may have been met before, as what another job read.
        node.role = seen.ref.role
        return node

    def _file(self, seen: Seen, ties: tuple[Tie, ...]) -> FileNode:
        identity = (seen.path, seen.ref.digest, frozenset(tie.job for tie in ties))
        id = self._ids.setdefault(identity, f"f{len(self._ids)}")
        if id not in self.files:
            self.files[id] = FileNode(
                id=id,
                path=seen.path,
                kind=seen.ref.kind,
                role=seen.ref.role,
                digest=seen.ref.digest,
                size=seen.ref.size,
                temporary="temp" in seen.flags,
                made_by=ties,
            )
        node = self.files[id]
        node.temporary |= "temp" in seen.flags
        return node

    def _node(self, job: Job, read: tuple[str, ...], made: tuple[str, ...]) -> None:
        self.jobs[job.key] = job_node(job, read, made, self._verdicts.get(job.key, ()))
        self.runs.setdefault(job.run.info.run, run_node(job.run))


def _ties(origin: Origin, path: str) -> tuple[Tie, ...]:
    return tuple(
        Tie(link.job.key, link.how, link.seen.path if link.seen.path != path else None)
        for link in origin.links
    )


def _inner(target: Target) -> Seen:
    """A file in a folder that was made as a whole: nothing else is known of it."""
    made = target.made.seen
    return Seen(target.path, FileRef(target.path, made.ref.role, "file"), made.flags)
