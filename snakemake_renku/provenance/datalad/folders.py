"""A folder's digest together with those of its files."""

from __future__ import annotations

import os
from typing import NamedTuple

from snakemake_renku.runner.digest import Found, digest_paths, digest_tree
from snakemake_renku.runner.digest_annex import key_of_link
from snakemake_renku.runner.digest_cache import DigestCache


class Folder(NamedTuple):
    """A folder's digest, its files with what was found, and its links; paths are below it.

    An annexed file is the file that it was, and no link.
    """

    digest: str
    files: dict[str, Found]
    links: list[str]


def look_into(folder: str) -> Folder:
    """Hash a folder and each file in it.

    Raises:
        DigestError: part of it cannot be read, or keeps changing.
    """
    cache = DigestCache(None)
    files: list[str] = []
    links: list[str] = []
    for path in files_below(folder):
        (links if is_link(os.path.join(folder, path)) else files).append(path)
    found = digest_paths([os.path.join(folder, path) for path in files], cache)
    digest = digest_tree(folder, cache=cache)
    return Folder(digest, dict(zip(files, found, strict=True)), links)


def files_below(folder: str) -> list[str]:
    """All below a folder that is no folder itself, links to folders included, in order."""
    found = []
    for top, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(top, name))]
        found += [os.path.relpath(os.path.join(top, name), folder) for name in (*files, *links)]
    return sorted(found)


def is_link(path: str) -> bool:
    """Whether ``path`` is a symbolic link, but not one to an annexed file."""
    return os.path.islink(path) and key_of_link(os.fsencode(os.readlink(path))) is None
