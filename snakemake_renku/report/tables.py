"""What keeps the data of a report small: each thing once, and beside it only numbers."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T", bound=Hashable)

_WORDS = re.compile(
    r"""\s+|[,=:;"'()<>|&{}\[\]]+|[^\s,=:;"'()<>|&{}\[\]]*/|[^\s,=:;"'()<>|&{}\[\]/]+"""
)
"""Of a path, the folder (with its last slash) is one word, and the name is another."""


class Table(Generic[T]):
    """Gives each different value a number, from 0 on; ``values`` are in that order."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self._numbers: dict[T, int] = {}

    def number(self, value: T) -> int:
        """The number of ``value``, which is new if the value is."""
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self.values)
            self.values.append(value)
        return found


class Lists:
    """Lists of whole numbers, each different list once.

    In ``values``, ``[a, -n]`` stands for the ``n`` numbers that follow ``a`` one by one: what a job
    reads of another rule often has such numbers.
    """

    def __init__(self) -> None:
        self._table: Table[tuple[int, ...]] = Table()

    @property
    def values(self) -> list[tuple[int, ...]]:
        """The lists, with runs of numbers folded."""
        return self._table.values

    def number(self, items: Iterable[int]) -> int:
        """The number of the list of ``items``."""
        return self._table.number(tuple(_folded(items)))


def _folded(items: Iterable[int]) -> Iterable[int]:
    last, follow = -2, 0
    for item in items:
        if item == last + 1:
            follow += 1
        else:
            if follow:
                yield -follow
            yield item
            follow = 0
        last = item
    if follow:
        yield -follow


class Texts:
    """Texts that resemble each other, such as the commands of one rule's jobs.

    The first text of each ``kind`` stands as a whole, as a list of words (and what is between
    them); of another one with as many words only those that differ: ``[number of the first, place,
    word, place, word …]``. A word is the number of a string; ``values`` are the texts.
    """

    def __init__(self, strings: Table[str]) -> None:
        self._strings = strings
        self._numbers: dict[tuple[str, str], int] = {}
        self._first: dict[tuple[str, int], tuple[int, list[int]]] = {}
        self.values: list[list[Any]] = []

    def number(self, kind: str, text: str | None) -> int | None:
        """The number of ``text``; None for None."""
        if text is None:
            return None
        found = self._numbers.get((kind, text))
        if found is None:
            found = self._numbers[kind, text] = len(self.values)
            self.values.append(self._coded(kind, text, found))
        return found

    def _coded(self, kind: str, text: str, number: int) -> list[Any]:
        words = [self._strings.number(word) for word in _WORDS.findall(text)]
        first = self._first.setdefault((kind, len(words)), (number, words))
        if first[0] == number:
            return [words]
        pairs = zip(first[1], words, strict=True)
        differing = ((place, word) for place, (old, word) in enumerate(pairs) if old != word)
        return [first[0], *(part for pair in differing for part in pair)]


def column(values: Sequence[Any]) -> Any:
    """A column as it is kept: ``{"all": value}`` where all its values are the same."""
    if values and all(value == values[0] for value in values):
        return {"all": values[0]}
    return list(values)


def sparse(values: Iterable[Any]) -> list[list[Any]]:
    """``[place, value]`` of those values that are not empty."""
    return [[place, value] for place, value in enumerate(values) if value]
