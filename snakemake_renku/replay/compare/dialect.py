"""How a table is written: what stands between its columns, and whether the first row names them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from snakemake_renku.replay.compare.numbers import Number

SUFFIXES = {".csv": ",;\t|", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
"""Of files that are tables, with what may stand between their columns."""

_SAMPLE = 50
"""Rows by which the dialect is told."""

_NUMBER = re.compile(
    r"\s*[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:[eEdD][+-]?\d+)?|\.\d+(?:[eEdD][+-]?\d+)?"
    r"|nan|inf(?:inity)?)\s*",
    re.IGNORECASE,
)
"""Not ``007``, which may be an identifier, nor ``1_000``."""

_INTEGER = re.compile(r"\s*[+-]?\d+\s*")

SPACES = " "
"""Stands for any number of spaces and tabs between columns."""


class Dialect(NamedTuple):
    """``delimiter`` is one character, :data:`SPACES` for whitespace; ``comma`` is decimal."""

    delimiter: str
    comma: bool = False

    def rows(self, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
        """Rows of cells with the number of the line that each ends on."""
        if self.delimiter == SPACES:
            yield from ((at, line.split()) for at, line in enumerate(lines, 1))
        else:
            # Strict, so that a quote that is never closed is an error and not the rest of the file.
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            yield from ((reader.line_num, row) for row in reader)

    def number(self, cell: str) -> Number | None:
        """The number that a cell holds."""
        return to_number(cell.replace(",", ".") if self.comma else cell)


def to_number(cell: str) -> Number | None:
    """A number as tables have them; None if it is something else."""
    if _NUMBER.fullmatch(cell) is None:
        return None
    if _INTEGER.fullmatch(cell):
        return int(cell) if len(cell) < 1000 else None
    return float(cell.lower().replace("d", "e"))  # Fortran's 1.0D+00


def tell(sample: str, suffix: str) -> Dialect | None:
    """The dialect of a table that begins so; None if it does not look like one.

    A file whose suffix does not say that it is a table is one only if all its rows (other than
    comments) have the same number of columns, and at least half of its cells are numbers.
    """
    lines = sample.splitlines()[:_SAMPLE]
    if suffix in SUFFIXES:
        return _named(lines, SUFFIXES[suffix])
    rows_of_numbers = [line for line in lines if line.strip() and not line.startswith("#")]
    for delimiter in (*"\t,;|", SPACES):
        dialect = Dialect(delimiter, delimiter == ";")
        rows = _rows(dialect, rows_of_numbers)
        if _regular(rows, least=1 if delimiter == SPACES else 2) and _numeric(dialect, rows):
            return dialect
    return None


def _named(lines: Sequence[str], delimiters: str) -> Dialect:
    """Of these delimiters, the one that makes the most columns in each row."""

    def columns(delimiter: str) -> int:
        rows = _rows(Dialect(delimiter), lines)
        return len(rows[0]) if _regular(rows, least=2) else 1

    best = max(delimiters, key=columns)  # the first one of several
    return Dialect(best, best == ";")


def _rows(dialect: Dialect, lines: Sequence[str]) -> list[list[str]]:
    try:
        return [row for _, row in dialect.rows(iter(lines)) if row]
    except csv.Error:
        return []


def _regular(rows: Sequence[Sequence[str]], least: int) -> bool:
    widths = {len(row) for row in rows}
    return len(widths) == 1 and widths.pop() >= least


def _numeric(dialect: Dialect, rows: Sequence[Sequence[str]]) -> bool:
    body = rows[1:] or rows
    cells = [cell for row in body for cell in row]
    return 2 * sum(dialect.number(cell) is not None for cell in cells) >= len(cells) > 0


def names_columns(dialect: Dialect, row: Sequence[str]) -> bool:
    """Whether a first row is a header: names, all different, none a number."""
    return len(set(row)) == len(row) and all(dialect.number(cell) is None for cell in row)
