"""The repository whose results are replayed: read, never written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from snakemake_renku.errors import ReplayError
from snakemake_renku.journal import RECORDED_RUNS, normal_path
from snakemake_renku.model import RunInfo
from snakemake_renku.replay.git import GitFailed, git, git_or_none, line, zero_separated

JobKey = tuple[str, str]
"""A run's id and an attempt's id: what names a recorded job among all runs."""

_COMMIT = (
    "%H%x1f%(trailers:key=Renku-Run,valueonly,separator=%x1e)"
    "%x1f%(trailers:key=Renku-Job,valueonly,separator=%x1e)"
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository and the working directory of Snakemake in it.

    ``prefix`` is the working directory relative to ``root``: ``""`` or ``a/b/``.
    """

    root: Path
    prefix: str
    head: str

    @property
    def workdir(self) -> Path:
        """The working directory of Snakemake."""
        return self.root / self.prefix

    def resolve(self, name: str) -> str | None:
        """The commit that ``name`` means, or None."""
        if name.startswith("-"):
            return None
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        found = git_or_none(self.root, *asked)
        return line(found) if found is not None else None

    def commit(self, name: str) -> str:
        """The commit that ``name`` means.

        Raises:
            ReplayError: none.
        """
        found = self.resolve(name)
        if found is None:
            raise ReplayError(f"{name!r} is no commit of {self.root}.")
        return found

    def records(self, *revisions: str) -> Iterator[tuple[str, str, str | None]]:
        """Commits that record something, newest first: hash, run, and job (None: the whole run)."""
        asked = ("log", "-z", f"--format={_COMMIT}", "--extended-regexp", "--grep=^Renku-Run: ")
        for entry in zero_separated(git(self.root, *asked, *revisions, "--")):
            commit, runs, jobs = entry.split("\x1f")
            run, job = runs.split("\x1e")[-1].strip(), jobs.split("\x1e")[-1].strip()
            if run:
                yield commit, run, job or None

    def record_of(self, commit: str) -> tuple[str, str | None] | None:
        """The run and the job that ``commit`` itself records."""
        found = next(iter(self.records("--max-count=1", "--no-walk", commit)), None)
        return None if found is None else found[1:]

    def journals(self, commit: str) -> dict[str, str]:
        """The recorded journals in a commit: run → blob."""
        folder = self.prefix + RECORDED_RUNS.as_posix() + "/"
        found = git_or_none(self.root, "ls-tree", "-z", "--full-tree", commit, "--", folder)
        entries = (entry.partition("\t") for entry in zero_separated(found or b""))
        names = {os.path.basename(path): about.split(" ")[2] for about, _, path in entries}
        return {n.removesuffix(".jsonl"): b for n, b in names.items() if n.endswith(".jsonl")}

    def blob(self, name: str) -> bytes:
        """The bytes of a blob.

        Raises:
            ReplayError: it cannot be read.
        """
        return git(self.root, "cat-file", "blob", name)

    def locate(self, path: str, info: RunInfo) -> str | None:
        """Where a path of a run stands in the repository, relative to its root; None: outside."""
        return locate(path, info, self.prefix)


def open_repository(directory: Path) -> Repository:
    """The repository that holds ``directory``.

    Raises:
        ReplayError: there is none, it has no commit yet, or it is another user's.
    """
    if not directory.is_dir():
        raise ReplayError(f"There is no folder {directory}.")
    if line(git(directory, "rev-parse", "--is-inside-work-tree")) != "true":
        raise ReplayError(
            f"{directory} is a repository without files (a bare one).",
            remedy="Clone it, and replay in the clone.",
        )
    root = Path(line(git(directory, "rev-parse", "--show-toplevel")))
    prefix = line(git(directory, "rev-parse", "--show-prefix"))
    try:
        head = line(git(directory, "rev-parse", "--verify", "HEAD^{commit}"))
    except GitFailed as error:
        raise ReplayError(
            f"{root} has no commit yet.", remedy="Commit the workflow, run it, and record the run."
        ) from error
    return Repository(root, prefix, head)


def locate(path: str, info: RunInfo, prefix: str) -> str | None:
    """Where a path of a run stands in a repository, relative to its root; None: outside of it.

    ``prefix`` is where the working directory is in the repository. Absolute paths below the root of
    the recorded run's own repository are taken to be the same files of this one.
    """
    path = normal_path(path, info.workdir)
    if os.path.isabs(path):
        root = info.git.root if info.git is not None else None
        below = os.path.relpath(path, root) if root else ".."
    else:
        below = os.path.normpath(os.path.join(prefix, path))
    return None if below == ".." or below.startswith("../") else below
