"""Let the working tree be as the commits have it: links for annexed files, and our texts.

Each path is replaced at once, and only if it still is as it was when it was looked at. Times of
files and folders stay, so Snakemake finds nothing to do.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat as modes
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from snakemake_renku.provenance.git.intent import Annexed, Text
from snakemake_renku.provenance.git.keys import link_target
from snakemake_renku.provenance.git.store import Store


class WorkTree:
    """The files below ``root``; ``scratch`` is a folder for what is to be moved into place."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._root = os.fsencode(root)
        self._scratch = os.fsencode(scratch)
        self._folders: dict[bytes, os.stat_result] = {}

    def settle(
        self,
        annexed: Sequence[Annexed],
        texts: Sequence[Text],
        store: Store | None,
        read: Callable[[bytes], bytes],
    ) -> list[bytes]:
        """Do all; return the paths that changed meanwhile, which are left as they are."""
        changed = []
        try:
            for one in annexed:
                assert store is not None
                if not self._settle_annexed(one, store):
                    changed.append(one.path)
            changed += [one.path for one in texts if not self._write(one, read)]
        finally:
            self._restore_folders()
        return changed

    def _settle_annexed(self, annexed: Annexed, store: Store) -> bool:
        path = os.path.join(self._root, annexed.path)
        try:
            stat = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            stat = None
        if not store.has(annexed.key):
            return False
        if not store.is_intact(annexed):
            store.withdraw(str(store.file(annexed.key).relative_to(store.folder)))
            return False
        store.freeze(annexed)
        if annexed.unlocked or (stat is not None and modes.S_ISLNK(stat.st_mode)):
            return True
        if stat is None or not is_same(stat, annexed):
            return False
        target = link_target(os.fsdecode(annexed.path), annexed.key)
        self._replace(path, lambda new: _make_link(new, os.fsencode(target), annexed.mtime_ns))
        return True

    def _write(self, text: Text, read: Callable[[bytes], bytes]) -> bool:
        path = os.path.join(self._root, text.path)
        content = read(text.name)
        present = content_of(path)
        if present == content:
            return True
        if (None if present is None else hashlib.sha256(present).digest()) != text.before:
            return False
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._replace(path, lambda new: _make_file(new, content))
        return True

    def _replace(self, path: bytes, make: Callable[[bytes], None]) -> None:
        self._open_folder(os.path.dirname(path))
        new = os.path.join(self._scratch, b"new")
        _remove(new)
        make(new)
        try:
            os.replace(new, path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._replace_within(path, make)
        finally:
            _remove(new)

    def _replace_within(self, path: bytes, make: Callable[[bytes], None]) -> None:
        folder, name = os.path.split(path)
        new = os.path.join(folder, b".renku-" + hashlib.sha256(name).hexdigest()[:16].encode())
        _remove(new)
        make(new)
        os.replace(new, path)

    def _open_folder(self, folder: bytes) -> None:
        if folder not in self._folders:
            self._folders[folder] = stat = os.stat(folder)
            if not stat.st_mode & modes.S_IWUSR:
                os.chmod(folder, modes.S_IMODE(stat.st_mode) | modes.S_IWUSR)

    def _restore_folders(self) -> None:
        for folder, stat in self._folders.items():
            with suppress(OSError):
                os.chmod(folder, modes.S_IMODE(stat.st_mode))
                os.utime(folder, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        self._folders.clear()


def is_same(stat: os.stat_result, annexed: Annexed) -> bool:
    """Whether a file is as it was when it was looked at."""
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) == (
        annexed.inode,
        annexed.size,
        annexed.mtime_ns,
    )


def content_of(path: bytes) -> bytes | None:
    """The bytes of a file, None if nothing stands there; a link is not followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _make_link(path: bytes, target: bytes, mtime_ns: int) -> None:
    os.symlink(target, path)
    os.utime(path, ns=(mtime_ns, mtime_ns), follow_symlinks=False)


def _make_file(path: bytes, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def _remove(path: bytes) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
