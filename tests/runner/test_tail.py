from __future__ import annotations

import pytest

from snakemake_renku.runner.tail import Tail


def fed(*pieces: bytes, limit: int = 20) -> str:
    tail = Tail(limit)
    for piece in pieces:
        tail.feed(piece)
    return tail.text()


def test_what_is_short_is_kept_whole() -> None:
    assert fed(b"one\n", b"two", b"\nthree") == "one\ntwo\nthree"


def test_nothing_has_an_empty_tail() -> None:
    assert fed() == ""


def test_what_is_exactly_as_long_as_the_limit_is_kept_whole() -> None:
    assert fed(b"123456789\n123456789\n") == "123456789\n123456789\n"


def test_a_cut_tail_begins_with_a_whole_line() -> None:
    assert fed(b"first line\nsecond line, longer\nthird\n") == "third\n"


@pytest.mark.parametrize("size", [1, 7, 19, 20, 21, 64, 1000])
def test_the_tail_does_not_depend_on_the_pieces(size: int) -> None:
    data = b"".join(b"line %d\n" % number for number in range(200))
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert fed(*pieces) == "line 198\nline 199\n"


def test_one_endless_line_is_cut_where_the_limit_is() -> None:
    assert fed(b"a" * 100, b"b" * 5) == "a" * 15 + "b" * 5


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert fed(b"caf\xe9\n") == "caf\ufffd\n"


def test_no_more_than_twice_the_limit_is_held() -> None:
    tail = Tail(1000)
    for _ in range(1000):
        tail.feed(b"x" * 999)
        assert len(tail._data) <= 2000
