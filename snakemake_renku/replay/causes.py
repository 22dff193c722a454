"""In which respects a replay was not the same as what was recorded."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from snakemake_renku.model import RunInfo, Software
from snakemake_renku.replay.clone import Clone
from snakemake_renku.replay.fetch import is_absent
from snakemake_renku.replay.git import git_or_none, line, zero_separated
from snakemake_renku.runner.digest import digest_file

_PACKAGES = 5
"""So many packages are named one by one."""
_DIFF_LINES = 12
_LARGEST_DIFF = 1_000_000
_VERSIONS = 50
"""So many earlier versions of a file are looked at for the recorded one."""


class CodeCheck:
    """Compares scripts, Snakefiles and configuration files with the recorded digests.

    The recorded ones are looked for in ``commits`` and in the history; ``carried`` are places in
    the clone that are not as committed.
    """

    def __init__(self, clone: Clone, commits: Iterable[str], carried: Iterable[str]) -> None:
        self._clone, self._commits, self._carried = clone, tuple(commits), frozenset(carried)
        self._known: dict[tuple[str, str], str | None] = {}

    def difference(self, name: str, place: str, digest: str, info: RunInfo) -> str | None:
        """How the file at ``place``, called ``name``, differs from the recorded one, if it does."""
        key = place, digest
        if key not in self._known:
            self._known[key] = self._difference(place, digest, info)
        found = self._known[key]
        return None if found is None else f"{name} {found}"

    def last_change(self, place: str) -> str:
        """The commit that changed a file last, as part of a sentence; empty if none is known."""
        if place in self._carried or place.startswith("/"):
            return ""
        root, path = self._clone.repository_of(place)
        found = git_or_none(root, "log", "-1", "--format=%h (%s)", "HEAD", "--", path)
        return f"; last changed by commit {line(found)}" if found else ""

    def is_there(self, place: str) -> bool:
        """Whether the clone has the file."""
        path = self._clone.path(place)
        return path.is_file() and not is_absent(path)

    def _difference(self, place: str, digest: str, info: RunInfo) -> str | None:
        if not self.is_there(place):
            return f"is not in the commit {self._clone.commit[:12]}"
        path = self._clone.path(place)
        if digest_file(path) == digest:
            return None
        told = f"differs from the recorded one{self.last_change(place)}"
        recorded = self._recorded(place, digest, info)
        if recorded is None:
            return f"{told}; the recorded one is not in git"
        diff = _diff(recorded, path.read_bytes())
        return f"{told}:\n{diff}" if diff else told

    def _recorded(self, place: str, digest: str, info: RunInfo) -> bytes | None:
        """The recorded bytes, from the commit of the run, or from the history of the file."""
        root, path = self._clone.repository_of(place)
        commits = [] if info.git is None else [info.git.commit]
        names = [f"{commit}:{path}" for commit in (*commits, *self._commits)]
        for name in dict.fromkeys((*names, *_history(root, path))):
            data = git_or_none(root, "cat-file", "blob", name)
            if data is not None and "sha256:" + hashlib.sha256(data).hexdigest() == digest:
                return data
        return None


def _history(root: Path, path: str) -> list[str]:
    """The blobs that a file has been, newest first."""
    how = ("--all", "--no-abbrev", "--raw", "-z", "--format=", f"--max-count={_VERSIONS}")
    found = zero_separated(git_or_none(root, "log", *how, "--", path) or b"")
    changes = (entry.lstrip(":").split(" ") for entry in found if entry.startswith(":"))
    return [blob for change in changes for blob in change[2:4] if set(blob) != {"0"}]


def environment_causes(info: RunInfo, here: Software) -> Iterator[str]:
    """How versions of Snakemake, Python and packages differ from those of the recorded run."""
    snakemake = metadata.version("snakemake")
    if snakemake != info.snakemake_version:
        yield f"Snakemake is {snakemake} instead of {info.snakemake_version}"
    recorded = info.software
    if recorded is None or recorded.digest == here.digest:
        return
    if recorded.python != here.python:
        yield f"Python is {here.python} instead of {recorded.python}"
    names = sorted(recorded.packages.keys() | here.packages.keys())
    different = [n for n in names if recorded.packages.get(n) != here.packages.get(n)]
    if different:
        yield _packages(different, recorded.packages, here.packages)


def _packages(names: list[str], recorded: Mapping[str, str], here: Mapping[str, str]) -> str:
    count = "1 package differs" if len(names) == 1 else f"{len(names)} packages differ"
    told = ", ".join(
        f"{name} {here.get(name, 'none')} instead of {recorded.get(name, 'none')}"
        for name in names[:_PACKAGES]
    )
    return f"{count}: {told}{', …' if len(names) > _PACKAGES else ''}"


def _diff(recorded: bytes, replayed: bytes) -> str:
    if max(len(recorded), len(replayed)) > _LARGEST_DIFF or b"\0" in recorded + replayed:
        return ""
    old, new = (data.decode(errors="replace").splitlines() for data in (recorded, replayed))
    lines = list(difflib.unified_diff(old, new, lineterm="", n=0))[2:]
    more = [f"… {len(lines) - _DIFF_LINES} more lines"] if len(lines) > _DIFF_LINES else []
    return "\n".join(f"  {line}" for line in (*lines[:_DIFF_LINES], *more))
