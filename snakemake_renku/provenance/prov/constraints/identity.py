"""Identifiers: what they stand for, and whether that is there (50–56)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from snakemake_renku.provenance.prov.constraints.statements import Statements, Violation

ELEMENTS = {"Entity": "entity", "Activity": "activity", "Agent": "agent"}

PLACES = {
    "Generation": ("entity", "activity"),
    "Usage": ("activity", "entity"),
    "Communication": ("activity", "activity"),
    "Start": ("activity", "entity", "activity"),
    "End": ("activity", "entity", "activity"),
    "Invalidation": ("entity", "activity"),
    "Derivation": ("entity", "entity", "activity", "generation", "usage"),
    "Attribution": ("entity", "agent"),
    "Association": ("activity", "agent", "entity"),
    "Delegation": ("agent", "agent", "activity"),
    "Influence": ("thing", "thing"),
    "Specialization": ("entity", "entity"),
    "Alternate": ("entity", "entity"),
    "Membership": ("entity", "entity"),
}
"""What the arguments of a relation refer to (constraint 50); what follows is a time."""

_IDENTIFIED = tuple(
    kind for kind in PLACES if kind not in ("Specialization", "Alternate", "Membership")
)
_DISJOINT = tuple(kind for kind in _IDENTIFIED if kind not in ("Derivation", "Influence"))


def misidentified(statements: Statements) -> Iterator[Violation]:
    """Identifiers that stand for two things that exclude each other, or for nothing."""
    declared = {
        role: {statement.id for statement in statements.of(kind)}
        for kind, role in (ELEMENTS | {kind: kind.lower() for kind in _IDENTIFIED}).items()
    }
    declared["thing"] = set().union(*(declared[role] for role in ELEMENTS.values()))
    # An agent may be an entity or an activity (section 6.4), without being stated as one.
    declared["agent"] |= declared["thing"]
    yield from _typed_twice(statements, declared)
    yield from _overlapping(statements, declared)
    yield from _dangling(statements, declared)
    yield from _impossible(statements)


def _typed_twice(statements: Statements, declared: dict[str, set[Any]]) -> Iterator[Violation]:
    taken = {role: set(declared[role]) for role in ("entity", "activity")}
    for kind, places in PLACES.items():
        for at, role in enumerate(places):
            if role in taken:
                taken[role] |= {statement.args[at] for statement in statements.of(kind)}
    for both in _sorted((taken["entity"] & taken["activity"]) - {None}):
        yield Violation(55, f"{both} is both an entity and an activity")


def _overlapping(statements: Statements, declared: dict[str, set[Any]]) -> Iterator[Violation]:
    for kind in _IDENTIFIED:
        for both in _sorted((declared[kind.lower()] & declared["thing"]) - {None}):
            yield Violation(54, f"{both} is both a {kind.lower()} and an element")
    for one, other in combinations(_DISJOINT, 2):
        for both in _sorted((declared[one.lower()] & declared[other.lower()]) - {None}):
            yield Violation(53, f"{both} is both a {one.lower()} and a {other.lower()}")


def _dangling(statements: Statements, declared: dict[str, set[Any]]) -> Iterator[Violation]:
    for kind, places in PLACES.items():
        for at, role in enumerate(places):
            known = declared[role]
            for statement in statements.of(kind):
                name = statement.args[at]
                if name is not None and name not in known:
                    told = statement.id or f"a {kind.lower()} of {statement.args[0]}"
                    yield Violation(None, f"{told} refers to the {role} {name}, which is not there")


def _impossible(statements: Statements) -> Iterator[Violation]:
    for statement in statements.of("Derivation"):
        entity, _, activity, generation, usage = statement.args
        if activity is None and (generation is not None or usage is not None):
            yield Violation(51, f"a derivation of {entity} has a generation or usage, no activity")
    for statement in statements.of("Membership"):
        if statement.args[0] in statements.empty:
            yield Violation(56, f"the empty collection {statement.args[0]} has a member")


def _sorted(names: set[Any]) -> list[Any]:
    return sorted(names, key=str)
