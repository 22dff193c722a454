"""Text, line by line.

Line endings (LF or CR LF), a byte order mark and a missing end of the last line are left out of
account; everything else counts, times of day and spaces at the ends of lines included.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO

from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.pair import BLOCK, HEAD, Fit, Pair
from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.wording import both_around, many, short

NAME = "text"
ISOLATED = False
TEXT = True

LAYOUT = "line endings or a byte order mark"

_CONTROL = bytes({*range(32)} - {*b"\t\n\r\f\b\x1b"})


def suits(head: bytes, name: str) -> Fit:
    """Text has no control characters other than those of printers and terminals."""
    return Fit.GUESS if is_text(head) else Fit.NO


def is_text(head: bytes) -> bool:
    """Whether a file that begins so is text, in UTF-8 or a code of a single byte."""
    if head.translate(None, _CONTROL) != head:
        return False
    try:
        # Whatever is cut off at the end of the head is no error.
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD)
        return True
    except UnicodeDecodeError:
        letters = sum(byte >= 128 for byte in head)
        return letters < 0.3 * len(head)


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare the lines at the same numbers."""
    tally = Tally(tolerance)
    compare_lines(tally, lines(pair.recorded), lines(pair.replayed))
    return tally.finding(NAME, LAYOUT)


def compare_lines(tally: Tally, recorded: Iterator[bytes], replayed: Iterator[bytes]) -> None:
    """Compare the lines at the same numbers, and how many there are."""
    counts = [0, 0]
    for number, (a, b) in enumerate(zip_longest(recorded, replayed), 1):
        tally.values += 1
        counts[0] += a is not None
        counts[1] += b is not None
        if a != b:
            _differ(tally, number, a, b)
    if counts[0] != counts[1]:
        texts = [many(count, "line") for count in counts]
        amount = float(abs(counts[0] - counts[1]))
        tally.differ("number of lines", texts, amount, count=0, part="#lines")


def _differ(tally: Tally, number: int, a: bytes | None, b: bytes | None) -> None:
    if tally.wants("") <= 0:
        tally.more(1)
    elif a is not None and b is not None:
        tally.differ(f"line {number}", both_around(decoded(a), decoded(b)))
    else:
        words = ["missing" if line is None else short(decoded(line)) for line in (a, b)]
        tally.differ(f"line {number}", words)


def lines(path: Path) -> Iterator[bytes]:
    """Lines without their ends; a line longer than a block comes in pieces."""
    with path.open("rb") as file:
        yield from lines_of(file)


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Lines of a stream without their ends; a line longer than a block comes in pieces."""
    first = True
    while line := file.readline(BLOCK):
        if first:
            line, first = line.removeprefix(codecs.BOM_UTF8), False
        yield line.removesuffix(b"\n").removesuffix(b"\r")


def decoded(line: bytes) -> str:
    """As UTF-8, where bytes that are not are kept as such."""
    return line.decode("utf-8", "surrogateescape")
