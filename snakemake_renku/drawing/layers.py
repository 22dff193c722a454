"""Layers: each node behind all that lead to it, and long edges led through the layers between.

Longest-path layering, then nodes drawn towards those that they lead to; see Healy and Nikolov,
"Hierarchical Drawing Algorithms", in: Handbook of Graph Drawing and Visualization, 2013, §13.2-3.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Edge = tuple[int, int]

MOST_BENDS = 20_000
"""Beyond this many, long edges are drawn straight: it would take long, and nobody could follow."""


@dataclass(slots=True)
class Layers:
    """Vertices by layer.

    The first ``count`` vertices are the nodes, the others bends of long edges. ``behind`` and
    ``ahead`` are the neighbours of each in the layer before and after it; ``bends`` holds the bends
    of each long edge, in its order, and none for edges that are drawn straight.
    """

    count: int
    layer: list[int]
    behind: list[list[int]]
    ahead: list[list[int]]
    bends: dict[Edge, tuple[int, ...]]

    @property
    def height(self) -> int:
        """The number of layers."""
        return max(self.layer, default=-1) + 1


def divide(count: int, edges: Iterable[Edge]) -> tuple[Layers, frozenset[Edge]]:
    """The layers of ``count`` nodes, and the edges (as given) that had to be turned round."""
    unique = list(dict.fromkeys(edge for edge in edges if edge[0] != edge[1]))
    turned = frozenset(_closing(count, unique))
    straight = list(dict.fromkeys(edge[::-1] if edge in turned else edge for edge in unique))
    return _lead_through(count, straight, _assign(count, straight)), turned


def _neighbours(count: int, edges: Iterable[Edge]) -> tuple[list[list[int]], list[list[int]]]:
    behind: list[list[int]] = [[] for _ in range(count)]
    ahead: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        ahead[source].append(target)
        behind[target].append(source)
    return behind, ahead


def _closing(count: int, edges: Sequence[Edge]) -> Iterable[Edge]:
    """The edges that close a circle, as a walk in depth from the beginnings meets them."""
    behind, ahead = _neighbours(count, edges)
    open_, done = set[int](), set[int]()
    for start in sorted(range(count), key=lambda node: bool(behind[node])):
        if start in done:
            continue
        open_.add(start)
        path = [(start, iter(ahead[start]))]
        while path:
            node, rest = path[-1]
            target = next(rest, None)
            if target is None:
                path.pop()
                open_.discard(node)
                done.add(node)
            elif target in open_:
                yield node, target
            elif target not in done:
                open_.add(target)
                path.append((target, iter(ahead[target])))


def _assign(count: int, edges: Sequence[Edge]) -> list[int]:
    behind, ahead = _neighbours(count, edges)
    layer = [0] * count
    waiting = [len(before) for before in behind]
    queue = deque(node for node in range(count) if not waiting[node])
    order = []
    while queue:
        node = queue.popleft()
        order.append(node)
        for target in ahead[node]:
            layer[target] = max(layer[target], layer[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                queue.append(target)
    for node in reversed(order):
        # Each step towards the end makes the edges behind longer and those ahead shorter.
        if len(ahead[node]) > len(behind[node]):
            layer[node] = min(layer[target] for target in ahead[node]) - 1
    return layer


def _lead_through(count: int, edges: Sequence[Edge], layer: list[int]) -> Layers:
    long = [edge for edge in edges if layer[edge[1]] - layer[edge[0]] > 1]
    leaving = Counter(source for source, _ in long)
    arriving = Counter(target for _, target in long)
    # Long edges of one node share their way, by the end at which more of them meet.
    hubs = {
        (source, target): (True, target) if arriving[target] > leaving[source] else (False, source)
        for source, target in long
    }
    bends: dict[tuple[bool, int, int], int] = {}
    ways: dict[Edge, tuple[int, ...]] = {}
    steps: dict[Edge, None] = {edge: None for edge in edges if layer[edge[1]] - layer[edge[0]] == 1}
    for source, target in long:
        if len(bends) > MOST_BENDS:
            break
        between = range(layer[source] + 1, layer[target])
        hub = hubs[source, target]
        way = tuple(bends.setdefault((*hub, each), count + len(bends)) for each in between)
        ways[source, target] = way
        steps |= dict.fromkeys(zip((source, *way), (*way, target), strict=True))
    every = [*layer, *(each for *_, each in bends)]
    behind, ahead = _neighbours(len(every), steps)
    return Layers(count, every, behind, ahead, ways)
