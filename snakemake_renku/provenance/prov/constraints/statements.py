"""A document as bare statements: what is checked, without attributes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from prov.identifier import QualifiedName
    from prov.model import ProvBundle

NAMES = {
    22: "key-object",
    23: "key-properties",
    24: "unique-generation",
    25: "unique-invalidation",
    26: "unique-wasStartedBy",
    27: "unique-wasEndedBy",
    28: "unique-startTime",
    29: "unique-endTime",
    30: "start-precedes-end",
    31: "start-start-ordering",
    32: "end-end-ordering",
    33: "usage-within-activity",
    34: "generation-within-activity",
    35: "wasInformedBy-ordering",
    36: "generation-precedes-invalidation",
    37: "generation-precedes-usage",
    38: "usage-precedes-invalidation",
    39: "generation-generation-ordering",
    40: "invalidation-invalidation-ordering",
    41: "derivation-usage-generation-ordering",
    42: "derivation-generation-generation-ordering",
    43: "wasStartedBy-ordering",
    44: "wasEndedBy-ordering",
    45: "specialization-generation-ordering",
    46: "specialization-invalidation-ordering",
    47: "wasAssociatedWith-ordering",
    48: "wasAttributedTo-ordering",
    49: "actedOnBehalfOf-ordering",
    50: "typing",
    51: "impossible-unspecified-derivation-generation-use",
    52: "impossible-specialization-reflexive",
    53: "impossible-property-overlap",
    54: "impossible-object-property-overlap",
    55: "entity-activity-disjoint",
    56: "membership-empty-collection",
}
"""The constraints by their numbers."""


class Violation(NamedTuple):
    """A constraint that is broken, and how.

    ``constraint`` is its number in PROV-CONSTRAINTS, or None for what this package demands beyond
    it: that what is referred to is there.
    """

    constraint: int | None
    message: str

    def __str__(self) -> str:
        if self.constraint is None:
            return self.message
        name = NAMES[self.constraint]
        return (
            f"constraint {self.constraint} ({name}) of PROV-CONSTRAINTS is broken: {self.message}"
        )


class Statement(NamedTuple):
    """One record: its identifier, if it has one, and its arguments in the order of PROV-N."""

    id: QualifiedName | None
    args: tuple[Any, ...]


class Statements(NamedTuple):
    """All records of a bundle by their kind (``Entity``, ``Usage``, …).

    ``empty`` holds the identifiers of what is said to be an empty collection.
    """

    by_kind: Mapping[str, list[Statement]]
    empty: frozenset[QualifiedName]

    def of(self, kind: str) -> list[Statement]:
        """Those of one kind."""
        return self.by_kind.get(kind, [])


def statements_of(bundle: ProvBundle) -> Statements:
    """The statements of a bundle, or of a document without its bundles."""
    from prov.constants import PROV

    nothing = PROV["EmptyCollection"]
    by_kind: dict[str, list[Statement]] = defaultdict(list)
    empty = set()
    for record in bundle.get_records():
        kind = record.get_type().localpart
        by_kind[kind].append(Statement(record.identifier, record.args))
        if kind == "Entity" and nothing in record.get_asserted_types():
            empty.add(record.identifier)
    return Statements(by_kind, frozenset(id for id in empty if id is not None))
