"""Keys and uniqueness: what is stated twice must be the same (22–29)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from snakemake_renku.provenance.prov.constraints.identity import ELEMENTS, PLACES
from snakemake_renku.provenance.prov.constraints.statements import Statement, Statements, Violation

_FIXED = {"Association": (2,), "Derivation": (2,)}
"""Arguments whose absence is itself a statement (definition 4): plan, activity."""


def ambiguous(statements: Statements) -> Iterator[Violation]:
    """What one identifier, or one event, is said to be in two ways."""
    yield from _keys(statements)
    yield from _events(statements)
    yield from _times(statements)
    yield from _derivations(statements)


def _keys(statements: Statements) -> Iterator[Violation]:
    for kind in (*ELEMENTS, *PLACES):
        seen: dict[Any, Statement] = {}
        for statement in statements.of(kind):
            if statement.id is None:
                continue
            first = seen.setdefault(statement.id, statement)
            if first is not statement:
                if not _agree(kind, first.args, statement.args):
                    number = 22 if kind in ELEMENTS else 23
                    yield Violation(number, f"{statement.id} is stated twice, differently")
                seen[statement.id] = Statement(statement.id, _merged(first, statement))


def _agree(kind: str, one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    fixed = _FIXED.get(kind, ())
    return all(
        a == b or ((a is None or b is None) and at not in fixed)
        for at, (a, b) in enumerate(zip(one, other, strict=True))
    )


def _merged(one: Statement, other: Statement) -> tuple[Any, ...]:
    return tuple(a if a is not None else b for a, b in zip(one.args, other.args, strict=True))


def _events(statements: Statements) -> Iterator[Violation]:
    """The same event of the same two must be the same statement."""
    rules: tuple[tuple[int, str, Callable[[Statement], tuple[Any, Any]]], ...] = (
        (24, "Generation", lambda one: (one.args[0], one.args[1])),
        (25, "Invalidation", lambda one: (one.args[0], one.args[1])),
        (26, "Start", lambda one: (one.args[0], one.args[2])),
        (27, "End", lambda one: (one.args[0], one.args[2])),
    )
    for number, kind, key in rules:
        seen: dict[Any, Statement] = {}
        for statement in statements.of(kind):
            pair = key(statement)
            if None in pair:
                continue
            first = seen.setdefault(pair, statement)
            if first is statement:
                continue
            if not _same_event(first, statement):
                what = " and ".join(map(str, pair))
                yield Violation(number, f"there are two {kind.lower()}s of {what}")
            seen[pair] = Statement(first.id or statement.id, _merged(first, statement))


def _same_event(one: Statement, other: Statement) -> bool:
    ids_agree = one.id == other.id or one.id is None or other.id is None
    return ids_agree and _agree("", one.args, other.args)


def _times(statements: Statements) -> Iterator[Violation]:
    starts = {one.id: one.args[0] for one in statements.of("Activity") if one.args[0]}
    ends = {one.id: one.args[1] for one in statements.of("Activity") if one.args[1]}
    yield from _unlike(28, starts, statements.of("Start"))
    yield from _unlike(29, ends, statements.of("End"))


def _unlike(number: int, times: dict[Any, Any], events: Iterable[Statement]) -> Iterator[Violation]:
    for event in events:
        activity, time = event.args[0], event.args[3]
        if time is not None and times.get(activity, time) != time:
            yield Violation(number, f"{activity} is said to have two times, one {time}")


def _derivations(statements: Statements) -> Iterator[Violation]:
    """The generation and usage of a derivation are those of its entities (inference 11)."""
    generations = {one.id: one.args for one in statements.of("Generation")}
    usages = {one.id: one.args for one in statements.of("Usage")}
    for statement in statements.of("Derivation"):
        entity, source, activity, generation, usage = statement.args
        made = generations.get(generation, (entity, activity))[:2] if generation else None
        read = usages.get(usage, (activity, source))[:2] if usage else None
        if made not in (None, (entity, activity)) or read not in (None, (activity, source)):
            told = statement.id or f"the derivation of {entity} from {source}"
            yield Violation(23, f"{told} names a generation or usage of something else")
