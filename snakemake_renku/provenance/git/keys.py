"""The keys of git-annex: how it names a content, where it keeps it, and what stands for it in git.

Formats: git-annex's pages ``internals/key_format``, ``internals/hashing``, ``internals`` and
``backends``.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from snakemake_renku.runner.digest_annex import (
    key_of_link,
    key_of_name,
    sha256_of_key,
    size_of_key,
)

__all__ = ["key_of_link", "sha256_of_key", "size_of_key"]

Hash = Callable[[], Any]

_DEFAULT_LENGTH = 4
_DEFAULT_EXTENSIONS = 2
_LETTERS = "0123456789zqjxkmvwgpfZQJXKMVWGPF"

_POINTER_PREFIX = b"/annex/objects/"
_POINTER_MOST = 32 << 10

HASHES: dict[str, Hash] = {
    "MD5": partial(hashlib.md5, usedforsecurity=False),
    "SHA1": partial(hashlib.sha1, usedforsecurity=False),
    "SHA224": hashlib.sha224,
    "SHA256": hashlib.sha256,
    "SHA384": hashlib.sha384,
    "SHA512": hashlib.sha512,
    "SHA3_224": hashlib.sha3_224,
    "SHA3_256": hashlib.sha3_256,
    "SHA3_384": hashlib.sha3_384,
    "SHA3_512": hashlib.sha3_512,
    **{f"BLAKE2B{n}": partial(hashlib.blake2b, digest_size=n // 8) for n in (160, 224, 256, 384)},
    "BLAKE2B512": hashlib.blake2b,
    **{f"BLAKE2S{n}": partial(hashlib.blake2s, digest_size=n // 8) for n in (160, 224)},
    "BLAKE2S256": hashlib.blake2s,
}
"""The backends that we can compute; with an E behind its name, one keeps the file's extension."""


def hash_of_backend(backend: str) -> str | None:
    """The entry of :data:`HASHES` for a backend; None for one that only git-annex knows."""
    name = backend if backend in HASHES else backend.removesuffix("E")
    return name if name in HASHES else None


def make_key(backend: str, size: int, hexdigest: str, extension: str) -> str:
    """The key of a content; the extension counts only for the backends that keep it."""
    return f"{backend}-s{size}--{hexdigest}{extension if backend.endswith('E') else ''}"


def extension(path: str, longest: int | None = None, most: int | None = None) -> str | None:
    """The extension, with its dots, that the backends with an E keep of a file's name.

    ``longest`` and ``most`` are the settings ``annex.maxextensionlength`` and
    ``annex.maxextensions``. None where it has characters of which git-annex must be asked.
    """
    name = path.rpartition("/")[2].lstrip(".")
    parts = name.split(".")[1:]
    kept: list[str] = []
    limit = _DEFAULT_LENGTH if longest is None else longest
    for part in reversed(parts):
        if not part.isascii():
            return None
        if len(part) > limit:
            break
        if not part or part.isalnum():
            kept.append(part)
    kept = kept[: _DEFAULT_EXTENSIONS if most is None else most]
    return "".join(f".{part}" for part in reversed(kept) if part)


def mixed_folder(key: str) -> str:
    """The two folders, ``XX/YY``, in which a working tree's repository keeps a key."""
    (word,) = struct.unpack("<I", hashlib.md5(os.fsencode(key)).digest()[:4])
    a, b, c, d = (_LETTERS[word >> 6 * place & 31] for place in range(4))
    return f"{b}{a}/{d}{c}"


def lower_folder(key: str) -> str:
    """The two folders, ``xxx/yyy``, in which the branch git-annex keeps what it knows of a key."""
    digest = hashlib.md5(os.fsencode(key)).hexdigest()
    return f"{digest[:3]}/{digest[3:6]}"


def key_file(key: str) -> str:
    """A key as the name of a file."""
    return key.replace("&", "&a").replace("%", "&s").replace(":", "&c").replace("/", "%")


@lru_cache(maxsize=1 << 16)
def object_file(key: str) -> str:
    """Where the content of a key is kept, relative to ``annex/objects``."""
    name = key_file(key)
    return f"{mixed_folder(key)}/{name}/{name}"


def log_file(key: str) -> str:
    """Where the branch git-annex says which repositories have the content of a key."""
    return f"{lower_folder(key)}/{key_file(key)}.log"


def link_target(path: str, key: str) -> str:
    """What the symbolic link at ``path``, relative to the root, points to for a locked file."""
    return "../" * path.count("/") + f".git/annex/objects/{object_file(key)}"


def pointer(key: str) -> bytes:
    """What stands in git for an unlocked file."""
    return _POINTER_PREFIX + os.fsencode(key_file(key)) + b"\n"


def key_of_pointer(content: bytes) -> str | None:
    """The key whose content a file in git stands for; ``content`` may be just the beginning."""
    if not content.startswith(_POINTER_PREFIX) or len(content) > _POINTER_MOST:
        return None
    name = content.split(b"\n", 1)[0].rpartition(b"/")[2]
    return key_of_name(name)
