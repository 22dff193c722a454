"""Fetching what a replay needs from git-annex, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from snakemake_renku.replay.clone import ORIGIN, Clone
from snakemake_renku.replay.git import annex_replies, git, has_annex, zero_separated
from snakemake_renku.runner.digest import digest_tree

_OBJECTS = "/annex/objects/"
_POINTER_SIZE = 32 * 1024
"""Git-annex takes no larger file for a pointer."""

_PLAIN = {"&a": "&", "&s": "%", "&c": ":", "%": "/"}
"""How git-annex writes keys as names of files."""
_ESCAPED = re.compile("&[asc]|%")

_LINKS = 40
"""So many symbolic links in a chain, as Linux has it."""


def fetch(clone: Clone, places: Iterable[str]) -> dict[str, str]:
    """Fetch files and folders, in one batch for each (sub)dataset; what could not be, and why.

    ``places`` are relative to the clone's root; those that are not there are among the answers.
    """
    places = list(dict.fromkeys(places))
    clone.install(places)
    files = {place: list(_files(clone, place)) for place in places}
    wanted: dict[Path, dict[str, str]] = {}
    for file in (file for found in files.values() for file in found):
        if is_absent(clone.path(file)):
            root, path = clone.repository_of(file)
            wanted.setdefault(root, {})[path] = file
    said: dict[str, str] = {}
    for root, paths in wanted.items():
        said |= {paths[path]: why for path, why in _get(root, list(paths)) if path in paths}
    problems = ((place, _problem(clone, place, files[place], said)) for place in places)
    return {place: problem for place, problem in problems if problem is not None}


def is_absent(path: Path) -> bool:
    """Whether ``path`` is an annexed file whose content is not here."""
    if path.is_symlink():
        return _OBJECTS in os.readlink(path) and not path.exists()
    return annexed_key(path) is not None


def annexed_key(path: Path) -> str | None:
    """The key that an annexed file's link, or its pointer file, names."""
    try:
        if path.is_symlink():
            return key_in(os.fsencode(os.readlink(path)))
        if not path.is_file() or path.stat().st_size > _POINTER_SIZE:
            return None
        return pointer_key(path.read_bytes())
    except OSError:
        return None


def pointer_key(data: bytes) -> str | None:
    """The key of a pointer file (an annexed file that is unlocked, and not here)."""
    is_pointer = len(data) <= _POINTER_SIZE and data.startswith(_OBJECTS.encode())
    return key_in(data.split(b"\n", 1)[0]) if is_pointer else None


def key_in(target: bytes) -> str | None:
    """The key that the target of an annexed file's link names."""
    if _OBJECTS.encode() not in b"/" + target:
        return None
    name = os.fsdecode(target.rstrip(b"\n").rsplit(b"/", 1)[-1])
    return _ESCAPED.sub(lambda found: _PLAIN[found[0]], name)


def _files(clone: Clone, place: str) -> Iterator[str]:
    """The files at ``place`` or below it, and those that links there lead to."""
    path = clone.path(place)
    if path.is_dir() and not path.is_symlink():
        for folder, folders, names in os.walk(path):
            folders[:] = [name for name in folders if name != ".git"]
            for name in names:
                yield from _followed(clone, os.path.relpath(os.path.join(folder, name), clone.root))
    else:
        yield from _followed(clone, place)


def _followed(clone: Clone, place: str) -> Iterator[str]:
    """A file, and if it is a link to another of the repository, that."""
    for _ in range(_LINKS):
        folder, name = os.path.split(clone.path(place))
        path = os.path.join(os.path.realpath(folder), name)
        place = os.path.relpath(path, clone.root)
        if not os.path.lexists(path) or place.startswith("../"):
            return
        yield place
        if not os.path.islink(path) or _OBJECTS in os.readlink(path):
            return
        place = os.path.relpath(os.path.join(os.path.dirname(path), os.readlink(path)), clone.root)


def _get(root: Path, paths: list[str]) -> Iterator[tuple[str, str]]:
    """Fetch; of what could not be, why."""
    if not has_annex():
        yield from ((path, "git-annex is not here") for path in paths)
        return
    replies = get(root, paths, how="--batch")
    yield from ((str(reply.get("file", "")), _why(reply)) for reply in replies)


def get(root: Path, items: Sequence[str], *, how: str) -> list[Mapping[str, Any]]:
    """Fetch files (by ``--batch``) or keys (by ``--batch-keys``).

    Returns what git-annex said of those of which it knew no copy. They may have come all the same:
    what the original has got last may not be in its branch of locations yet, so it is asked itself.
    """
    replies = list(annex_replies(root, "get", how=how, items=items))
    failed = [reply for reply in replies if not reply.get("success", False)]
    again = [str(name) for reply in failed for name in reply.get("input", ())]
    if again:
        list(annex_replies(root, "get", "--from", ORIGIN, how=how, items=again))
    return failed


def _why(reply: Mapping[str, Any]) -> str:
    messages = [str(text) for text in reply.get("error-messages", ()) if str(text).strip()]
    note = " ".join(str(reply.get("note") or "").split())
    where = [str(place.get("description", "")) for place in reply.get("wanted", ())]
    known = f"copies are known at {', '.join(where)}" if where else ""
    words = [note, *(" ".join(text.split()) for text in messages[:1]), known]
    return "; ".join(word for word in words if word) or "git-annex does not say why"


def _problem(clone: Clone, place: str, files: list[str], said: Mapping[str, str]) -> str | None:
    missing = clone.why_missing(place)
    if missing is not None:
        return missing
    if not os.path.lexists(clone.path(place)):
        return f"it is not in the commit {clone.commit[:12]}"
    absent = [file for file in files if is_absent(clone.path(file))]
    if absent:
        of = "" if absent == [place] else f" of {absent[0]}"
        return f"no copy{of} can be reached: {said.get(absent[0], 'git-annex did not fetch it')}"
    if clone.path(place).is_symlink() and not clone.path(place).exists():
        return "it is a link to nothing"
    return None


def fetch_code(clone: Clone, folders: Iterable[str], most: int = 1_000_000) -> None:
    """Fetch the annexed files below ``folders`` that may be code: those of up to ``most`` bytes.

    A script may import others beside it, of which no record tells.
    """
    for folder in dict.fromkeys(folders):
        root, path = clone.repository_of(folder)
        listed = zero_separated(git(root, "ls-files", "-z", "--", path or "."))
        small = [file for file in listed if _is_small(root / file, most)]
        if small and has_annex():
            get(root, small, how="--batch")


def as_made(folder: Path, digest: str | None) -> None:
    """Put files in the place of git-annex's links in a folder that was read as a whole.

    The digest of a folder tells links from files, and a job that made it made files. Does nothing
    where the folder is as recorded already, or is not there.
    """
    if not folder.is_dir() or digest_tree(folder) == digest:
        return
    for path in folder.rglob("*"):
        if path.is_symlink() and annexed_key(path) is not None and path.is_file():
            content = path.resolve()
            path.unlink()
            shutil.copyfile(content, path)


def _is_small(path: Path, most: int) -> bool:
    if not is_absent(path):
        return False
    size = key_size(annexed_key(path) or "")
    return size is not None and size <= most


def key_size(key: str) -> int | None:
    """The size in bytes that a key tells (git-annex: Key format)."""
    fields = key.partition("--")[0].split("-")[1:]
    sizes = (field[1:] for field in fields if field.startswith("s") and field[1:].isdigit())
    return next((int(size) for size in sizes), None)
