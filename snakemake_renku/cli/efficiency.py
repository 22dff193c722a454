"""``snakemake-renku log RUN --efficiency``: what the rules of a run asked for and used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakemake_renku.cli import output
from snakemake_renku.cli.units import size
from snakemake_renku.efficiency import reliance, suggest, use_by_rule

if TYPE_CHECKING:
    from snakemake_renku.efficiency import RuleUse, Spread
    from snakemake_renku.journal import RunHistory

_COLUMNS = (
    *("RULE", "JOBS", "MEM ASKED", "MEDIAN", "MOST", "THREADS", "CORES", "TIME ASKED"),
    *("MEDIAN", "MOST", "SUGGESTION"),
)
_NUMBERS = set(_COLUMNS) - {"RULE", "SUGGESTION"}


def show(run: RunHistory, rule: str | None, *, as_json: bool) -> None:
    """Print the use of each rule of a run, or of one rule."""
    uses = [use for use in use_by_rule(run) if rule is None or use.rule == rule]
    if as_json:
        from snakemake_renku.cli.documents import FORMAT

        rules = [_document(use) for use in uses]
        head = {"format": FORMAT, "run": run.info.run, "status": run.status}
        output.document({**head, "rules": rules})
        return
    output.table(_COLUMNS, [_row(use) for use in uses], _NUMBERS, ("RULE",))
    if run.status == "running":
        output.note("The run still goes on: these are the jobs that have ended.")


def _document(use: RuleUse) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(use)
    document["reliance"] = reliance(use)
    document["suggestions"] = msgspec.to_builtins(suggest(use))
    return document


def _row(use: RuleUse) -> list[str]:
    cores = use.cores
    words = "; ".join(each.words for each in suggest(use))
    if said := reliance(use):
        words = f"{words} ({said})" if words else said
    return [
        use.rule,
        str(use.jobs),
        _bytes(use.asked_memory, "most"),
        _bytes(use.memory, "median"),
        _bytes(use.memory, "most"),
        "" if use.asked_cores is None else f"{use.asked_cores.most:.0f}",
        "" if cores is None else f"{cores.median:.2f}",
        _seconds(use.asked_time, "most"),
        _seconds(use.time, "median"),
        _seconds(use.time, "most"),
        words,
    ]


def _bytes(spread: Spread | None, which: str) -> str:
    return "" if spread is None else size(getattr(spread, which))


def _seconds(spread: Spread | None, which: str) -> str:
    from snakemake_renku.progress.text import short

    return "" if spread is None else short(getattr(spread, which))
