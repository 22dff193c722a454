"""The annex's store of contents: put a file's content in, and take it for good.

Nothing that git-annex relies on changes before the commits are made: a content is put in by a hard
link, with the permissions that the file has. Then it is locked as git-annex does: neither it nor
its folder can be written to (git-annex's page ``internals``).
"""

from __future__ import annotations

import os
import shutil
import stat as modes
from contextlib import suppress
from pathlib import Path

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git.intent import Annexed
from snakemake_renku.provenance.git.keys import object_file
from snakemake_renku.runner.digest import digest_file

_WRITE = 0o222
_SHARED = ("group", "true", "1", "all", "world", "everybody", "2")


class Store:
    """The contents of a repository's annex."""

    def __init__(self, common: Path, *, shared: str = "", thin: bool = False) -> None:
        self.folder = common / "annex" / "objects"
        self._shared = shared.lower() in _SHARED
        self._thin = thin

    def file(self, key: str) -> Path:
        """Where the content of a key is kept."""
        return self.folder / object_file(key)

    def has(self, key: str) -> bool:
        """Whether the content of a key is here."""
        return self.file(key).exists()

    def lacks(self, annexed: Annexed, digest: str) -> bool:
        """Whether the content, whose digest is ``sha256:<hex>``, has to be put in.

        What can be written to has not been locked: a recorder was killed, or the content is shared
        with an unlocked file. It is trusted only if it has the digest.
        """
        target = self.file(annexed.key)
        try:
            stat = target.lstat()
        except FileNotFoundError:
            return True
        if not modes.S_ISREG(stat.st_mode):
            raise RecordError(f"{str(target)!r} is no file.", remedy="Run `git annex fsck`.")
        if stat.st_size != annexed.size:
            return True
        return bool(stat.st_mode & _WRITE) and digest_file(target) != digest

    def put(self, source: bytes, annexed: Annexed) -> None:
        """Put the content of the file ``source`` in."""
        target = self.file(annexed.key)
        target.parent.mkdir(parents=True, exist_ok=True)
        _make_writable(target.parent)
        target.unlink(missing_ok=True)
        if annexed.unlocked and not self._thin:
            self._copy(source, target)
        else:
            self._link(source, target)

    def withdraw(self, name: str) -> None:
        """Take out again an object that :meth:`put` put in."""
        target = self.folder / name
        with suppress(FileNotFoundError):
            _make_writable(target.parent)
            target.unlink()
        for folder in list(target.parents)[:3]:
            try:
                folder.rmdir()
            except OSError:
                return

    def is_intact(self, annexed: Annexed) -> bool:
        """Whether nothing was written to the object since the file was looked at."""
        stat = self.file(annexed.key).stat()
        if stat.st_size != annexed.size:
            return False
        return stat.st_ino != annexed.inode or stat.st_mtime_ns == annexed.mtime_ns

    def freeze(self, annexed: Annexed) -> None:
        """Lock the content, and let it be no newer than the file that it comes from."""
        target = self.file(annexed.key)
        stat = target.stat()
        if annexed.unlocked and self._thin:
            return
        if stat.st_mtime_ns > annexed.mtime_ns:
            os.utime(target, ns=(stat.st_atime_ns, annexed.mtime_ns))
        _set_mode(target, stat.st_mode, (stat.st_mode & ~_WRITE) | 0o400)
        folder = target.parent
        if not self._shared:
            mode = folder.stat().st_mode
            _set_mode(folder, mode, mode & ~_WRITE)

    def _link(self, source: bytes, target: Path) -> None:
        stat = os.lstat(source)
        # What has another name, or another owner, could be changed or not be locked.
        if stat.st_nlink == 1 and stat.st_uid == os.geteuid():
            try:
                os.link(source, target, follow_symlinks=False)
                return
            except OSError:
                pass
        self._copy(source, target)

    def _copy(self, source: bytes, target: Path) -> None:
        temporary = self.folder.parent / "othertmp" / f"renku-{target.name}"
        temporary.parent.mkdir(exist_ok=True)
        try:
            shutil.copyfile(source, temporary, follow_symlinks=False)
            shutil.copystat(source, temporary, follow_symlinks=False)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


def _make_writable(folder: Path) -> None:
    mode = folder.stat().st_mode
    _set_mode(folder, mode, mode | 0o200)


def _set_mode(path: Path, mode: int, wanted: int) -> None:
    if mode != wanted:
        os.chmod(path, modes.S_IMODE(wanted))
