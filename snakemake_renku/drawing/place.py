"""Places within the layers: near the neighbours, in the given order, without overlaps.

Each layer in turn is placed where its neighbours want it, as far as order and room allow; what is
nearest to that in the sense of least squares is an isotonic regression, found by pooling adjacent
violators (Barlow et al., "Statistical Inference under Order Restrictions", 1972, §1.2).
"""

from __future__ import annotations

from collections.abc import Sequence

from snakemake_renku.drawing.layers import Layers

_SWEEPS, _LAST = 24, 8
_BENDS, _BEND_AND_NODE = 8.0, 2.0
"""How much more a long edge wants to be straight (Gansner et al., "A Technique for Drawing
Directed Graphs", IEEE Transactions on Software Engineering 19 (1993), §4)."""


def spread(rows: Sequence[list[int]], layers: Layers, room: Sequence[float]) -> list[float]:
    """The middle of each vertex across the layers; ``room`` is what each takes, with its gap."""
    middle = [0.0] * len(layers.layer)
    for row in rows:
        _pack(row, room, middle)
    both = [[*a, *b] for a, b in zip(layers.behind, layers.ahead, strict=True)]
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        last = sweep >= _SWEEPS - _LAST
        neighbours = both if last else layers.behind if forward else layers.ahead
        for row in rows if forward else reversed(rows):
            _settle(row, neighbours, layers.count, room, middle)
    first = min((middle[node] - room[node] / 2 for row in rows for node in row), default=0.0)
    return [value - first for value in middle]


def _pack(row: Sequence[int], room: Sequence[float], middle: list[float]) -> None:
    edge = -sum(room[node] for node in row) / 2
    for node in row:
        middle[node] = edge + room[node] / 2
        edge += room[node]


def _settle(
    row: Sequence[int],
    neighbours: Sequence[Sequence[int]],
    count: int,
    room: Sequence[float],
    middle: list[float],
) -> None:
    """Move the vertices of a layer to where they are wanted."""
    offset, offsets = 0.0, []
    blocks: list[tuple[float, float, int]] = []
    """Wanted place, weight and length of what moves as one, from the layer's beginning."""
    for position, node in enumerate(row):
        if position:
            offset += (room[row[position - 1]] + room[node]) / 2
        offsets.append(offset)
        wanted, weight = _wanted(node, neighbours[node], count, middle)
        block = (wanted - offset, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            block = _pooled(blocks.pop(), block)
        blocks.append(block)
    places = (place for place, _, length in blocks for _ in range(length))
    for node, place, shift in zip(row, places, offsets, strict=True):
        middle[node] = place + shift


def _wanted(
    node: int, others: Sequence[int], count: int, middle: Sequence[float]
) -> tuple[float, float]:
    if not others:
        return middle[node], 0.1
    total = weight = 0.0
    for other in others:
        bends = (node >= count) + (other >= count)
        each = (1.0, _BEND_AND_NODE, _BENDS)[bends]
        total += each * middle[other]
        weight += each
    return total / weight, weight


def _pooled(
    first: tuple[float, float, int], second: tuple[float, float, int]
) -> tuple[float, float, int]:
    weight = first[1] + second[1]
    place = (first[0] * first[1] + second[0] * second[1]) / weight
    return place, weight, first[2] + second[2]
