"""The files of a run: each content of each path once, and who made it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, NamedTuple

from snakemake_renku.journal import normal_path
from snakemake_renku.model import FileRef
from snakemake_renku.report.tables import Table, column, sparse

_SHA256 = "sha256:"


class Version(NamedTuple):
    """What stood at a path; ``kind`` is None where nobody looked."""

    path: str
    kind: str | None = None
    digest: str | None = None
    size: int | None = None
    problem: str | None = None


class Files:
    """The versions of files that a run met, numbered in the order in which it met them."""

    def __init__(self, workdir: str) -> None:
        self._workdir = workdir
        self._normal: dict[str, str] = {}
        self._versions: Table[Version] = Table()
        self._latest: dict[str, int] = {}
        self._by_digest: dict[tuple[str, str], int] = {}
        self._makers: dict[str, int] = {}

    def path(self, path: str) -> str:
        """A path as the report shows it: relative where it is inside the working directory."""
        found = self._normal.get(path)
        if found is None:
            found = self._normal[path] = normal_path(path, self._workdir)
        return found

    def found(self, ref: FileRef) -> int:
        """The number of what was found at a path."""
        path = self.path(ref.path)
        number = self._versions.number(Version(path, ref.kind, ref.digest, ref.size, ref.problem))
        self._latest[path] = number
        if ref.digest is not None:
            self._by_digest[path, ref.digest] = number
        return number

    def declared(self, path: str) -> int:
        """The number of what was last found at a path, or of the bare path if nobody looked."""
        path = self.path(path)
        latest = self._latest.get(path)
        return self._versions.number(Version(path)) if latest is None else latest

    def made(self, path: str, step: int) -> None:
        """Say that the step with the number ``step`` made what is at ``path``, or was to."""
        self._makers[self.path(path)] = step

    def version(self, path: str, digest: str | None) -> int | None:
        """The number of what was found at ``path`` with this digest; the last one for None."""
        path = self.path(path)
        return self._latest.get(path) if digest is None else self._by_digest.get((path, digest))

    def makers(self) -> list[int | None]:
        """Of each version, the number of the step that made its path, or a folder it is in."""
        return [self._maker(version.path) for version in self._versions.values]

    def _maker(self, path: str) -> int | None:
        for place in (path, *map(str, PurePosixPath(path).parents)):
            found = self._makers.get(place)
            if found is not None:
                return found
        return None

    def document(self, strings: Table[str]) -> dict[str, Any]:
        """The files by columns; a digest is without ``sha256:``."""
        versions = self._versions.values
        digests: Table[str] = Table()
        parts = [_split(version.path) for version in versions]
        return {
            "folder": [strings.number(folder) for folder, _ in parts],
            "name": [strings.number(name) for _, name in parts],
            "kind": column([version.kind for version in versions]),
            "digest": column([_number(digests, version.digest) for version in versions]),
            "digests": digests.values,
            "size": column([version.size for version in versions]),
            "problem": sparse(version.problem for version in versions),
            "maker": column(self.makers()),
        }


def _split(path: str) -> tuple[str, str]:
    folder, slash, name = path.rpartition("/")
    return folder + slash, name


def _number(digests: Table[str], digest: str | None) -> int | None:
    return None if digest is None else digests.number(digest.removeprefix(_SHA256))
