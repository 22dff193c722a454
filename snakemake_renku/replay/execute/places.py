"""Where the folders of the recorded run are in the clone."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_BEFORE = r"(?:(?<![\w.@%+~/-])|(?<=://)|(?<=\s-\w))"
"""What stands before a path: no other part of one, but ``file://`` or an option as ``-I``."""
_AFTER = r"(?=/|[^\w.@%+~-]|$)"


class Places:
    """Takes paths of the recorded run to those in the clone.

    ``workdir`` is the recorded working directory, ``clone`` the one in the clone, which is at the
    same place of its repository as the recorded one was; ``others`` are more folders that are
    elsewhere now.
    """

    def __init__(self, workdir: str, clone: Path, others: Mapping[str, str] | None = None) -> None:
        self.workdir = os.path.normpath(workdir)
        self.clone = Path(os.path.realpath(clone))
        self.root = _git_root(self.clone)
        self._moved = dict(self._pairs()) | dict(others or {})
        self._pattern = _pattern(self._moved)

    def path(self, path: str) -> str:
        """``path`` in the clone, if it is an absolute one in the recorded repository."""
        if not os.path.isabs(path):
            return path
        normal = os.path.normpath(path)
        for recorded, here in self._longest_first():
            if normal == recorded or normal.startswith(recorded + "/"):
                return here + normal[len(recorded) :]
        return path

    def absolute(self, path: str) -> Path:
        """The absolute place in the clone of a recorded path (relative to the recorded workdir)."""
        return Path(os.path.normpath(os.path.join(self.clone, self.path(path))))

    def is_inside(self, path: str) -> bool:
        """Whether a recorded path is in the clone's working tree, as far as its name tells."""
        return self.holds(self.absolute(path))

    def holds(self, place: Path) -> bool:
        """Whether an absolute place is in the clone's working tree, and not git's own."""
        return place.is_relative_to(self.root) and ".git" not in place.relative_to(self.root).parts

    def text(self, text: str) -> str:
        """``text`` with the recorded folders replaced where they stand as the start of a path."""
        return self._pattern.sub(lambda found: self._moved[found[0]], text)

    def value(self, value: Any) -> Any:
        """A JSON-like value with :meth:`text` applied to its strings."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {key: self.value(each) for key, each in value.items()}
            case list():
                return [self.value(each) for each in value]
        return value

    def named_in(self, text: str) -> bool:
        """Whether ``text`` names one of the recorded folders."""
        return self._pattern.search(text) is not None

    def _pairs(self) -> Iterator[tuple[str, str]]:
        below = self.clone.relative_to(self.root).parts
        recorded = Path(self.workdir)
        if below and recorded.parts[-len(below) :] == below:
            root = recorded.parents[len(below) - 1]
            if root != Path("/"):
                yield str(root), str(self.root)
        if self.workdir != "/":
            yield self.workdir, str(self.clone)

    def _longest_first(self) -> list[tuple[str, str]]:
        return sorted(self._moved.items(), key=lambda pair: -len(pair[0]))


def _git_root(folder: Path) -> Path:
    """The top of the working tree that holds ``folder``; itself where there is none."""
    found = (each for each in (folder, *folder.parents) if (each / ".git").exists())
    return next(found, folder)


def _pattern(moved: Mapping[str, str]) -> re.Pattern[str]:
    folders = "|".join(re.escape(each) for each in sorted(moved, key=len, reverse=True))
    return re.compile(f"{_BEFORE}(?:{folders}){_AFTER}" if folders else r"(?!)")
