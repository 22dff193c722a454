"""Where a recorded path lies in a repository, or why it cannot be in it."""

from __future__ import annotations

import os
import re

OUTSIDE = "it lies outside of the repository"
IN_GIT = "it lies in what git takes for its own folder"

# What some file systems take for ".git", as `git fsck` knows it: HFS+ ignores some characters, NTFS
# dots and spaces at the end, and streams behind a colon.
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_NTFS_END = re.compile(r"[ .]*(:.*)?$", re.DOTALL)


class Paths:
    """Places recorded paths in the working tree at ``root``; links to folders are resolved."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.realpath(os.fsencode(root))
        self._folders: dict[bytes, bytes | str] = {b"": b""}

    def locate(self, path: str) -> bytes | str:
        """The path as git has it, or (as ``str``) the reason why it cannot be in git."""
        try:
            raw = os.fsencode(path)
        except UnicodeEncodeError:
            return "its name cannot be a file's here"
        if b"\0" in raw or not raw:
            return "its name cannot be a file's"
        folder, name = os.path.split(os.path.normpath(os.path.join(self._root, raw)))
        inside = self._relative(folder)
        if inside is None:
            return OUTSIDE
        real = self._folder(inside)
        if isinstance(real, str):
            return real
        full = real + b"/" + name if real else name
        return IN_GIT if any(map(is_gits_own, full.split(b"/"))) else full

    def _relative(self, folder: bytes) -> bytes | None:
        if folder == self._root:
            return b""
        top = self._root.rstrip(b"/") + b"/"
        return folder[len(top) :] if folder.startswith(top) else None

    def _folder(self, inside: bytes) -> bytes | str:
        known = self._folders.get(inside)
        if known is None:
            real = self._relative(os.path.realpath(os.path.join(self._root, inside)))
            known = real if real is not None else "it lies behind a link that leaves the repository"
            self._folders[inside] = known
        return known


def is_gits_own(component: bytes) -> bool:
    """Whether a name is, or is on some file system taken for, ``.git``."""
    if len(component) < 4 or component[:1] not in b".gG\xe2\xef":
        return False
    plain = _IGNORED.sub("", component.decode(errors="surrogateescape")).lower()
    return _NTFS_END.sub("", plain) in (".git", "git~1")
