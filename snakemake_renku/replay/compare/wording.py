"""Short texts for people of whatever stands in a file."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 80
"""Characters of a value that are shown."""


def printable(text: str) -> str:
    """A text without what would move a terminal's cursor or could not be written as UTF-8."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(c: str) -> str:
    if "\udc80" <= c <= "\udcff":  # a byte that was not UTF-8
        return f"\\x{ord(c) - 0xDC00:02x}"
    return c.encode("unicode_escape", "surrogatepass").decode("ascii")


def short(text: str, longest: int = LONGEST) -> str:
    """The beginning of a text, printable."""
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return printable(text)


def around(text: str, place: int, longest: int = LONGEST) -> str:
    """The part of a long text around ``place``, so that what differs is in sight."""
    start = max(0, place - longest // 2) if len(text) > longest else 0
    return short(("…" if start else "") + text[start:], longest)


def first_unequal(one: str, other: str) -> int:
    """Where two texts begin to differ."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))


def both_around(one: str, other: str) -> tuple[str, str]:
    """Two texts, cut to the place where they begin to differ."""
    place = first_unequal(one, other)
    return around(one, place), around(other, place)


def some(names: Iterable[str], most: int = 3) -> str:
    """``a, b, c and 4 more``."""
    names = list(names)
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def many(number: int, noun: str, nouns: str | None = None) -> str:
    """``1 line``, ``1,200 lines``."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"
