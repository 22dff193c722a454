"""The files that go into a crate, and those that can only be named."""

from __future__ import annotations

import mimetypes
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from snakemake_renku.journal import RunHistory, normal_path
from snakemake_renku.model import FileRef
from snakemake_renku.provenance.rocrate.graph import Graph, Ref, local, moment
from snakemake_renku.runner.digest import digest_paths

SOURCES = "source"
"""The folder of the crate for code from outside the working directory."""

Version = tuple[str, str | None]
"""A path as in the run, and the digest of what stood there."""


@dataclass
class Payload:
    """Which files of a run are here as recorded, and where they go in the crate."""

    run: RunHistory
    workdir: Path
    copies: dict[str, Path] = field(default_factory=dict)
    """Place in the crate (with ``/`` between folders) → file or folder here."""
    texts: dict[str, bytes] = field(default_factory=dict)
    """Place in the crate → content."""
    _places: dict[Version, str] = field(default_factory=dict)

    def collect(self, refs: Iterable[FileRef]) -> None:
        """Find those of ``refs`` that are here below the working directory, as recorded."""
        wanted: dict[Version, Path] = {}
        for ref in refs:
            path = self.path(ref.path)
            if ref.digest is not None and not _outside(path):
                wanted[path, ref.digest] = self.workdir / path
        found = digest_paths([os.fspath(each) for each in wanted.values()])
        for (version, file), now in zip(wanted.items(), found, strict=True):
            if now.digest == version[1]:
                self._places[version] = version[0]
                self.copies[version[0]] = file

    def source(self, path: str, digest: str | None) -> str | None:
        """The place in the crate of a source file (code, configuration); None if it is gone.

        Where the file was changed since, it is taken from the commit of the run.
        """
        version = (self.path(path), digest)
        if version not in self._places:
            content = self._content(path, digest)
            if content is None:
                return None
            place = self._source_place(path)
            self.copies.pop(place, None)
            self.texts[place] = content
            self._places[version] = place
        return self._places[version]

    def path(self, path: str) -> str:
        """A path of the run relative to its working directory where it is inside."""
        return normal_path(path, self.run.info.workdir)

    def entity(self, graph: Graph, ref: FileRef) -> Ref:
        """The entity of a file or folder: a part of the crate, or the mere name of what is not."""
        place = self._places.get((self.path(ref.path), ref.digest))
        if ref.kind == "directory":
            return self._folder(graph, ref, place)
        return self._file(graph, ref, place)

    def _file(self, graph: Graph, ref: FileRef, place: str | None) -> Ref:
        algorithm, _, hex = (ref.digest or "").partition(":")
        return graph.add(
            quote(place) if place is not None else self._name_only(ref),
            "File" if place is not None else "CreativeWork",
            name=self.path(ref.path),
            contentSize=None if ref.size is None else str(ref.size),
            sha256=hex if algorithm == "sha256" else None,
            identifier=ref.digest,
            dateModified=None if ref.mtime is None else moment(ref.mtime),
            encodingFormat=media_type(ref.path),
            description=None if place is not None else "It is not in this crate.",
        )

    def _folder(self, graph: Graph, ref: FileRef, place: str | None) -> Ref:
        return graph.add(
            quote(place) + "/" if place is not None else self._name_only(ref),
            "Dataset" if place is not None else "CreativeWork",
            name=self.path(ref.path),
            identifier=ref.digest,
            description="A folder" + ("." if place is not None else "; it is not in this crate."),
        )

    def _name_only(self, ref: FileRef) -> str:
        return local("file", ref.digest or ref.kind, self.path(ref.path))

    def _source_place(self, path: str) -> str:
        inside = self.path(path)
        if not _outside(inside):
            return inside
        root = self.run.info.git.root if self.run.info.git is not None else None
        if root is not None and not _outside(relative := normal_path(path, root)):
            return f"{SOURCES}/{relative}"
        name = f"{SOURCES}/{PurePosixPath(path).name}"
        return name if name not in self.texts else f"{SOURCES}/{path.strip('/').replace('/', '_')}"

    def _content(self, path: str, digest: str | None) -> bytes | None:
        for place in (self.workdir / self.path(path), self._in_this_repository(path)):
            if place is not None and _is_there(place, digest):
                return place.read_bytes()
        return self._in_history(path, digest)

    def _root(self) -> Path | None:
        """The root of the repository here, if this folder lies in it as the run's lay in its."""
        info = self.run.info
        if info.git is None or info.git.root is None:
            return None
        below = normal_path(info.workdir, info.git.root)
        return None if _outside(below) else Path(os.path.normpath(self.workdir / _up(below)))

    def _in_this_repository(self, path: str) -> Path | None:
        info, root = self.run.info, self._root()
        if root is None or info.git is None or info.git.root is None:
            return None
        relative = normal_path(path, info.git.root)
        return None if _outside(relative) else root / relative

    def _in_history(self, path: str, digest: str | None) -> bytes | None:
        info, root = self.run.info, self._root()
        if root is None or info.git is None or info.git.root is None:
            return None
        relative = normal_path(path, info.git.root)
        done = subprocess.run(
            ["git", "-C", os.fspath(root), "cat-file", "blob", f"{info.git.commit}:{relative}"],
            capture_output=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 and _sha256(done.stdout) == digest else None


def media_type(path: str) -> str | None:
    """The media type that a name suggests."""
    return mimetypes.guess_type(path)[0]


def _is_there(path: Path, digest: str | None) -> bool:
    return digest is not None and digest_paths([os.fspath(path)])[0].digest == digest


def _outside(path: str) -> bool:
    return os.path.isabs(path) or path == ".." or path.startswith("../")


def _up(below: str) -> str:
    return "/".join([".."] * len(PurePosixPath(below).parts)) or "."


def _sha256(data: bytes) -> str:
    import hashlib

    return "sha256:" + hashlib.sha256(data).hexdigest()
