"""The constraints of PROV, each broken by a document of its own."""

from __future__ import annotations

import time

import pytest
from prov.model import ProvDocument

from snakemake_renku.errors import ExportError
from snakemake_renku.provenance.prov import check, violations

THINGS = """
entity(ex:e1) entity(ex:e2) entity(ex:e3)
activity(ex:a1) activity(ex:a2)
agent(ex:g)
"""

EARLY, LATE = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"


def parsed(statements: str) -> ProvDocument:
    text = f"document prefix ex <http://example.org/>\n{statements}\nendDocument"
    return ProvDocument.deserialize(content=text, format="provn")


def broken(statements: str) -> list[int | None]:
    return [violation.constraint for violation in violations(parsed(statements))]


VALID = {
    "nothing": "",
    "things alone": THINGS,
    "a chain": """
        wasGeneratedBy(ex:n1; ex:e1, ex:a1, 2026-01-01T00:00:00+00:00)
        used(ex:u1; ex:a2, ex:e1, 2026-01-01T00:00:00+00:00)
        wasGeneratedBy(ex:n2; ex:e2, ex:a2, -)
        wasDerivedFrom(ex:d; ex:e2, ex:e1, ex:a2, ex:n2, ex:u1)
        wasInformedBy(ex:a2, ex:a1)
        wasAssociatedWith(ex:s; ex:a1, ex:g, ex:e3)
    """,
    "two makers at one time": "wasGeneratedBy(ex:e1, ex:a1, -) wasGeneratedBy(ex:e1, ex:a2, -)",
    "an unnamed generation and a named one of the same": """
        wasGeneratedBy(ex:n; ex:e1, ex:a1, -)
        wasGeneratedBy(ex:e1, ex:a1, 2026-01-01T00:00:00+00:00)
    """,
    "a statement in two parts": """
        wasEndedBy(ex:x; ex:a1, -, -, 2026-01-01T00:00:00+00:00)
        wasEndedBy(ex:x; ex:a1, ex:e1, ex:a2, -)
    """,
    "an entity derived from what it specializes": """
        specializationOf(ex:e2, ex:e1) wasDerivedFrom(ex:e2, ex:e1)
    """,
    "an agent that is an activity": """
        agent(ex:a2) wasAssociatedWith(ex:a1, ex:a2, -)
    """,
    "activities that inform each other": "wasInformedBy(ex:a1, ex:a2) wasInformedBy(ex:a2, ex:a1)",
    "a time with another offset": """
        wasGeneratedBy(ex:n1; ex:e1, ex:a1, 2026-01-01T02:00:00+02:00)
        used(ex:u1; ex:a2, ex:e1, 2026-01-01T00:30:00+00:00)
    """,
    "a derivation that shares its name with an influence": """
        wasDerivedFrom(ex:d; ex:e2, ex:e1) wasInfluencedBy(ex:d; ex:e2, ex:e1)
    """,
    "a collection": "entity(ex:c, [prov:type='prov:Collection']) hadMember(ex:c, ex:e1)",
}


@pytest.mark.parametrize("statements", VALID.values(), ids=VALID)
def test_a_valid_document_breaks_nothing(statements: str) -> None:
    things = THINGS if statements else ""
    assert broken(things + statements) == []


