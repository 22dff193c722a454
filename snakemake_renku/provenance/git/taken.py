"""What is found out of recorded files: what stands for them in git, and what is wrong with them."""

from __future__ import annotations

import os
import stat as modes
from typing import NamedTuple

import msgspec

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git.folder import EXECUTABLE, FILE, LINK, Entry
from snakemake_renku.provenance.git.intent import Annexed
from snakemake_renku.provenance.git.keys import link_target, pointer
from snakemake_renku.provenance.git.pack import BLOB, PackWriter
from snakemake_renku.provenance.git.records import LeftOut

_NAMED = 10


class Looked(NamedTuple):
    """A regular file: its path in git, where it is, how it was found, and the digest it had."""

    path: bytes
    full: bytes
    stat: os.stat_result
    wanted: str | None

    @property
    def size(self) -> int:
        """In bytes."""
        return self.stat.st_size

    @property
    def mode(self) -> bytes:
        """The mode that git has for it."""
        return mode_of(self.stat)


class Taken(msgspec.Struct):
    """What stands for each path in the commits, and what is to go into the annex.

    ``digests`` are those that the files have, ``sha256:<hex>``.
    """

    entries: dict[bytes, Entry] = {}
    annexed: list[Annexed] = []
    digests: dict[bytes, str] = {}
    left_out: list[LeftOut] = []
    in_git: int = 0
    in_annex: int = 0


class Findings:
    """Collects into ``taken``, with the objects going into a pack, and what is wrong."""

    def __init__(self, pack: PackWriter) -> None:
        self.pack = pack
        self.taken = Taken()
        self._wrong: list[tuple[bytes, str]] = []

    def has_digest(self, path: bytes, wanted: str | None, found: str) -> bool:
        """Note a file's digest; False, and wrong, if another one was recorded."""
        if wanted is not None and wanted != found:
            self.wrong(path, f"it has the digest {found}, not {wanted} as recorded")
            return False
        self.taken.digests[path] = found
        return True

    def wrong(self, path: bytes, why: str) -> None:
        """Note that a file is not what was recorded."""
        self._wrong.append((path, why))

    def left_out(self, path: bytes, why: str) -> None:
        """Note that the commits will not have a file."""
        self.taken.left_out.append(LeftOut(os.fsdecode(path), why))

    def in_git(self, path: bytes, mode: bytes, name: bytes) -> None:
        """Note the object that a file is in git."""
        self.taken.entries[path] = Entry(mode, name)
        self.taken.in_git += 1

    def stands_in(self, path: bytes, mode: bytes, content: bytes) -> None:
        """Note the link or pointer that stands for an annexed file."""
        self.taken.entries[path] = Entry(mode, self.pack.add(BLOB, content))
        self.taken.in_annex += 1

    def into_annex(self, file: Looked, key: str, *, unlocked: bool) -> None:
        """Note that a file is to go into the annex."""
        stat = file.stat
        self.taken.annexed.append(
            Annexed(
                path=file.path,
                key=key,
                size=stat.st_size,
                mtime_ns=stat.st_mtime_ns,
                inode=stat.st_ino,
                unlocked=unlocked,
            )
        )
        if unlocked:
            self.stands_in(file.path, file.mode, pointer(key))
        else:
            target = link_target(os.fsdecode(file.path), key)
            self.stands_in(file.path, LINK, os.fsencode(target))

    def complain(self) -> None:
        """Raise :class:`RecordError` if something is wrong."""
        if not self._wrong:
            return
        named = "; ".join(f"{os.fsdecode(path)!r}: {why}" for path, why in self._wrong[:_NAMED])
        more = f"; and {len(self._wrong) - _NAMED} others" if len(self._wrong) > _NAMED else ""
        raise RecordError(
            f"Files are not what was recorded: {named}{more}.",
            remedy="Run the workflow again, so that they are made anew, and record that run.",
        )


def mode_of(stat: os.stat_result) -> bytes:
    """The mode that git has for a regular file."""
    return EXECUTABLE if stat.st_mode & modes.S_IXUSR else FILE
