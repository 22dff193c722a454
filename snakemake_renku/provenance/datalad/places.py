"""Where the paths of a run stand in the repository."""

from __future__ import annotations

import os
import re
from pathlib import Path


class Places:
    """Translates paths as a run recorded them, which may have been in another place than this.

    ``root`` is the repository's root and ``workdir`` Snakemake's working directory, as they are now
    (both without links in them); ``recorded`` is the working directory as the run recorded it.
    ``pwd`` is the working directory relative to the root.
    """

    def __init__(self, root: Path, workdir: Path, recorded: str) -> None:
        self.root, self.workdir = root, workdir
        self.pwd = os.path.relpath(workdir, root)
        self._recorded = recorded
        self._roots = tuple(dict.fromkeys((*self._recorded_root(), str(root))))
        self._texts = tuple((_pattern(old), new) for old, new in self._folders())
        self._real: dict[str, str | None] = {}
        self._inside: dict[str, str | None] = {}

    def inside(self, path: str) -> str | None:
        """The path relative to the repository's root; None for what is outside of it.

        A folder on the way that is a link is taken for what it leads to, as git does not look
        behind links.
        """
        if path not in self._inside:
            self._inside[path] = self._find(os.path.normpath(path))
        return self._inside[path]

    def here(self, path: str) -> str:
        """The absolute path of the file on this machine, now."""
        below = self._below_root(path if os.path.isabs(path) else os.path.join(self.pwd, path))
        top, rest = (self.workdir, path) if below is None else (self.root, below)
        return os.path.join(top, rest)

    def from_pwd(self, path: str) -> str:
        """The path relative to the working directory; as it is for what is outside."""
        inside = self.inside(path)
        if inside is None or self.pwd == ".":
            return path if inside is None else inside
        below = inside.removeprefix(f"{self.pwd}/")
        return below if below != inside else os.path.relpath(inside, self.pwd)

    def in_text(self, text: str) -> str:
        """``text`` (a shell command) with absolute paths into the repository made relative."""
        for pattern, relative in self._texts:
            text = pattern.sub(lambda match, to=relative: _shorten(match, to), text)  # type: ignore[misc]
        return text

    def _find(self, path: str) -> str | None:
        below = self._below_root(path if os.path.isabs(path) else os.path.join(self.pwd, path))
        if below is None:
            return None
        folder, name = os.path.split(below)
        if folder not in self._real:
            real = os.path.realpath(self.root / folder)
            self._real[folder] = _below(real, str(self.root))
        real_folder = self._real[folder]
        return None if real_folder is None else os.path.normpath(os.path.join(real_folder, name))

    def _below_root(self, path: str) -> str | None:
        if not os.path.isabs(path):
            path = os.path.normpath(path)
            return None if _leads_out(path) else path
        return next((b for r in self._roots if (b := _below(path, r)) is not None), None)

    def _recorded_root(self) -> tuple[str, ...]:
        """The root of the repository when the run was made, where it can be told."""
        if self.pwd == ".":
            return (self._recorded,)
        root = self._recorded.removesuffix("/" + self.pwd)
        return (root,) if root not in (self._recorded, "") else ()

    def _folders(self) -> list[tuple[str, str]]:
        """Absolute folders, the innermost first, with what they are from the working directory."""
        found = {root: os.path.relpath(".", self.pwd) for root in self._roots if root != "/"}
        found |= {self._recorded: ".", str(self.workdir): "."}
        return sorted(found.items(), key=lambda item: -len(item[0]))


def _below(path: str, root: str) -> str | None:
    below = os.path.relpath(path, root)
    return None if _leads_out(below) else below


def _leads_out(path: str) -> bool:
    return path.split("/", 1)[0] in ("..", ".git")


def _pattern(folder: str) -> re.Pattern[str]:
    """Matches ``folder`` where a path begins (or stands behind an option like ``-I``)."""
    begins = r"(?:(?<![\w./~+@-])|(?<=\s-[A-Za-z]))"
    return re.compile(begins + re.escape(folder) + r"(?:(?P<slash>/+)|(?![\w./~+@-]))")


def _shorten(match: re.Match[str], relative: str) -> str:
    if match["slash"] is None:
        return relative
    following = match.string[match.end() : match.end() + 1]
    if relative == "." and re.match(r"[\w.@+%]", following):
        return ""
    return relative + "/"
