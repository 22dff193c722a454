"""What a file in the annex of git-annex is, told by its key alone."""

from __future__ import annotations

import os
from typing import NamedTuple

from snakemake_renku.provenance.git.keys import key_of_pointer
from snakemake_renku.runner.digest_annex import key_of_link, sha256_of_key, size_of_key

LONGEST_POINTER = 32 << 10
"""Bytes; git-annex's page ``internals/pointer_file``."""


class Key(NamedTuple):
    """A key: ``digest`` is ``sha256:<hex>`` where it holds one; ``size`` in bytes where it does."""

    text: str
    digest: str | None
    size: int | None


def key(text: str | None) -> Key | None:
    """What a key says of its content."""
    return None if text is None else Key(text, sha256_of_key(text), size_of_key(text))


def key_at(path: str) -> Key | None:
    """The key of the annexed file at ``path``: a link into the annex, or a pointer file.

    None for other files, and for an unlocked file whose content is there.
    """
    return key(link_key(path) or _pointer_key(path))


def link_key(path: str) -> str | None:
    """The key that the link at ``path`` stands for; None if it is no link, or leads elsewhere."""
    try:
        return key_of_link(os.fsencode(os.readlink(path)))
    except OSError:
        return None


def _pointer_key(path: str) -> str | None:
    try:
        if os.path.getsize(path) > LONGEST_POINTER:
            return None
        with open(path, "rb") as file:
            return key_of_pointer(file.read(LONGEST_POINTER))
    except OSError:
        return None
