"""The circles of a graph."""

from __future__ import annotations

from collections.abc import Sequence


def components(after: Sequence[Sequence[int]]) -> list[list[int]]:
    """The strongly connected components of a graph, each after all that can be reached from it.

    ``after`` gives the successors of each node. By R. Tarjan, *Depth-first search and linear graph
    algorithms* (SIAM J. Comput. 1, 1972), without recursion.
    """
    found: list[list[int]] = []
    index: list[int] = [-1] * len(after)
    low: list[int] = [0] * len(after)
    open_nodes: list[int] = []
    is_open = [False] * len(after)
    count = 0
    for root in range(len(after)):
        if index[root] >= 0:
            continue
        path = [(root, iter(after[root]))]
        while path:
            node, rest = path[-1]
            if index[node] < 0:
                index[node] = low[node] = count
                count += 1
                open_nodes.append(node)
                is_open[node] = True
            for follower in rest:
                if index[follower] < 0:
                    path.append((follower, iter(after[follower])))
                    break
                if is_open[follower]:
                    low[node] = min(low[node], index[follower])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == index[node]:
                    found.append(_close(node, open_nodes, is_open))
    return found


def _close(node: int, open_nodes: list[int], is_open: list[bool]) -> list[int]:
    component = []
    while True:
        member = open_nodes.pop()
        is_open[member] = False
        component.append(member)
        if member == node:
            return component
