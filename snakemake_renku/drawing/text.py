"""How much room text takes, and what of it can stand in a document."""

from __future__ import annotations

import re
import unicodedata

_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufffe\uffff]"
)
"""Control characters, those that turn the direction of writing, and what XML 1.0 cannot hold."""

_NARROW = frozenset("fijlrtI.,:;!|'()[]/-` ")
_WIDE = frozenset("mwMW@%")
_NARROW_EM, _USUAL_EM, _WIDE_EM, _CAPITAL_EM, _FULL_EM = 0.36, 0.61, 0.92, 0.72, 1.05


def visible(text: str) -> str:
    """One line of ``text``, what cannot be seen written out (``\\n``, ``\\x07``, ``\\u202e``)."""
    return _UNPRINTABLE.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    character = match.group()
    if "\udc80" <= character <= "\udcff":
        # A byte of a file name that is no UTF-8, as Python carries it.
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def shortened(text: str, most: int) -> str:
    """At most ``most`` characters of ``text``: the middle goes, as paths differ at their ends."""
    if len(text) <= most:
        return text
    tail = (most - 1) * 2 // 3
    return f"{text[: most - 1 - tail]}…{text[-tail:]}"


def width(text: str, size: float) -> float:
    """About how wide ``text`` is in a sans-serif font of ``size`` pixels; rather more than less."""
    return sum(map(_em, text)) * size


def _em(character: str) -> float:
    if character in _NARROW:
        return _NARROW_EM
    if character in _WIDE:
        return _WIDE_EM
    if character.isascii():
        return _CAPITAL_EM if character.isupper() else _USUAL_EM
    if unicodedata.combining(character):
        return 0.0
    wide = unicodedata.east_asian_width(character) in "WF"
    return _FULL_EM if wide else _CAPITAL_EM
