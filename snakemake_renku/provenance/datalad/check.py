"""Whether the code and the inputs of a run are in git as it read them.

A record says: this command, executed on the commit before it, made these files. That is only true
where the commit holds what the command reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from snakemake_renku.errors import DigestError
from snakemake_renku.journal import RunGraph
from snakemake_renku.journal.write import RUNS
from snakemake_renku.provenance.datalad.committed import Committed, Held
from snakemake_renku.provenance.datalad.folders import files_below
from snakemake_renku.provenance.datalad.other_runs import OtherRuns
from snakemake_renku.provenance.datalad.places import Places
from snakemake_renku.provenance.datalad.select import recordable_jobs
from snakemake_renku.provenance.git.plumbing import Git
from snakemake_renku.runner.digest import digest_paths
from snakemake_renku.runner.digest_annex import key_of_link
from snakemake_renku.runner.digest_cache import DigestCache


class Needed(NamedTuple):
    """A file that the run read and did not make: ``what`` it is to it, for people."""

    path: str
    what: str
    digest: str | None
    size: int | None = None
    is_folder: bool = False


class Problem(NamedTuple):
    """Something that forbids a record; ``to_commit`` if it is enough to commit the file ``path``.

    ``path`` is relative to the repository's root.
    """

    path: str
    text: str
    to_commit: bool


@dataclass(slots=True)
class Findings:
    """``problems`` forbid a record; ``notices`` are to be told; ``absent`` are not in the commit.

    ``absent`` and ``temporary`` hold paths as the run names them; those in ``temporary`` were
    ``temp()`` outputs of an earlier run.
    """

    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    temporary: set[str] = field(default_factory=set)


def check_needed(
    graph: RunGraph, places: Places, head: Committed, others: OtherRuns, ignored: set[str]
) -> Findings:
    """Compare what the run read with what ``head`` holds."""
    return _Checker(places, head, others, ignored).run(list(needed(graph)))


def needed(graph: RunGraph) -> Iterator[Needed]:
    """Everything that the jobs of a run read and none of them made: inputs, code, local images."""
    seen: set[tuple[str, str | None]] = set()
    for one in _needed(graph):
        if (one.path, one.digest) not in seen:
            seen.add((one.path, one.digest))
            yield one


def _needed(graph: RunGraph) -> Iterator[Needed]:
    for source in graph.run.info.sources:
        yield Needed(source.path, "code", source.digest)
    for job in recordable_jobs(graph):
        for step in job.spec.steps:
            if step.kind in ("script", "notebook") and step.script and step.code_digest:
                yield Needed(step.script, "code", step.code_digest)
        for found in job.record.steps if job.record is not None else ():
            image = found.environment
            if image.container and image.image_digest_of == "file" and "://" not in image.container:
                yield Needed(image.container, "image", image.image_digest)
        for ref in graph.sources(job):
            if ref.kind in ("file", "directory"):
                folder = ref.kind == "directory"
                yield Needed(ref.path, "input", ref.digest, ref.size, folder)


class _Checker:
    def __init__(
        self, places: Places, head: Committed, others: OtherRuns, ignored: set[str]
    ) -> None:
        self._git, self._places, self._head = Git(places.root), places, head
        self._others, self._ignored = others, ignored
        self._cache = DigestCache(places.workdir / RUNS.parent)
        self._result = Findings()

    def run(self, needed: list[Needed]) -> Findings:
        outside = [one for one in needed if self._places.inside(one.path) is None]
        inside = [(p, one) for one in needed if (p := self._places.inside(one.path)) is not None]
        held = self._head.holds(path for path, one in inside if not one.is_folder)
        for one in outside:
            self._absent(one, "is outside of the repository")
        for path, one in inside:
            if one.is_folder:
                self._folder(path, one)
            elif path in held:
                self._compare(path, one, held[path])
            else:
                self._not_committed(path, one)
        return self._result

    def _absent(self, one: Needed, why: str) -> None:
        self._result.absent.add(one.path)
        self._result.notices.append(
            f"The {one.what} {one.path} {why}, and is not recorded; who reruns or replays this "
            f"needs it there{f' ({one.digest})' if one.digest else ''}."
        )

    def _problem(self, path: str, text: str, *, to_commit: bool) -> None:
        self._result.problems.append(Problem(path, f"{text}: {path}", to_commit))

    def _not_committed(self, path: str, one: Needed) -> None:
        made = self._others.earlier.get(self._places.from_pwd(one.path), [])
        if path in self._ignored:
            self._absent(one, "is ignored by git")
        elif os.path.lexists(self._places.root / path):
            by = f"; run {made[-1].run} made it: record that first" if made else ""
            self._problem(path, f"{one.what} not in git{by}", to_commit=not made)
        elif made and made[-1].temp:
            self._result.temporary.add(one.path)
        else:
            self._absent(one, "is neither here any more nor in git")

    def _compare(self, path: str, one: Needed, held: Held) -> None:
        digest = held.digest if held.digest is not None else self._digest_of_key(path, one, held)
        if one.digest is None or digest == one.digest:
            return
        if self._digest(path) == one.digest:
            # What a filter of git changes on the way (ends of lines, large files) is no change.
            if self._git.ask("diff", "--quiet", "HEAD", "--", path) is not None:
                return
            self._problem(path, f"{one.what} changed, but not committed", to_commit=True)
        else:
            text = f"{one.what} changed since the run (which read {one.digest})"
            self._problem(path, text, to_commit=False)

    def _digest_of_key(self, path: str, one: Needed, held: Held) -> str | None:
        """The sha256 of an annexed file whose key holds another hash."""
        here = self._places.root / path
        key = _key_here(here)
        if key is None and self._git.ask("diff", "--quiet", "HEAD", "--", path) is None:
            return None
        if key is not None and key != held.key:
            return None
        if key is not None and not here.exists():
            # Without its content, only its size can tell that it is another.
            return one.digest if held.size in (None, one.size) else None
        return self._digest(path)

    def _folder(self, path: str, one: Needed) -> None:
        """A folder is compared as it is here, if all of it is committed."""
        committed = set(self._head.below(path))
        names = files_below(str(self._places.root / path))
        here = {f"{path}/{name}" for name in names}
        if not here and not committed:
            self._not_committed(path, one)
            return
        extra = sorted(p for p in here - committed if p not in self._ignored)
        for each in extra[:3]:
            self._problem(each, f"{one.what} not in git", to_commit=True)
        if one.digest is not None and not extra and self._digest(path) != one.digest:
            self._problem(path, f"{one.what} changed since the run", to_commit=False)

    def _digest(self, path: str) -> str | None:
        try:
            return digest_paths([self._places.root / path], self._cache)[0].digest
        except DigestError:
            return None


def _key_here(path: Path) -> str | None:
    """The annex key that a locked file in the working tree is a link to."""
    return key_of_link(os.fsencode(os.readlink(path))) if path.is_symlink() else None
