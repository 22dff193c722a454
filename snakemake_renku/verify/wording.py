"""What the states of files mean for the reader, and what to do about them."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from shlex import quote

import msgspec

from snakemake_renku.lineage.records import Job, Records
from snakemake_renku.lineage.words import short_digest
from snakemake_renku.verify.repository import Repository
from snakemake_renku.verify.result import FileState, Kind, Problem
from snakemake_renku.verify.scope import Scope
from snakemake_renku.verify.versions import Kept, Version, kept

_BESIDE = ("log", "benchmark")


class FileProblems:
    """Turns the states of files into problems."""

    def __init__(self, records: Records, scope: Scope, repository: Repository | None) -> None:
        self._records, self._scope, self._repository = records, scope, repository
        self._rest = Counter((seen.path, seen.ref.digest) for j in scope.jobs for seen in j.reads)

    def of(self, states: Sequence[FileState]) -> Iterator[Problem]:
        """One problem for each file that is not as it should be."""
        changed = [each for each in states if each.state == "changed"]
        committed = self._committed(changed)
        for each in states:
            beside = self._scope.files[each.path].seen.ref.role in _BESIDE
            match each.state:
                case "changed":
                    yield _beside(self._changed(each, committed), beside)
                case "missing":
                    yield _beside(self._missing(each), beside)
                case "lost":
                    yield _beside(self._lost(each), beside)
                case "unreadable":
                    yield self._problem("unreadable", each, each.problem or "")
                case "unknown":
                    yield _remark(self._unknown(each))

    def unrecorded(self, paths: Sequence[str], named: Sequence[str]) -> Iterator[Problem]:
        """Paths that were asked for, but of which no job knows; ``named`` ones are no remark."""
        for path in paths:
            there = os.path.lexists(os.path.join(self._records.workdir, path))
            message = "No recorded job made or read it"
            message += "." if there else ", and it is not here either."
            yield Problem("unrecorded", path in named, message, path)

    def _problem(
        self, kind: Kind, state: FileState, message: str, remedy: str | None = None
    ) -> Problem:
        return Problem(
            kind, True, message, state.path, state.job, remedy=remedy, digest=state.recorded
        )

    def _changed(self, state: FileState, committed: dict[str, Kept]) -> Problem:
        did = "made" if state.made else "read"
        rest = self._rest[state.path, state.recorded]
        results = f" {rest} jobs read what was recorded." if rest > 1 else ""
        return self._problem(
            "changed",
            state,
            f"It is {_short(state.found)}, but {state.job} {did} {_short(state.recorded)}."
            f" {self._who(state, committed)}{results}",
            "Run Snakemake again, or get back what was recorded"
            f" (`git log -- {quote(state.path)}` shows its versions).",
        )

    def _who(self, state: FileState, committed: dict[str, Kept]) -> str:
        maker = self._maker(state)
        if maker is not None:
            return f"What is here is what {maker.key} made before."
        kept = committed.get(state.path)
        if kept is not None and self._repository is not None:
            author = self._repository.author(kept.commit)
            return f"No recorded run did that; it came with commit {kept.commit[:10]}, by {author}."
        try:
            seconds = os.stat(os.path.join(self._records.workdir, state.path)).st_mtime
        except OSError:
            return "No recorded run did that."
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
        where = ", and it is not committed" if self._repository is not None else ""
        return f"No recorded run did that{where}; it was last written on {when}."

    def _maker(self, state: FileState) -> Job | None:
        makers = self._records.makers(state.path)
        same = [made.job for made in makers if made.seen.ref.digest == state.found]
        return same[-1] if same else None

    def _committed(self, states: Sequence[FileState]) -> dict[str, Kept]:
        if self._repository is None:
            return {}
        wanted = {Version(each.path, each.found or "", None, None): each.path for each in states}
        found = kept(self._repository, wanted)
        return {wanted[version]: where for version, where in found.items()}

    def _missing(self, state: FileState) -> Problem:
        remedy = (
            f"Make it again: run Snakemake, or `snakemake-renku replay {quote(state.path)}`."
            if state.made
            else f"Get it back: `git checkout -- {quote(state.path)}`, if it is in git."
        )
        did = "made" if state.made else "read"
        return self._problem("missing", state, f"It is not here; {state.job} {did} it.", remedy)

    def _lost(self, state: FileState) -> Problem:
        remedy = (
            f"Make it again: run Snakemake, or `snakemake-renku replay {quote(state.path)}`."
            if state.made
            else "Ask whoever added it for the content, and `git annex copy` it to a sibling."
        )
        message = "Its content is not here, and git-annex knows of no copy."
        return self._problem("lost", state, message, remedy)

    def _unknown(self, state: FileState) -> Problem:
        if state.recorded is None:
            return self._problem("unproven", state, "Its digest was not recorded.")
        return self._problem(
            "unproven",
            state,
            "Its content is not here, and its key holds no SHA-256; its size is right.",
            f"`datalad get {quote(state.path)}`, and verify it again.",
        )


def _short(digest: str | None) -> str:
    return short_digest(digest) if digest is not None else "something without a digest"


def _remark(problem: Problem) -> Problem:
    return msgspec.structs.replace(problem, broken=False)


def _beside(problem: Problem, beside: bool) -> Problem:
    """Logs and benchmarks differ from run to run, and failed attempts rewrite them."""
    if not beside:
        return problem
    return msgspec.structs.replace(problem, kind="log", broken=False, remedy=None)
