"""Which content a symbolic link into the annex of git-annex stands for, told by its key.

A file that is put into an annex becomes a link to ``.git/annex/objects/<xx>/<yy>/<key>/<key>``; the
key of the usual backends holds the content's SHA-256 and size, so it tells them even in a clone
that has not fetched the content. Formats: git-annex's pages ``internals`` and
``internals/key_format``.
"""

from __future__ import annotations

import os
import re

_OBJECT = re.compile(rb"(?:|.*/)\.git/annex/objects/(?:[^/]+/[^/]+/)?([^/]+)/\1", re.DOTALL)
_KEY = re.compile(rb"[A-Z0-9_]+(?:-[a-zA-Z][0-9]+)*--.*", re.DOTALL)
_SHA256 = re.compile(r"SHA256E?(?:-[a-zA-Z][0-9]+)*--([0-9a-f]{64})(?:\..*)?", re.DOTALL)
_SIZE = re.compile(r"[A-Z0-9_]+(?:-[a-zA-Z][0-9]+)*?-s([0-9]+)-")
_ESCAPED = re.compile(rb"%|&[asc]")
_ESCAPES = {b"%": b"/", b"&a": b"&", b"&s": b"%", b"&c": b":"}


def key_of_link(target: bytes) -> str | None:
    """The key whose content a link with this target stands for; None for another link."""
    found = _OBJECT.fullmatch(target)
    return key_of_name(found[1]) if found else None


def key_of_name(name: bytes) -> str | None:
    """The key that the name of an object's file holds; None if it is none."""
    if not _KEY.fullmatch(name):
        return None
    return os.fsdecode(_ESCAPED.sub(lambda found: _ESCAPES[found[0]], name))


def sha256_of_key(key: str) -> str | None:
    """``sha256:<hex>`` of the content if the key tells it."""
    found = _SHA256.fullmatch(key)
    # A key of a part of a file is of other bytes.
    return f"sha256:{found[1]}" if found and "-C" not in key.partition("--")[0] else None


def size_of_key(key: str) -> int | None:
    """The content's size in bytes if the key tells it."""
    found = _SIZE.match(key)
    return int(found[1]) if found else None
