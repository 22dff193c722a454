"""Writing for people: by Rich on a terminal, as plain text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from snakemake_renku.progress.text import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MOST_RICH_ROWS = 2000
"""Rich lays out larger tables slowly; they are aligned as plain text also on a terminal."""

KEY_WIDTH = 13
GAP = 2
LEAST_SHORTENED = 12
"""So much of a column is shown on however narrow a terminal."""

_STYLES = {
    "success": "green",
    "running": "cyan",
    "submitted": "cyan",
    "failed": "red",
    "interrupted": "yellow",
    "cancelled": "yellow",
}


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Iterable[str] = (),
    shortened: Iterable[str] = (),
) -> None:
    """Print ``rows`` below ``columns``.

    Those named in ``right`` are aligned to the right; those in ``shortened`` may be cut where a
    terminal is narrow. Nothing is cut elsewhere.
    """
    rows = [[clean(cell).replace("\n", " ") for cell in row] for row in rows]
    if sys.stdout.isatty() and len(rows) <= MOST_RICH_ROWS:
        _rich_table(columns, rows, set(right), set(shortened))
    else:
        _plain_table(columns, rows, set(right))


def note(text: str) -> None:
    """Print a remark on what was read, beside the result proper."""
    print(f"note: {text}", file=sys.stderr)


def document(value: object) -> None:
    """Print ``value`` as JSON."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(text.decode("utf-8") + "\n")


class Sheet:
    """Headings with pairs of a key and a value; no value is ever broken into lines."""

    def __init__(self) -> None:
        self._console = _console() if sys.stdout.isatty() else None
        self._first = True

    def heading(self, text: str, status: str = "") -> None:
        """Begin a section."""
        gap, self._first = ("" if self._first else "\n"), False
        self._print(f"{gap}{text}", f"bold {_STYLES.get(status, '')}".strip())

    def pair(self, key: str, value: str, style: str = "") -> None:
        """Print a value; its further lines stand below its first."""
        lines = clean(value).split("\n")
        self._print(f"  {key:<{KEY_WIDTH}} {lines[0]}", style)
        for line in lines[1:]:
            self._print(" " * (KEY_WIDTH + 3) + line, style)

    def lines(self, text: str) -> None:
        """Print a longer text, moved to the right."""
        for line in clean(text).rstrip("\n").split("\n"):
            self._print(f"  {line}", "")

    def _print(self, text: str, style: str) -> None:
        if self._console is None:
            print(text)
        else:
            self._console.print(text, style=style or None, soft_wrap=True)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def _rich_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], right: set[str], shortened: set[str]
) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, padding=(0, GAP, 0, 0), header_style="bold", pad_edge=False)
    least = 0
    for number, column in enumerate(columns):
        grid.add_column(
            Text(column, no_wrap=True),
            no_wrap=column not in shortened,
            justify="right" if column in right else "left",
        )
        width = max(len(column), *(len(row[number]) for row in rows)) if rows else len(column)
        least += (min(width, LEAST_SHORTENED) if column in shortened else width) + GAP
    for row in rows:
        grid.add_row(*(_cell(text) for text in row))
    console = _console()
    # A terminal that is narrower yet breaks the lines, which is better than to lose what they say.
    console.width = max(console.width, least)
    console.print(grid, crop=False)


def _cell(text: str) -> Text:
    from rich.text import Text

    return Text(text, style=_style(text), no_wrap=True, overflow="ellipsis")


def _style(cell: str) -> str:
    return _STYLES.get(cell.partition(":")[0].partition(",")[0], "")


def _plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: set[str]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    align: list[Callable[[str, int], str]] = [
        str.rjust if column in right else str.ljust for column in columns
    ]
    for row in [columns, *rows]:
        cells = (put(cell, width) for put, cell, width in zip(align, row, widths, strict=True))
        sys.stdout.write((" " * GAP).join(cells).rstrip() + "\n")
