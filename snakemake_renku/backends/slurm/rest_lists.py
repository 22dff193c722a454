"""Slurm's shorthand for many tasks and many hosts, written out."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

_BRACKETS = re.compile(r"\[([^\]]*)\]")
_OUTER_COMMA = re.compile(r",(?![^\[]*\])")


def tasks(text: str) -> tuple[list[int], bool]:
    """The indices in ``1-5,9,20-30:2%4``, and whether they are all: Slurm cuts long ones off, as in
    ``2-19,21,23,2...%4``, of which the last number cannot be trusted."""
    text = text.partition("%")[0].strip()
    if text.startswith("0x"):
        return mask(text), True
    whole = "..." not in text
    ranges = text.split(",") if whole else text.partition("...")[0].split(",")[:-1]
    found: list[int] = []
    for each in ranges:
        span, _, step = each.partition(":")
        first, _, last = span.partition("-")
        if first.isdigit():
            end = int(last) if last.isdigit() else int(first)
            found.extend(range(int(first), end + 1, int(step) if step.isdigit() else 1))
    return found, whole


def mask(text: str) -> list[int]:
    """The indices that are set in a hexadecimal bit mask (accounting has pending tasks so)."""
    try:
        bits = int(text, 16)
    except ValueError:
        return []
    return [index for index in range(bits.bit_length()) if bits >> index & 1]


def task_ranges(indices: list[int], *, longest: int) -> Iterator[str]:
    """Indices as ``1-3,7``, in pieces of at most about ``longest`` characters."""
    piece = ""
    for _, group in itertools.groupby(
        enumerate(sorted(set(indices))), lambda item: item[1] - item[0]
    ):
        run = [index for _, index in group]
        word = str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"
        if piece and len(piece) + len(word) >= longest:
            yield piece
            piece = ""
        piece = f"{piece},{word}" if piece else word
    if piece:
        yield piece


def hosts(text: str) -> tuple[str, ...]:
    """The hosts in ``n[1-3,08-10],login``; nothing for the words that Slurm has for none."""
    if not text or text in ("None assigned", "(null)"):
        return ()
    return tuple(host for part in _OUTER_COMMA.split(text) for host in _expand(part.strip()))


def _expand(part: str) -> Iterator[str]:
    found = _BRACKETS.search(part)
    if found is None:
        if part:
            yield part
        return
    before, after = part[: found.start()], part[found.end() :]
    for each in found.group(1).split(","):
        first, _, last = each.partition("-")
        if first.isdigit() and last.isdigit():
            names = [str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)]
        else:
            names = [each]
        for name in names:
            yield from _expand(f"{before}{name}{after}")
