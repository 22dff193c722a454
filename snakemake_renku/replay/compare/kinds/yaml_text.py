"""YAML, as far as it stands for plain data; comments and the way of writing do not count."""

from __future__ import annotations

from typing import Any

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.kinds import text
from snakemake_renku.replay.compare.pair import Fit, Pair
from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.trees import compare_trees

NAME = "yaml"
ISOLATED = False
TEXT = True

LARGEST = 16 << 20
"""Bytes; it takes about a hundred times as much memory while it is parsed."""


def suits(head: bytes, name: str) -> Fit:
    """By the suffix."""
    named = name.lower().endswith((".yaml", ".yml"))
    return Fit.SURE if named and text.is_text(head) else Fit.NO


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare all documents by structure and value."""
    tally = Tally(tolerance)
    contents = pair.read(LARGEST)
    recorded, replayed = map(_parse, contents)
    if len(recorded) == len(replayed) == 1:
        recorded, replayed = recorded[0], replayed[0]
    # More values than bytes come of aliases, as in files made to be too much for their readers.
    compare_trees(tally, recorded, replayed, most=max(map(len, contents)))
    return tally.finding(NAME, "how it is written (spaces, quotes, comments)")


def _parse(content: bytes) -> Any:
    import yaml  # type: ignore[import-untyped]

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [(key.tag, key.value) for key, _ in node.value if key.id == "scalar"]
            if len({*keys}) < len(keys):  # of which the reader would keep the last
                raise CompareError("a mapping has the same key twice")
            return super().construct_mapping(node, deep)

    return list(yaml.load_all(content, Loader=Loader))
