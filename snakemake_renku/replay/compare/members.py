"""The members of zip and tar files."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

from snakemake_renku.errors import CompareError
from snakemake_renku.replay.compare.wording import short

MOST_MEMBERS = 200_000


class Archive(Protocol):
    """What is common to both: ``types`` are ``file``, or words such as ``link to x``, by name."""

    types: dict[str, str]

    def open(self, name: str) -> IO[bytes]:
        """The content of a member that is a file."""


class Zip:
    """A zip file (PKWARE's APPNOTE)."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.types: dict[str, str] = {}
        for member in archive.infolist():
            _refuse(self.types, member.filename)
            self.types[member.filename] = _zip_type(member)

    def open(self, name: str) -> IO[bytes]:
        """The content of a member."""
        return self._archive.open(name)


def _zip_type(member: zipfile.ZipInfo) -> str:
    if member.flag_bits & 1:
        raise CompareError("it is encrypted")
    return "folder" if member.is_dir() else "file"


class Tar:
    """A tar file (POSIX.1, GNU), not compressed."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._members: dict[str, tarfile.TarInfo] = {}
        for member in archive:
            _refuse(self._members, member.name)
            self._members[member.name] = member
        self.types = {name: _tar_type(member) for name, member in self._members.items()}

    def open(self, name: str) -> IO[bytes]:
        """The content of a member."""
        return cast(IO[bytes], self._archive.extractfile(self._members[name]))


def _tar_type(member: tarfile.TarInfo) -> str:
    if member.isfile():
        return "file"
    if member.isdir():
        return "folder"
    if member.issym() or member.islnk():
        return f"{'link' if member.issym() else 'hard link'} to {member.linkname}"
    return "device, pipe or unknown"


def _refuse(known: Mapping[str, object], name: str) -> None:
    if name in known:
        raise CompareError(f"it has two members of the name {short(name)}")
    if len(known) >= MOST_MEMBERS:
        raise CompareError(f"it has more than {MOST_MEMBERS:,} members")


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an archive; whatever is wrong with it is raised as its reader puts it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            yield Zip(packed)
    else:
        with tarfile.open(path, "r:") as tar:
            yield Tar(tar)
