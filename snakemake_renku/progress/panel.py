"""The panel of the live display: a run's progress as lines for a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snakemake_renku.progress.shown import Shown
from snakemake_renku.progress.state import RuleCount, RunProgress
from snakemake_renku.progress.text import clean, duration, percent

BAR_FROM = 60
"""Narrower terminals have no room for bars beside the names of rules."""


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    done: int
    total: int
    running: int
    failed: int


class Panel:
    """Draws a run's progress, by Rich, as lines with their escape sequences."""

    def __init__(self, stream: TextIO, shown: Shown, *, color: bool) -> None:
        self._shown = shown
        self._color = color
        self._console = Console(
            file=stream,
            force_terminal=True,
            color_system="auto" if color else None,
            no_color=not color,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def lines(self, progress: RunProgress, now: float, columns: int, rows: int) -> list[str]:
        """The panel's lines, at most as wide as ``columns`` and half as many as ``rows``."""
        most = max(0, rows // 2 - 3) if self._shown.about("rules") else 0
        with_bar = columns >= BAR_FROM
        widest = max(8, columns // (3 if with_bar else 2))
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=widest)
        if with_bar:
            table.add_column(ratio=1)
        for _ in range(3):
            table.add_column(no_wrap=True, justify="right")
        for row in _rows(progress, most):
            table.add_row(*self._cells(row, with_bar))
        total = _Row("all jobs", progress.done, progress.total, progress.running, progress.failed)
        table.add_row(*self._cells(total, with_bar), style="bold" if self._color else None)
        return self._render(table, _times(progress, now), columns)

    def _render(self, table: Table, times: str, columns: int) -> list[str]:
        self._console.width = columns
        with self._console.capture() as capture:
            self._console.print(Text("─" * columns, style="dim", no_wrap=True))
            self._console.print(table)
            self._console.print(Text(times, no_wrap=True, overflow="ellipsis"), end="")
        return capture.get().splitlines()

    def _cells(self, row: _Row, with_bar: bool) -> list[RenderableType]:
        style = "green" if row.total and row.done >= row.total else ""
        bar = [ProgressBar(row.total or 1, row.done, complete_style="cyan")] if with_bar else []
        return [
            Text(clean(row.name), style=style),
            *bar,
            Text(f"{row.done}/{row.total}", style=style),
            Text(f"{row.running} running" if row.running else "", style="yellow"),
            Text(f"{row.failed} failed" if row.failed else "", style="bold red"),
        ]


def _rows(progress: RunProgress, most: int) -> list[_Row]:
    rules = list(progress.rules.values())
    if len(rules) <= most or most == 0:
        return [_row(rule) for rule in rules] if most else []
    chosen = {rule.name for rule in sorted(rules, key=_interest)[: most - 1]}
    rest = [rule for rule in rules if rule.name not in chosen]
    return [
        *(_row(rule) for rule in rules if rule.name in chosen),
        _Row(
            f"… and {len(rest)} more rules",
            sum(rule.done for rule in rest),
            sum(rule.total for rule in rest),
            sum(rule.running for rule in rest),
            sum(rule.failed for rule in rest),
        ),
    ]


def _row(rule: RuleCount) -> _Row:
    return _Row(rule.name, rule.done, rule.total, rule.running, rule.failed)


def _interest(rule: RuleCount) -> int:
    if rule.failed:
        return 0
    if rule.running:
        return 1
    return 2 if rule.done < rule.total else 3


def _times(progress: RunProgress, now: float) -> str:
    started = progress.first_start if progress.first_start is not None else now
    parts = [percent(progress.done, progress.total), f"{duration(now - started)} elapsed"]
    eta = progress.eta(now)
    if eta is not None and progress.done < progress.total:
        parts.append(f"about {duration(eta)} left")
    return ", ".join(parts)