BROKEN = {
    (22, "an activity starts twice"): f"""
        activity(ex:a1, {EARLY}, -) activity(ex:a1, {LATE}, -)
    """,
    (23, "a usage of two entities"): "used(ex:u; ex:a1, ex:e1, -) used(ex:u; ex:a1, ex:e2, -)",
    (23, "an association with and without a plan"): """
        wasAssociatedWith(ex:s; ex:a1, ex:g, ex:e1) wasAssociatedWith(ex:s; ex:a1, ex:g, -)
    """,
    (23, "a derivation with and without an activity"): """
        wasDerivedFrom(ex:d; ex:e2, ex:e1, ex:a1, -, -) wasDerivedFrom(ex:d; ex:e2, ex:e1)
    """,
    (23, "a derivation by a usage of something else"): """
        used(ex:u; ex:a1, ex:e3, -) wasGeneratedBy(ex:n; ex:e2, ex:a1, -)
        wasDerivedFrom(ex:d; ex:e2, ex:e1, ex:a1, ex:n, ex:u)
    """,
    (23, "a derivation by a generation of something else"): """
        used(ex:u; ex:a1, ex:e1, -) wasGeneratedBy(ex:n; ex:e3, ex:a1, -)
        wasDerivedFrom(ex:d; ex:e2, ex:e1, ex:a1, ex:n, ex:u)
    """,
    (24, "an entity is made twice by one activity"): """
        wasGeneratedBy(ex:n1; ex:e1, ex:a1, -) wasGeneratedBy(ex:n2; ex:e1, ex:a1, -)
    """,
    (24, "a generation, of which one statement of three contradicts"): f"""
        wasGeneratedBy(ex:n; ex:e1, ex:a1, -) wasGeneratedBy(ex:n; ex:e1, ex:a1, {EARLY})
        wasGeneratedBy(ex:e1, ex:a1, {LATE})
    """,
    (25, "an entity is invalidated twice by one activity"): """
        wasInvalidatedBy(ex:i1; ex:e1, ex:a1, -) wasInvalidatedBy(ex:i2; ex:e1, ex:a1, -)
    """,
    (26, "an activity is started twice by another"): """
        wasStartedBy(ex:s1; ex:a1, -, ex:a2, -) wasStartedBy(ex:s2; ex:a1, -, ex:a2, -)
    """,
    (27, "an activity is ended twice by another"): """
        wasEndedBy(ex:s1; ex:a1, -, ex:a2, -) wasEndedBy(ex:s2; ex:a1, -, ex:a2, -)
    """,
    (28, "an activity has two starts"): f"""
        activity(ex:a3, {EARLY}, -) wasStartedBy(ex:s; ex:a3, -, -, {LATE})
    """,
    (29, "an activity has two ends"): f"""
        activity(ex:a3, -, {EARLY}) wasEndedBy(ex:s; ex:a3, -, -, {LATE})
    """,
    (30, "an activity ends before it starts"): f"activity(ex:a3, {LATE}, {EARLY})",
    (31, "an activity is started at two times"): f"""
        wasStartedBy(ex:s1; ex:a1, ex:e1, -, {EARLY}) wasStartedBy(ex:s2; ex:a1, ex:e2, -, {LATE})
    """,
    (32, "an activity is ended at two times"): f"""
        wasEndedBy(ex:s1; ex:a1, ex:e1, -, {EARLY}) wasEndedBy(ex:s2; ex:a1, ex:e2, -, {LATE})
    """,
    (33, "a usage before the activity"): f"""
        activity(ex:a3, {LATE}, -) used(ex:u; ex:a3, ex:e1, {EARLY})
    """,
    (33, "a usage after the activity"): f"""
        activity(ex:a3, -, {EARLY}) used(ex:u; ex:a3, ex:e1, {LATE})
    """,
    (34, "a generation before the activity"): f"""
        activity(ex:a3, {LATE}, -) wasGeneratedBy(ex:n; ex:e1, ex:a3, {EARLY})
    """,
    (34, "a generation after the activity"): f"""
        activity(ex:a3, -, {EARLY}) wasGeneratedBy(ex:n; ex:e1, ex:a3, {LATE})
    """,
    (35, "an activity is informed by one that starts after its end"): f"""
        activity(ex:a3, -, {EARLY}) activity(ex:a4, {LATE}, -) wasInformedBy(ex:a3, ex:a4)
    """,
    (36, "an entity is invalidated before it is made"): f"""
        wasGeneratedBy(ex:n; ex:e1, -, {LATE}) wasInvalidatedBy(ex:i; ex:e1, -, {EARLY})
    """,
    (37, "an entity is used before it is made"): f"""
        wasGeneratedBy(ex:n; ex:e1, ex:a1, {LATE}) used(ex:u; ex:a2, ex:e1, {EARLY})
    """,
    (38, "an entity is used after its invalidation"): f"""
        used(ex:u; ex:a2, ex:e1, {LATE}) wasInvalidatedBy(ex:i; ex:e1, -, {EARLY})
    """,
    (39, "an entity is made at two times"): f"""
        wasGeneratedBy(ex:n1; ex:e1, ex:a1, {EARLY}) wasGeneratedBy(ex:n2; ex:e1, ex:a2, {LATE})
    """,
    (40, "an entity is invalidated at two times"): f"""
        wasInvalidatedBy(ex:n1; ex:e1, ex:a1, {EARLY}) wasInvalidatedBy(ex:n2; ex:e1, ex:a2, {LATE})
    """,
    (41, "an entity is derived from one that was used later"): f"""
        used(ex:u; ex:a1, ex:e1, {LATE}) wasGeneratedBy(ex:n; ex:e2, ex:a1, {EARLY})
        wasDerivedFrom(ex:d; ex:e2, ex:e1, ex:a1, ex:n, ex:u)
    """,
    (42, "an entity is derived from one that was made later"): f"""
        wasGeneratedBy(ex:n1; ex:e1, -, {LATE}) wasGeneratedBy(ex:n2; ex:e2, -, {EARLY})
        wasDerivedFrom(ex:e2, ex:e1)
    """,
    (42, "entities are derived from each other"): """
        wasDerivedFrom(ex:e2, ex:e1) wasDerivedFrom(ex:e3, ex:e2) wasDerivedFrom(ex:e1, ex:e3)
    """,
    (42, "an entity is derived from itself"): "wasDerivedFrom(ex:e1, ex:e1)",
    (42, "an entity is derived from its own specialization"): """
        specializationOf(ex:e2, ex:e1) wasDerivedFrom(ex:e1, ex:e2)
    """,
    (42, "a circle by way of usage and generation"): """
        wasDerivedFrom(ex:e2, ex:e1)
        used(ex:u; ex:a1, ex:e2, -) wasGeneratedBy(ex:n; ex:e1, ex:a1, -)
        wasDerivedFrom(ex:d; ex:e1, ex:e2, ex:a1, ex:n, ex:u)
    """,
    (43, "an activity is started by what is not there yet"): f"""
        wasGeneratedBy(ex:n; ex:e1, -, {LATE}) wasStartedBy(ex:s; ex:a1, ex:e1, -, {EARLY})
    """,
    (44, "an activity is ended by what is no longer there"): f"""
        wasInvalidatedBy(ex:n; ex:e1, -, {EARLY}) wasEndedBy(ex:s; ex:a1, ex:e1, -, {LATE})
    """,
    (45, "a specialization is made before what it specializes"): f"""
        wasGeneratedBy(ex:n1; ex:e1, -, {LATE}) wasGeneratedBy(ex:n2; ex:e2, -, {EARLY})
        specializationOf(ex:e2, ex:e1)
    """,
    (46, "a specialization outlives what it specializes"): f"""
        wasInvalidatedBy(ex:n1; ex:e1, -, {EARLY}) wasInvalidatedBy(ex:n2; ex:e2, -, {LATE})
        specializationOf(ex:e2, ex:e1)
    """,
    (47, "an agent is made after the activity"): f"""
        agent(ex:e1) activity(ex:a3, -, {EARLY}) wasGeneratedBy(ex:n; ex:e1, -, {LATE})
        wasAssociatedWith(ex:a3, ex:e1, -)
    """,
    (47, "an agent that is an activity ends before the activity"): f"""
        agent(ex:a4) activity(ex:a3, {LATE}, -) activity(ex:a4, -, {EARLY})
        wasAssociatedWith(ex:a3, ex:a4, -)
    """,
    (48, "an entity is attributed to a later one"): f"""
        agent(ex:e1) wasGeneratedBy(ex:n1; ex:e1, -, {LATE})
        wasGeneratedBy(ex:n2; ex:e2, -, {EARLY}) wasAttributedTo(ex:e2, ex:e1)
    """,
    (49, "an agent acts for one that is made later"): f"""
        agent(ex:e1) agent(ex:e2) wasGeneratedBy(ex:n1; ex:e1, -, {LATE})
        wasInvalidatedBy(ex:n2; ex:e2, -, {EARLY}) actedOnBehalfOf(ex:e2, ex:e1, -)
    """,
    (51, "a derivation by a usage of no activity"): """
        used(ex:u; ex:a1, ex:e1, -) wasDerivedFrom(ex:d; ex:e2, ex:e1, -, -, ex:u)
    """,
    (52, "an entity specializes itself"): "specializationOf(ex:e1, ex:e1)",
    (52, "entities specialize each other"): """
        specializationOf(ex:e1, ex:e2) specializationOf(ex:e2, ex:e3) specializationOf(ex:e3, ex:e1)
    """,
    (53, "a usage that is a generation"): """
        used(ex:x; ex:a1, ex:e1, -) wasGeneratedBy(ex:x; ex:e2, ex:a1, -)
    """,
    (54, "an entity that is a generation"): "wasGeneratedBy(ex:e1; ex:e2, ex:a1, -)",
    (55, "an entity that is an activity"): "entity(ex:a1)",
    (55, "an activity that is used"): "used(ex:u; ex:a1, ex:a2, -)",
    (56, "an empty collection with a member"): """
        entity(ex:c, [prov:type='prov:EmptyCollection']) hadMember(ex:c, ex:e1)
    """,
    (None, "a usage of what is not there"): "used(ex:u; ex:a1, ex:nothing, -)",
    (None, "a plan that is not there"): "wasAssociatedWith(ex:s; ex:a1, ex:g, ex:nothing)",
    (None, "a derivation by a usage that is not there"): """
        wasDerivedFrom(ex:d; ex:e2, ex:e1, ex:a1, -, ex:nothing)
    """,
}


