"""SVG, HTML and XML: text, line by line, with embedded images compared as images.

Left out of account, and named, are dates in metadata (``dc:date`` and the like), the version of
matplotlib, and in SVG the identifiers that matplotlib makes by chance, as long as the same one
stands for the same thing throughout.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Callable
from io import BytesIO
from typing import NamedTuple

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.kinds import text
from snakemake_renku.replay.compare.pair import Fit, Pair
from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.unpacking import copy, scratch

NAME = "markup"
ISOLATED = False
TEXT = True

LARGEST = 128 << 20
"""Bytes."""

_SUFFIXES = (".svg", ".html", ".htm", ".xhtml", ".xml", ".kml", ".gml")

_BEGINNING = re.compile(rb"\s*<(\?xml|!doctype html|svg|html)\b", re.IGNORECASE)

_DATES = re.compile(
    rb"<(?P<tag>dc:date|dcterms:created|dcterms:modified|xmp:CreateDate|xmp:ModifyDate"
    rb"|xmp:MetadataDate)(?P<more>\s[^<>]*)?>(?P<date>[^<]*)</(?P=tag)>"
)

_VERSION = re.compile(rb"Matplotlib v[0-9][\w.+-]*(?=, https://matplotlib\.org/)")

_IDENTIFIER = re.compile(rb'\bid="((?:[A-Za-z][\w.-]*?)?[0-9a-f]{10})"')
"""``RendererSVG._make_id`` of matplotlib: ten hexadecimal digits of a hash with a random salt."""


_EMBEDDED = re.compile(rb"data:([\w.+-]+/[\w.+-]+);base64,([A-Za-z0-9+/=\s]{64,})")
"""RFC 2397."""


def suits(head: bytes, name: str) -> Fit:
    """By the suffix or the first tag."""
    if not text.is_text(head):
        return Fit.NO
    marked = _BEGINNING.match(head) or (name.lower().endswith(_SUFFIXES) and b"<" in head)
    return Fit.SURE if marked else Fit.NO


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare the lines of both after the parts that do not count were taken out."""
    tally = Tally(tolerance)
    recorded, replayed = pair.read(LARGEST)
    svg = b"<svg" in recorded[:4096]
    removers: list[Remover] = [_dates, _version]
    if svg:
        removers.append(_identifiers)
    for remove in removers:
        one, other = remove(recorded), remove(replayed)
        if one.removed != other.removed:
            tally.ignore(one.what)
        recorded, replayed = one.content, other.content
    recorded, replayed = _without_embedded(tally, pair, recorded, replayed)
    text.compare_lines(tally, *(text.lines_of(BytesIO(side)) for side in (recorded, replayed)))
    html = b"<html" in recorded[:4096].lower()
    return tally.finding("svg" if svg else "html" if html else "xml", text.LAYOUT)


class Stripped(NamedTuple):
    """A content without something (``what``), and what it was."""

    content: bytes
    what: str
    removed: list[bytes]


Remover = Callable[[bytes], Stripped]


def _dates(content: bytes) -> Stripped:
    found = [match["date"] for match in _DATES.finditer(content)]
    return Stripped(_DATES.sub(rb"<\g<tag>></\g<tag>>", content), "dates in metadata", found)


def _version(content: bytes) -> Stripped:
    content, found = _VERSION.sub(b"Matplotlib", content), _VERSION.findall(content)
    return Stripped(content, "the version of matplotlib", found)


def _identifiers(content: bytes) -> Stripped:
    """Number identifiers by their first use, so that only which are the same is left of them."""
    found = _IDENTIFIER.findall(content)
    if not found:
        return Stripped(content, "", [])
    numbers: dict[bytes, bytes] = {}
    known = set(found)

    def number(match: re.Match[bytes]) -> bytes:
        name = match[0]
        if name not in known:
            return name
        return numbers.setdefault(name, b"id-%d" % len(numbers))

    used = re.sub(rb'(?<=\bid=")[\w.-]+|(?<=#)[\w.-]+', number, content)
    return Stripped(used, "identifiers made by chance", found)


def _without_embedded(
    tally: Tally, pair: Pair, recorded: bytes, replayed: bytes
) -> tuple[bytes, bytes]:
    """Compare embedded files by their kind if there are as many, and take them out."""
    found = [_EMBEDDED.findall(side) for side in (recorded, replayed)]
    kinds = [[mime for mime, _ in side] for side in found]
    if kinds[0] != kinds[1]:
        return recorded, replayed
    for number, ((mime, one), (_, other)) in enumerate(zip(*found, strict=True), 1):
        if one != other:
            label = f"embedded {mime.decode()} {number}"
            suffix = mimetypes.guess_extension(mime.decode()) or ""
            _embedded(tally, pair, (one, other), label, f"embedded{suffix}")
    # Lines keep their numbers in the recorded file.
    breaks = [b"\n" * match[2].count(b"\n") for match in _EMBEDDED.finditer(recorded)]
    return _blanked(recorded, breaks), _blanked(replayed, breaks)


def _blanked(content: bytes, breaks: list[bytes]) -> bytes:
    left = iter(breaks)
    return _EMBEDDED.sub(lambda match: b"data:" + match[1] + next(left), content)


def _embedded(tally: Tally, pair: Pair, sides: tuple[bytes, bytes], label: str, name: str) -> None:
    try:
        contents = [base64.b64decode(b"".join(side.split()), validate=True) for side in sides]
    except ValueError as error:
        raise CompareError(f"an embedded file is not base64 ({error})") from error
    with scratch(pair) as targets:
        for content, target in zip(contents, targets, strict=True):
            copy(BytesIO(content), target, pair.room)
        tally.add(pair.judge(pair.inside(*targets, name), tally.tolerance), label)
