"""Tables as text: CSV (RFC 4180), TSV, and columns of numbers between spaces.

Numbers are compared by value within the tolerance, other cells as they stand. Quotes, line endings
and the way in which a number is written do not count; the order of rows and columns does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.dialect import SUFFIXES, Dialect, names_columns, tell
from snakemake_renku.replay.compare.kinds import text
from snakemake_renku.replay.compare.pair import HEAD, Fit, Pair, head_of
from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.wording import both_around, many, some

NAME = "table"
ISOLATED = False
TEXT = True

LAYOUT = "how cells are written (quotes, line endings, digits)"

LONGEST_LINE = 16 << 20
"""Characters."""

Row = tuple[int, list[str]]
Columns = list[tuple[str, int, int]]
"""Name, place in the recorded rows, place in the replayed ones."""


def suits(head: bytes, name: str) -> Fit:
    """By the suffix, or as a guess if the beginning is a table of numbers."""
    if not text.is_text(head):
        return Fit.NO
    suffix = _suffix(name)
    if suffix in SUFFIXES:
        return Fit.SURE
    return Fit.GUESS if tell(_sample(head), suffix) else Fit.NO


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare cell by cell; columns are matched by their names if both first rows have names."""
    dialect = _dialect(pair)
    rows = [dialect.rows(_lines(path)) for path in pair.both]
    first = [next(of, None) for of in rows]
    if first[0] is None or first[1] is None:
        raise CompareError("it has no rows")
    tally = Tally(tolerance)
    heads = first[0][1], first[1][1]
    if all(names_columns(dialect, head) for head in heads):
        cells = Cells(tally, dialect, _columns(tally, *heads), (len(heads[0]), len(heads[1])))
    else:
        cells = Cells(tally, dialect)
        rows = [chain([one], of) for one, of in zip(first, rows, strict=True) if one]
    cells.compare_rows(zip_longest(*rows))
    return tally.finding(NAME, LAYOUT)


def _dialect(pair: Pair) -> Dialect:
    suffix = _suffix(pair.name)
    found = [tell(_sample(head_of(path)), suffix) for path in pair.both]
    if found[0] is None or found[0] != found[1]:
        raise CompareError("the columns are not written in the same way")
    return found[0]


def _suffix(name: str) -> str:
    return "." + name.lower().rpartition(".")[2]


def _sample(head: bytes) -> str:
    if len(head) == HEAD:  # the last line is cut off
        head = head[: head.rfind(b"\n") + 1] or head
    return head.decode("utf-8-sig", "surrogateescape")


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        while line := file.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                raise CompareError(f"it has a line of more than {LONGEST_LINE >> 20} MiB")
            yield line


def _columns(tally: Tally, recorded: Sequence[str], replayed: Sequence[str]) -> Columns:
    places = {name: at for at, name in enumerate(replayed)}
    for name in recorded:
        if name not in places:
            tally.differ(f"column {name}", ("there", "missing"), part="#columns")
    for name in replayed:
        if name not in recorded:
            tally.differ(f"column {name}", ("missing", "there"), part="#columns")
    common = [name for name in recorded if name in places]
    if common != [name for name in replayed if name in recorded]:
        orders = some(recorded, 8), some(replayed, 8)
        tally.differ("order of the columns", orders, part="#columns")
    return [(name, at, places[name]) for at, name in enumerate(recorded) if name in places]


class Cells(NamedTuple):
    """The cells of two tables; ``widths`` are the numbers of named columns in both."""

    tally: Tally
    dialect: Dialect
    columns: Columns = []
    widths: tuple[int, int] = (0, 0)

    def compare_rows(self, both: Iterator[Any]) -> None:
        """Compare pairs of rows, or of None where there is none, and how many there are."""
        counts = [0, 0]
        straight = all(left == right for _, left, right in self.columns)
        for one, other in both:
            counts[0] += one is not None
            counts[1] += other is not None
            if one is None or other is None:
                continue
            if straight and one[1] == other[1]:
                self.tally.values += len(one[1])
            else:
                self._row(one[0], one[1], other[1])
        if counts[0] != counts[1]:
            rows = [many(count, "row") for count in counts]
            amount = abs(counts[0] - counts[1])
            self.tally.differ("number of rows", rows, float(amount), part="#rows", count=amount)

    def _row(self, line: int, a: list[str], b: list[str]) -> None:
        where = self._where(line, a)
        for name, left, right in self.columns:
            if left < len(a) and right < len(b):
                self._cell(where, name, a[left], b[right])
        # What stands beyond the named columns, which is all if no column has a name.
        rest = zip(a[self.widths[0] :], b[self.widths[1] :], strict=False)
        for at, (one, other) in enumerate(rest, self.widths[0] + 1):
            self._cell(where, str(at), one, other)
        if len(a) - self.widths[0] != len(b) - self.widths[1]:
            widths = [many(len(row), "cell") for row in (a, b)]
            self.tally.differ(where, widths, float(abs(len(a) - len(b))), part="#cells")

    def _where(self, line: int, row: list[str]) -> str:
        label = row[0].strip() if row else ""
        named = label and len(label) <= 40 and self.dialect.number(label) is None
        return f"line {line} ({label})" if named else f"line {line}"

    def _cell(self, where: str, column: str, a: str, b: str) -> None:
        self.tally.values += 1
        if a == b:
            return
        one, other, amount = self.dialect.number(a), self.dialect.number(b), None
        if one is not None and other is not None:
            found = self.tally.number(one, other)
            if found is None:
                return
            amount = found.absolute
        texts = [text if text.strip() else "empty" for text in both_around(a, b)]
        self.tally.differ(f"{where}, column {column}", texts, amount, part=column)