@pytest.mark.parametrize(
    ("constraint", "statements"),
    [(constraint, statements) for (constraint, _), statements in BROKEN.items()],
    ids=[f"{constraint}: {case}" for constraint, case in BROKEN],
)
def test_what_breaks_a_constraint_is_told_by_its_number(
    constraint: int | None, statements: str
) -> None:
    assert constraint in broken(THINGS + statements)


def test_times_that_contradict_the_order_only_by_way_of_others_are_found() -> None:
    statements = f"""
        activity(ex:a3, {LATE}, -) activity(ex:a4, -, {EARLY})
        wasGeneratedBy(ex:n; ex:e1, ex:a3, -) used(ex:u; ex:a4, ex:e1, -)
    """
    assert broken(THINGS + statements) == [33]


def test_a_bundle_is_checked_for_itself() -> None:
    statements = "entity(ex:b) bundle ex:b entity(ex:e1) used(ex:u; ex:a1, ex:e1, -) endBundle"
    assert broken(THINGS + statements) == [None]


def test_the_error_names_the_constraint_and_what_breaks_it() -> None:
    with pytest.raises(ExportError) as caught:
        check(parsed(f"{THINGS} wasDerivedFrom(ex:e2, ex:e1) wasDerivedFrom(ex:e1, ex:e2)"))
    message = str(caught.value)
    assert "constraint 42 (derivation-generation-generation-ordering)" in message
    assert "the generation of ex:e1, the generation of ex:e2" in message


def test_the_error_says_how_many_more_there_are() -> None:
    statements = "specializationOf(ex:e1, ex:e1) specializationOf(ex:e2, ex:e2)"
    with pytest.raises(ExportError, match=r"and 1 more"):
        check(parsed(THINGS + statements))


def test_a_long_chain_is_checked_without_recursion() -> None:
    document = ProvDocument()
    document.add_namespace("ex", "http://example.org/")
    for number in range(20_000):
        document.entity(f"ex:e{number}")
        if number:
            document.wasDerivedFrom(f"ex:e{number}", f"ex:e{number - 1}")
    start = time.process_time()
    check(document)
    assert time.process_time() - start < 5.0
