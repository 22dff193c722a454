"""Identifiers: the same for the same thing in every export, and valid in every format.

The local part of an identifier is an XML ``NCName`` of ASCII characters that neither PROV-N nor
Turtle has to escape. What may be named freely (a path, a rule) is hashed into it; what is named by
us (a run, an attempt) is spelled out. Each says what kind of thing it names::

    attempt__20260101T120000.000-0a1b__3.1      content__5f70bf18a086007016e948b04aed3b82
"""

from __future__ import annotations

import hashlib
import json
import re

RENKU = "https://w3id.org/snakemake-renku/prov#"
"""The namespace of our terms; ``docs/prov.md`` lists them."""

RECORD = "https://w3id.org/snakemake-renku/record#"
"""The namespace of what is recorded: runs, attempts, files. Names only; nothing stands there."""

WFPROV = "http://purl.org/wf4ever/wfprov#"
WFDESC = "http://purl.org/wf4ever/wfdesc#"

PREFIXES = {"renku": RENKU, "record": RECORD, "wfprov": WFPROV, "wfdesc": WFDESC}

_FREE = re.compile(r"[A-Za-z0-9.-]*(?<!\.)")
_TO_SPELL = re.compile(r"[^A-Za-z0-9.-]|\.\Z")
_DIGITS = 32
_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True)


def spelled(kind: str, *parts: str) -> str:
    """``kind`` and ``parts``, joined by two underscores.

    A byte (of UTF-8) other than letters, digits, ``-`` and ``.`` stands as an underscore and two
    hexadecimal digits, so different parts never give the same name.
    """
    return "__".join((kind, *map(_spell, parts)))


def hashed(kind: str, *parts: object) -> str:
    """``kind`` and the first 128 bits of the SHA-256 of ``parts`` as a JSON array.

    The array is in ASCII, without spaces, so that anyone can compute it::

        printf '["results/a.csv","sha256:…"]' | sha256sum | cut -c-32
    """
    text = _ENCODER.encode(parts)
    return f"{kind}__{hashlib.sha256(text.encode('ascii')).hexdigest()[:_DIGITS]}"


def run_id(run: str) -> str:
    """The identifier of a run."""
    return spelled("run", run)


def attempt_id(run: str, attempt: str) -> str:
    """The identifier of an attempt of a run."""
    return spelled("attempt", run, attempt)


def content_id(path: str, digest: str) -> str:
    """The identifier of a path with certain bytes, whoever wrote them."""
    return hashed("content", path, digest)


def version_id(path: str, content: str, maker: str) -> str:
    """The identifier of what ``maker`` (the identifier of an activity) left at ``path``.

    ``content`` is a digest, or the kind of what has none.
    """
    return hashed("version", path, content, maker)


def related(kind: str, activity: str, *numbers: int) -> str:
    """The identifier of a relation of ``activity``, which has several of that ``kind``."""
    return "__".join((kind, activity, *map(str, numbers)))


def _spell(part: str) -> str:
    if _FREE.fullmatch(part):
        return part
    return _TO_SPELL.sub(lambda found: _bytes(found.group()), part)


def _bytes(char: str) -> str:
    return "".join(f"_{byte:02X}" for byte in char.encode())
