"""Expressions such as ``largerthan=100kb and not include=*.csv``, as far as they are simple.

The grammar is that of git-annex (``git-annex-matching-expression(1)``): terms are joined from left
to right by ``and`` and ``or``, neither binding closer than the other; two terms without a word
between them are joined by ``and``. What is not simple, or hangs on what only libmagic knows, yields
None, and git-annex itself has to be asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

Verdict = bool | None


class Subject(NamedTuple):
    """A file in question: its path from the root, its size, and whether it is binary."""

    path: str
    size: int
    binary: Callable[[], Verdict]


Matcher = Callable[[Subject], Verdict]

_TOKEN = re.compile(r"[()]|[^\s()]+")
_SIMPLE_GLOB = re.compile(r"[\w./* ?~@%,:;+=#-]+")
_SIZE = re.compile(r"([0-9]{1,18})(|b|kb|mb|gb|tb|k|m|g|t|kib|mib|gib|tib)", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse(text: str) -> Matcher:
    """The matcher of an expression; it answers None to all if the expression is not understood."""
    tokens = _TOKEN.findall(text)
    try:
        matcher = _sequence(tokens)
    except _NotUnderstood:
        return _unsure
    return _unsure if tokens else matcher


class _NotUnderstood(Exception):
    pass


def _sequence(tokens: list[str]) -> Matcher:
    """Terms up to the end or a closing parenthesis, taken off ``tokens``."""
    matcher = _term(tokens)
    while tokens and tokens[0] != ")":
        word = tokens.pop(0) if tokens[0] in ("and", "or") else "and"
        matcher = (_both if word == "and" else _either)(matcher, _term(tokens))
    return matcher


def _term(tokens: list[str]) -> Matcher:
    if not tokens:
        raise _NotUnderstood
    word = tokens.pop(0)
    if word == "not":
        return _opposite(_term(tokens))
    if word == "(":
        inner = _sequence(tokens)
        if not tokens or tokens.pop(0) != ")":
            raise _NotUnderstood
        return inner
    return _simple(word)


def _simple(word: str) -> Matcher:
    if word in ("anything", "nothing"):
        return lambda _: word == "anything"
    name, _, value = word.partition("=")
    maker = _MAKERS.get(name)
    if maker is None or not value:
        raise _NotUnderstood
    return maker(value)


def _include(glob: str) -> Matcher:
    if not _SIMPLE_GLOB.fullmatch(glob):
        raise _NotUnderstood
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in glob)
    pattern = re.compile("".join(parts), re.DOTALL)
    return lambda subject: pattern.fullmatch(subject.path) is not None


def _exclude(glob: str) -> Matcher:
    return _opposite(_include(glob))


def _larger(size: str) -> Matcher:
    limit = _bytes(size)
    return lambda subject: subject.size > limit


def _smaller(size: str) -> Matcher:
    limit = _bytes(size)
    return lambda subject: subject.size < limit


def _encoding(value: str) -> Matcher:
    if value == "binary":
        return lambda subject: subject.binary()
    return _unsure


def _type(_: str) -> Matcher:
    return _unsure


_MAKERS: dict[str, Callable[[str], Matcher]] = {
    "include": _include,
    "exclude": _exclude,
    "largerthan": _larger,
    "smallerthan": _smaller,
    "mimeencoding": _encoding,
    "mimetype": _type,
}


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text)
    if not found:
        raise _NotUnderstood
    unit = found[2].lower()
    base = 1024 if "i" in unit else 1000
    return int(found[1]) * int(base ** _POWERS[unit.rstrip("b").rstrip("i")])


def _unsure(_: Subject) -> Verdict:
    return None


def _opposite(inner: Matcher) -> Matcher:
    def matcher(subject: Subject) -> Verdict:
        found = inner(subject)
        return None if found is None else not found

    return matcher


def _both(one: Matcher, other: Matcher) -> Matcher:
    def matcher(subject: Subject) -> Verdict:
        first = one(subject)
        if first is False:
            return False
        second = other(subject)
        return False if second is False else None if None in (first, second) else True

    return matcher


def _either(one: Matcher, other: Matcher) -> Matcher:
    def matcher(subject: Subject) -> Verdict:
        first = one(subject)
        if first is True:
            return True
        second = other(subject)
        return True if second is True else None if None in (first, second) else False

    return matcher
