"""The order within the layers: few crossings, by barycentres.

Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures",
IEEE Transactions on Systems, Man, and Cybernetics 11 (1981), §IV.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

from snakemake_renku.drawing.layers import Layers

_SWEEPS = 24
_PATIENCE = 4
_LARGE = 20_000
"""Edges beyond which few sweeps must do."""


def arrange(layers: Layers) -> list[list[int]]:
    """The vertices of each layer in their order."""
    rows = _first(layers)
    best, least = rows, _crossings(rows, layers)
    steps = sum(map(len, layers.ahead))
    stale = 0
    for sweep in range(_SWEEPS if steps < _LARGE else _PATIENCE):
        if not least or stale >= _PATIENCE:
            break
        rows = _sweep(rows, layers, forward=sweep % 2 == 0)
        found = _crossings(rows, layers)
        stale += 1
        if found < least:
            best, least, stale = rows, found, 0
    return best


def _first(layers: Layers) -> list[list[int]]:
    """As a walk in depth meets them, which keeps together what belongs together."""
    rows: list[list[int]] = [[] for _ in range(layers.height)]
    met = set[int]()
    starts = [node for node in range(len(layers.layer)) if not layers.behind[node]]
    for start in starts:
        stack = [start]
        while stack:
            node = stack.pop()
            if node not in met:
                met.add(node)
                rows[layers.layer[node]].append(node)
                stack.extend(reversed(layers.ahead[node]))
    return rows


def _sweep(rows: Sequence[list[int]], layers: Layers, *, forward: bool) -> list[list[int]]:
    neighbours = layers.behind if forward else layers.ahead
    place = _relative_places(rows)
    result = list(rows)
    for number in range(len(rows)) if forward else reversed(range(len(rows))):
        keys = {
            node: sum(place[other] for other in neighbours[node]) / len(neighbours[node])
            if neighbours[node]
            else place[node]
            for node in rows[number]
        }
        result[number] = sorted(rows[number], key=keys.__getitem__)
        place |= _relative_places([result[number]])
    return result


def _relative_places(rows: Sequence[list[int]]) -> dict[int, float]:
    return {node: (number + 0.5) / len(row) for row in rows for number, node in enumerate(row)}


def _crossings(rows: Sequence[list[int]], layers: Layers) -> int:
    place = {node: number for row in rows for number, node in enumerate(row)}
    total = 0
    for row in rows:
        ends = [e for node in row for e in sorted(place[other] for other in layers.ahead[node])]
        seen: list[int] = []
        for end in ends:
            total += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return total
