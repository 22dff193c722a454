"""What makes the data small loses nothing of it."""

from __future__ import annotations

from typing import Any

import pytest

from snakemake_renku.report.tables import Lists, Table, Texts, column, sparse


def unfolded(items: tuple[int, ...]) -> list[int]:
    found: list[int] = []
    for item in items:
        if item >= 0:
            found.append(item)
        else:
            found.extend(range(found[-1] + 1, found[-1] + 1 - item))
    return found


def spelled(texts: Texts, strings: Table[str], number: int) -> str:
    coded: list[Any] = texts.values[number]
    words = coded[0]
    if isinstance(words, int):
        words = list(texts.values[words][0])
        for place, word in zip(coded[1::2], coded[2::2], strict=True):
            words[place] = word
    return "".join(strings.values[word] for word in words)


@pytest.mark.parametrize(
    "items", [[], [0], [5], [0, 1, 2, 3], [3, 2, 1], [7, 8, 1, 2, 3, 9], [4, 4, 5, 5, 6]]
)
def test_a_list_is_the_same_again(items: list[int]) -> None:
    lists = Lists()
    assert unfolded(lists.values[lists.number(items)]) == items


def test_numbers_that_follow_each_other_take_no_room() -> None:
    lists = Lists()
    lists.number(range(10_000))
    assert lists.values == [(0, -9999)]


def test_the_same_list_is_kept_once() -> None:
    lists = Lists()
    assert lists.number([1, 5]) == lists.number([1, 5])
    assert len(lists.values) == 1


COMMANDS = [
    "align --in data/a.txt --out 'results/a b.txt' > logs/a.log\n",
    "align --in data/b.txt --out 'results/b b.txt' > logs/b.log\n",
    "align --fast",
    "",
    "  ",
    "a\n\tb//c/ /d e/\r\n",
    "Käse 🧀 \u2028 \u202e",
]


def test_a_text_is_the_same_again() -> None:
    strings: Table[str] = Table()
    texts = Texts(strings)
    numbers = [texts.number("align", command) for command in COMMANDS]
    assert [spelled(texts, strings, number or 0) for number in numbers] == COMMANDS


def test_a_text_that_resembles_another_is_told_by_what_differs() -> None:
    strings: Table[str] = Table()
    texts = Texts(strings)
    for name in ("a", "b"):
        texts.number("align", f"align --many --options --in data/{name}.txt --out c.txt")
    assert len(texts.values[1]) == 3


def test_no_text_has_no_number() -> None:
    assert Texts(Table()).number("align", None) is None


def test_a_column_of_one_value_is_that_value() -> None:
    assert column([3, 3, 3]) == {"all": 3}
    assert column([3, None, 3]) == [3, None, 3]
    assert column([]) == []


def test_values_that_are_empty_are_left_out() -> None:
    assert sparse([None, "a", "", (), ["b"]]) == [[1, "a"], [4, ["b"]]]
