"""Tasks of an array as slurmrestd and Slurm's library list them: cut off, or as a bit mask."""

from __future__ import annotations

import itertools
from collections.abc import Iterator


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
