"""What a recorder is about to do, on disk before it does it, so that another can complete it.

The notes lie in ``renku-record/`` of the git directory: ``intent`` (msgpack), and beside it what is
needed to go on. The folder is gone when a batch is complete.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from snakemake_renku.provenance.git.disk import sync_folder

FOLDER = "renku-record"

_FORMAT = 1


class Staged(msgspec.Struct, frozen=True, array_like=True):
    """An entry of the index: mode as git writes it, the object's name; empty if there is none."""

    mode: bytes = b""
    name: bytes = b""


class Change(msgspec.Struct, frozen=True, array_like=True):
    """A path whose entry in the index goes from ``before`` to ``after``."""

    path: bytes
    before: Staged
    after: Staged


class Annexed(msgspec.Struct, frozen=True, array_like=True):
    """A file of the working tree whose content goes into the annex.

    ``unlocked`` files stay as they are; others become links. The rest is how it was found: size in
    bytes, modification time in ns, inode.
    """

    path: bytes
    key: str
    size: int
    mtime_ns: int
    inode: int
    unlocked: bool = False


class Text(msgspec.Struct, frozen=True, array_like=True):
    """A text to be written to ``path``: the name of its object in git.

    ``before`` is the SHA-256 of what stands there, None if nothing does.
    """

    path: bytes
    name: bytes
    before: bytes | None = None


class Intent(msgspec.Struct, frozen=True):
    """Where the branch and git-annex's branch go from and to, and what is to follow.

    ``marker`` is what the index's lock file holds while it is ours. ``placed`` are the objects,
    relative to ``annex/objects``, that the annex did not have.
    """

    marker: str
    name: str
    ref: str
    old: str
    new: str
    old_annex: str | None
    new_annex: str | None
    changes: tuple[Change, ...]
    annexed: tuple[Annexed, ...]
    texts: tuple[Text, ...]
    placed: tuple[str, ...] = ()
    format: int = _FORMAT


class Notes:
    """The folder with the notes."""

    def __init__(self, gitdir: Path) -> None:
        self.folder = gitdir / FOLDER

    def load(self) -> Intent | None:
        """The intent of a recorder that did not complete; ValueError if it cannot be understood."""
        try:
            content = (self.folder / "intent").read_bytes()
        except FileNotFoundError:
            return None
        intent = msgspec.msgpack.decode(content, type=Intent)
        if intent.format != _FORMAT:
            raise ValueError("another version of snakemake-renku wrote them")
        return intent

    def begin(self) -> None:
        """Make an empty folder."""
        self.clear()
        self.folder.mkdir()

    def save(self, intent: Intent) -> None:
        """Write the intent to disk, as a whole or not at all."""
        self.put("intent", msgspec.msgpack.encode(intent))

    def put(self, name: str, content: bytes) -> Path:
        """Write a file beside the intent, to disk, as a whole or not at all."""
        path = self.folder / name
        temporary = self.folder / f"{name}.new"
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(self.folder)
        return path

    def clear(self) -> None:
        """Forget the intent, then all else."""
        (self.folder / "intent").unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
