"""A PROV document as Turtle, by PROV-O (W3C Recommendation, 30 April 2013).

The ``prov`` package writes PROV-O by way of an RDF graph, which takes minutes and gigabytes for ten
thousand jobs. This writes the same triples straight from the document, and beside each qualified
relation (``prov:qualifiedUsage``) the plain one (``prov:used``), as PROV-O encourages (section
3.3), so that a query needs no detour.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from prov.identifier import QualifiedName
    from prov.model import ProvDocument, ProvRecord


class _Relation(NamedTuple):
    """How PROV-O says a relation: by a property, or by a node of a class, with an influencer.

    ``others`` are the properties of what comes after the first two arguments.
    """

    property: str
    qualified: str
    influencer: str
    others: tuple[str, ...] = ()


_TIME = "prov:atTime"
_RELATIONS = {
    "Usage": _Relation("used", "Usage", "entity", (_TIME,)),
    "Generation": _Relation("wasGeneratedBy", "Generation", "activity", (_TIME,)),
    "Invalidation": _Relation("wasInvalidatedBy", "Invalidation", "activity", (_TIME,)),
    "Start": _Relation("wasStartedBy", "Start", "entity", ("prov:hadActivity", _TIME)),
    "End": _Relation("wasEndedBy", "End", "entity", ("prov:hadActivity", _TIME)),
    "Communication": _Relation("wasInformedBy", "Communication", "activity"),
    "Derivation": _Relation(
        "wasDerivedFrom",
        "Derivation",
        "entity",
        ("prov:hadActivity", "prov:hadGeneration", "prov:hadUsage"),
    ),
    "Attribution": _Relation("wasAttributedTo", "Attribution", "agent"),
    "Association": _Relation("wasAssociatedWith", "Association", "agent", ("prov:hadPlan",)),
    "Delegation": _Relation("actedOnBehalfOf", "Delegation", "agent", ("prov:hadActivity",)),
    "Influence": _Relation("wasInfluencedBy", "Influence", "influencer"),
}
_PLAIN = {
    "Specialization": "specializationOf",
    "Alternate": "alternateOf",
    "Membership": "hadMember",
}
_ATTRIBUTES = {
    "prov:type": "a",
    "prov:label": "rdfs:label",
    "prov:role": "prov:hadRole",
    "prov:location": "prov:atLocation",
    "prov:startTime": "prov:startedAtTime",
    "prov:endTime": "prov:endedAtTime",
}
_PREFIXES = {
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_ESCAPES = {
    ord("\\"): "\\\\",
    ord('"'): '\\"',
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}
_NOT_FINITE = {"inf": "INF", "-inf": "-INF", "nan": "NaN"}

Pair = tuple[str, str]


def write_turtle(document: ProvDocument, destination: BinaryIO) -> None:
    """Write the document: each subject once, in the order in which they come up."""
    registered = {each.prefix: each.uri for each in document.get_registered_namespaces()}
    for prefix, uri in (_PREFIXES | registered).items():
        destination.write(f"@prefix {prefix}: <{uri}> .\n".encode())
    subjects: dict[str, list[Pair]] = {}
    for record in document.get_records():
        for subject, pair in _triples(record):
            subjects.setdefault(subject, []).append(pair)
    for subject, pairs in subjects.items():
        destination.write(_block(subject, pairs).encode())


def _block(subject: str, pairs: list[Pair]) -> str:
    lines = " ;\n    ".join(f"{name} {value}" for name, value in pairs)
    return f"\n{subject}\n    {lines} .\n"


def _triples(record: ProvRecord) -> Iterator[tuple[str, Pair]]:
    kind = record.get_type().localpart
    extras = [pair for name, value in record.extra_attributes for pair in _pairs(name, value)]
    if record.is_element():
        subject = str(record.identifier)
        yield subject, ("a", f"prov:{kind}")
        for name, value in record.formal_attributes:
            if value is not None:
                yield subject, (_ATTRIBUTES[str(name)], _term(value))
        yield from ((subject, pair) for pair in extras)
        return
    first, second, *others = (None if one is None else _term(one) for one in record.args)
    if first is not None and kind in _PLAIN:
        yield first, (f"prov:{_PLAIN[kind]}", second or "")
    elif first is not None:
        yield from _relation(record, _RELATIONS[kind], first, second, others, extras)


def _relation(
    record: ProvRecord,
    relation: _Relation,
    subject: str,
    influencer: str | None,
    others: list[str | None],
    extras: list[Pair],
) -> Iterator[tuple[str, Pair]]:
    if influencer is not None:
        yield subject, (f"prov:{relation.property}", influencer)
    more = [(name, value) for name, value in zip(relation.others, others, strict=True) if value]
    more += extras
    if record.identifier is None and influencer is not None and not more:
        return
    node = [("a", f"prov:{relation.qualified}")]
    if influencer is not None:
        node.append((f"prov:{relation.influencer}", influencer))
    node += more
    link = f"prov:qualified{relation.qualified}"
    if record.identifier is None:
        inside = " ; ".join(f"{name} {value}" for name, value in node)
        yield subject, (link, f"[ {inside} ]")
        return
    name = str(record.identifier)
    yield subject, (link, name)
    yield from ((name, pair) for pair in node)


def _pairs(name: QualifiedName, value: Any) -> Iterator[Pair]:
    known = str(name)
    yield _ATTRIBUTES.get(known, known), _term(value)


def _term(value: Any) -> str:
    """A value as Turtle; qualified names are written as they are, ours needing no escape."""
    from prov.identifier import QualifiedName

    if isinstance(value, QualifiedName):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    return _typed(value)


def _typed(value: Any) -> str:
    from prov.model import Literal, canonical_xsd_datatype

    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f'"{value.isoformat()}"^^xsd:dateTime'
    if isinstance(value, Literal):
        return f"{_quoted(value.value)}^^{value.datatype}"
    number = _NOT_FINITE.get(repr(value), repr(value))
    return f'"{number}"^^{canonical_xsd_datatype(value)}'


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'
