"""A clean clone of the recorded repository, which can write nothing into it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from snakemake_renku.errors import ReplayError
from snakemake_renku.model import RunInfo
from snakemake_renku.replay.git import (
    GitFailed,
    annex,
    environment,
    git,
    git_or_none,
    has_annex,
    zero_separated,
)
from snakemake_renku.replay.repository import Repository, locate
from snakemake_renku.replay.scratch import remove

ORIGIN = "renku-origin"
"""The remote of the clone that is the original: no name that a user's remote is likely to have."""

_LOCATIONS = "refs/remotes/*/git-annex"

_CARRIED = ("url", "annex-", "datalad-")
"""Of the original's remotes, so that the clone can fetch from wherever the original can."""


@dataclass
class Clone:
    """A clone in a scratch folder: ``root`` is its root, ``prefix`` Snakemake's folder in it.

    ``subdatasets`` are those below ``root`` that were installed (paths relative to it).
    """

    root: Path
    prefix: str
    commit: str
    original: Path
    subdatasets: dict[str, Path] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def workdir(self) -> Path:
        """The working directory of Snakemake."""
        return self.root / self.prefix

    def path(self, place: str) -> Path:
        """A path relative to the root, here."""
        return self.root / place

    def locate(self, path: str, info: RunInfo) -> str | None:
        """The place of a recorded path; None if it lies outside of the repository."""
        return locate(path, info, self.prefix)

    def place_of(self, path: str) -> str | None:
        """The place of a path in the clone, relative to its working directory or absolute."""
        below = os.path.relpath(os.path.join(self.workdir, path), self.root)
        return None if below == ".." or below.startswith("../") else below

    def repository_of(self, place: str) -> tuple[Path, str]:
        """The installed (sub)dataset that holds ``place``, and the path relative to its root."""
        for parent in _parents(place):
            if parent in self.subdatasets:
                return self.subdatasets[parent], os.path.relpath(place, parent)
        return self.root, place

    def why_missing(self, place: str) -> str | None:
        """Why the subdataset that holds ``place`` could not be installed, if that is so."""
        return next((self.missing[p] for p in _parents(place) if p in self.missing), None)

    def install(self, places: Iterable[str]) -> None:
        """Install the subdatasets that hold any of ``places``."""
        places = list(places)
        queue = [("", self.root, self.original)]
        while queue:
            prefix, root, original = queue.pop()
            for path, commit in gitlinks(root):
                full = os.path.join(prefix, path)
                wanted = any(place == full or place.startswith(full + "/") for place in places)
                if wanted and self._install(full, root, path, original / path, commit):
                    queue.append((full, root / path, original / path))

    def _install(self, full: str, root: Path, path: str, original: Path, commit: str) -> bool:
        try:
            if not _copied(original, root / path, commit):
                _fetch_subdataset(root, path)
        except GitFailed as error:
            self.missing[full] = error.message
            return False
        self.subdatasets[full] = root / path
        return True


def make_clone(repository: Repository, commit: str, folder: Path) -> Clone:
    """Clone ``repository`` at ``commit`` into the new folder ``folder``.

    Raises:
        ReplayError: it cannot be cloned.
    """
    copy(repository.root, folder, commit)
    if not (folder / repository.prefix).is_dir():
        raise ReplayError(
            f"The commit {commit[:12]} has no folder {repository.prefix}.",
            remedy="Name Snakemake's working directory with --directory.",
        )
    return Clone(folder, repository.prefix, commit, repository.root)


def copy(original: Path, folder: Path, commit: str) -> None:
    """Make a clone that shares nothing with ``original``, neither by links nor by alternates.

    A clone that shares objects by hard links would let a job that writes where it must not reach
    the original's files, and ``--shared`` makes git-annex link its files too.

    Raises:
        GitFailed: it cannot be made.
    """
    how = ("--quiet", "--no-hardlinks", "--no-checkout", "--origin", ORIGIN)
    git(original, "clone", *how, "--", str(original), str(folder))
    _carry_remotes(original, folder)
    # A clone that never got anything knows only from its own origin where contents are.
    quietly = ("--quiet", "--no-tags", "--update-shallow")
    git(folder, "fetch", *quietly, ORIGIN, f"+{_LOCATIONS}:{_LOCATIONS}")
    if _is_annex(folder):
        if not has_annex():
            raise GitFailed(
                f"{original} keeps files in git-annex, which is not here.",
                remedy="pip install 'snakemake-renku[datalad]'",
            )
        # Nobody shall ever hear of this clone: it adds nothing to the branch of locations.
        git(folder, "config", "annex.private", "true")
        annex(folder, "init", "--quiet", "replay")
    git(folder, "checkout", "--quiet", "--detach", commit)


def _copied(original: Path, folder: Path, commit: str) -> bool:
    """Whether a subdataset could be cloned from where it is installed in the original."""
    if not (original / ".git").exists():
        return False
    try:
        copy(original, folder, commit)
    except GitFailed:
        # It may have another commit than the one that is recorded for it.
        remove(folder)
        folder.mkdir()
        return False
    return True


def _is_annex(folder: Path) -> bool:
    return bool(git(folder, "for-each-ref", _LOCATIONS))


def _carry_remotes(original: Path, folder: Path) -> None:
    """Let the clone know the original's remotes, from which it may have to fetch contents."""
    answer = git_or_none(original, "config", "-z", "--get-regexp", r"^remote\..*")
    if git_or_none(original, "config", "annex.uuid") is None:
        # Git-annex would set itself up there, which is not for a replay to do.
        git(folder, "config", f"remote.{ORIGIN}.annex-ignore", "true")
    for setting in zero_separated(answer or b""):
        key, _, value = setting.partition("\n")
        name, _, variable = key.removeprefix("remote.").rpartition(".")
        if name == ORIGIN or not variable.startswith(_CARRIED):
            continue
        if variable == "url" and _is_relative(value):
            value = os.path.normpath(original / value)
        git(folder, "config", "--add", f"remote.{name}.{variable}", value)
        if variable == "url":
            fetch = f"+refs/heads/*:refs/remotes/{name}/*"
            git(folder, "config", "--add", f"remote.{name}.fetch", fetch)


def _is_relative(url: str) -> bool:
    return url.startswith(("./", "../"))


def gitlinks(root: Path) -> list[tuple[str, str]]:
    """The subdatasets (submodules) of the commit that is checked out: path and commit."""
    if not (root / ".gitmodules").exists():
        return []
    entries = (entry.partition("\t") for entry in zero_separated(git(root, "ls-files", "-s", "-z")))
    return [(path, about.split(" ")[1]) for about, _, path in entries if about[:6] == "160000"]


def _fetch_subdataset(root: Path, path: str) -> None:
    """Install a subdataset that the original has not installed, from where it came."""
    datalad = shutil.which("datalad", path=environment()["PATH"])
    if datalad is None:
        git(root, "submodule", "update", "--init", "--", path)
        return
    command = [datalad, "-l", "error", "get", "-n", "-d", ".", f"./{path}"]
    done = subprocess.run(
        command, cwd=root, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["datalad said nothing"]
        raise GitFailed(f"The subdataset {path} cannot be installed: {said[-1]}")


def _parents(place: str) -> list[str]:
    """``place`` and the folders that it is in, innermost first."""
    parts = place.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
