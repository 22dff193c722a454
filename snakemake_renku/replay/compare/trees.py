"""Trees of objects, arrays and leaves, as JSON and YAML have them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from snakemake_renku.errors import CompareError
from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.wording import both_around, many, short

Skip = Callable[[str], bool]

Step = tuple[str, str, Any, Any]
"""A path, the part of the tree that it counts for, and what stands there on both sides."""


def compare_trees(
    tally: Tally,
    recorded: Any,
    replayed: Any,
    root: str = "$",
    *,
    skip: Skip | None = None,
    most: int | None = None,
) -> None:
    """Compare two trees; places are written as in ``$.a[0]``.

    Numbers are compared by value within the tolerance, everything else must be equal; the order of
    the keys of an object is left out of account. Where ``skip`` accepts the path of a value of an
    object, a difference below it is only named. Raises :class:`CompareError` if there are more than
    ``most`` values, which a file that refers to its own parts can have.
    """
    # Iterators rather than recursion, since the depth of a file is not ours to choose.
    todo: list[Iterator[Step]] = [iter([(root, root, recorded, replayed)])]
    visited = 0
    while todo:
        step = next(todo[-1], None)
        if step is None:
            todo.pop()
            continue
        path, part, a, b = step
        visited += 1
        if most is not None and visited > most:
            raise CompareError(f"it has more than {most:,} values")
        if skip is not None and skip(path):
            if a != b:
                tally.ignore(path)
        elif isinstance(a, dict) and isinstance(b, dict):
            todo.append(_members(tally, path, part, a, b))
        elif isinstance(a, list) and isinstance(b, list):
            todo.append(_elements(tally, path, part, a, b))
        else:
            _leaf(tally, path, part, a, b)


def _members(
    tally: Tally, path: str, part: str, a: dict[Any, Any], b: dict[Any, Any]
) -> Iterator[Step]:
    for key, value in a.items():
        below = path + _key(key)
        inner = below if part == path else part
        if key in b:
            yield below, inner, value, b[key]
        else:
            tally.differ(below, (shown(value), "missing"), part=inner)
    for key, value in b.items():
        if key not in a:
            tally.differ(path + _key(key), ("missing", shown(value)), part=part)
    if a.keys() == b.keys() and list(a) != list(b):
        tally.ignore("the order of keys", path)


def _elements(tally: Tally, path: str, part: str, a: list[Any], b: list[Any]) -> Iterator[Step]:
    if len(a) != len(b):
        tally.differ(path, (shown(a), shown(b)), float(abs(len(a) - len(b))), part=part)
    for at, (one, other) in enumerate(zip(a, b, strict=False)):
        if type(one) is type(other) and not isinstance(one, dict | list) and one == other:
            tally.values += 1
        else:
            yield f"{path}[{at}]", part, one, other


def _leaf(tally: Tally, path: str, part: str, a: Any, b: Any) -> None:
    tally.values += 1
    if _number(a) and _number(b):
        found = tally.number(a, b)
        if found is not None:
            tally.differ(path, (shown(a), shown(b)), found.absolute, part=part)
    elif isinstance(a, str) and isinstance(b, str):
        if a != b:
            tally.differ(path, both_around(a, b), part=part)
    elif type(a) is not type(b) or a != b:
        tally.differ(path, (shown(a), shown(b)), part=part)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _key(key: Any) -> str:
    if isinstance(key, str) and key.isidentifier():
        return f".{key}"
    return f"[{short(json.dumps(key, ensure_ascii=False, default=str))}]"


def shown(value: Any) -> str:
    """A value in words, where a branch is only counted."""
    if isinstance(value, dict):
        return f"object of {many(len(value), 'key')}"
    if isinstance(value, list):
        return f"array of {len(value):,}"
    return short(json.dumps(value, ensure_ascii=False, default=str))
