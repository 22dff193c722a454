"""JSON (RFC 8259) and JSON lines: the order of keys, spaces and the way of writing do not count.

In notebooks (``.ipynb``) what papermill and Jupyter write about the time of execution is named, but
left out of account; so are the identifiers of cells.
"""

from __future__ import annotations

import json
import re
from itertools import zip_longest
from typing import Any

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.kinds import text
from snakemake_renku.replay.compare.pair import Fit, Pair
from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.trees import compare_trees

NAME = "json"
ISOLATED = False
TEXT = True

SUFFIXES = (".json", ".geojson", ".topojson", ".jsonld", ".ipynb")
LINES = (".jsonl", ".ndjson", ".geojsonl", ".geojsons")

LARGEST = 64 << 20
"""Bytes; parsed, the two take up to twenty times as much memory."""

LAYOUT = "how it is written (spaces, escapes, digits)"

_NOTEBOOK = re.compile(
    r"\$\.metadata\.(papermill|widgets|language_info\.version)"
    r"|\$\.cells\[\d+\](\.id|\.metadata\.(papermill|execution|ExecuteTime))"
)


def suits(head: bytes, name: str) -> Fit:
    """By the suffix, or as a guess if it begins as an object or array."""
    if not text.is_text(head):
        return Fit.NO
    if name.lower().endswith(SUFFIXES + LINES):
        return Fit.SURE
    return Fit.GUESS if head.lstrip()[:1] in (b"{", b"[") else Fit.NO


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare by structure and value."""
    tally = Tally(tolerance)
    if pair.name.lower().endswith(LINES):
        _compare_lines(pair, tally)
    else:
        recorded, replayed = map(parse, pair.read(LARGEST))
        skip = _NOTEBOOK.fullmatch if pair.suffix == ".ipynb" else None
        compare_trees(tally, recorded, replayed, skip=skip and (lambda path: bool(skip(path))))
    return tally.finding(NAME, LAYOUT)


def _compare_lines(pair: Pair, tally: Tally) -> None:
    both = zip_longest(text.lines(pair.recorded), text.lines(pair.replayed))
    for number, (a, b) in enumerate(both, 1):
        if a and b:
            if a != b:
                compare_trees(tally, parse(a), parse(b), f"line {number}: $")
            else:
                tally.values += 1
        elif a or b:
            sides = ("there", "missing") if a else ("missing", "there")
            tally.differ(f"line {number}", sides)


def parse(content: bytes) -> Any:
    """Raises :class:`CompareError` if it is not JSON, or if a key stands twice in an object."""
    try:
        return json.loads(content, object_pairs_hook=_object)
    except RecursionError:
        raise CompareError("it is nested too deeply") from None
    except ValueError as error:
        raise CompareError(f"it is not JSON ({error})") from error


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) != len(members):
        raise CompareError("an object has the same key twice")
    return made
