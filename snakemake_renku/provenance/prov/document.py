"""A PROV document that grows: the ``prov`` package behind the few statements that we make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from snakemake_renku.errors import ExportError
from snakemake_renku.provenance.prov.names import PREFIXES
from snakemake_renku.provenance.prov.values import escaped, fits

if TYPE_CHECKING:
    from prov.identifier import QualifiedName
    from prov.model import ProvDocument

Attributes = Iterable[tuple[str, Any]]
"""Names (of ours, or with a prefix: ``prov:label``) with values; a name may come again.

A value is a text, a number, a truth, a time, or a qualified name. None is left out.
"""


def new_document() -> Document:
    """An empty document.

    Raises:
        ExportError: the package ``prov`` is not installed.
    """
    try:
        import prov.model  # noqa: F401
    except ImportError as error:
        raise missing_package("prov", error) from error
    return Document()


def missing_package(name: str, error: ImportError) -> ExportError:
    """What to say if a package that an export needs is not there."""
    return ExportError(
        f"This needs the Python package {name} ({error}).",
        remedy="Install it: pip install 'snakemake-renku[provenance]'.",
    )


class Document:
    """Statements, each made once, in the order in which they are made."""

    def __init__(self) -> None:
        from prov import constants
        from prov.model import ProvDocument

        self._prov = constants
        self.document: ProvDocument = ProvDocument()
        self._namespaces = {
            prefix: self.document.add_namespace(prefix, uri) for prefix, uri in PREFIXES.items()
        } | {"prov": constants.PROV}
        self._terms: dict[str, QualifiedName] = {}
        self._made: set[str] = set()

    def name(self, local: str) -> QualifiedName:
        """The identifier of something recorded."""
        return self._namespaces["record"][local]

    def term(self, text: str) -> QualifiedName:
        """A term: of ours, or of the namespace whose prefix stands before it."""
        if text not in self._terms:
            prefix, _, local = text.rpartition(":")
            self._terms[text] = self._namespaces[prefix or "renku"][local]
        return self._terms[text]

    def once(self, id: str) -> bool:
        """Whether ``id`` was not asked for before."""
        is_new = id not in self._made
        self._made.add(id)
        return is_new

    def entity(self, id: str, attributes: Attributes) -> str:
        """State that there is an entity; its identifier."""
        return self._element(self._prov.PROV_ENTITY, id, (), attributes)

    def agent(self, id: str, attributes: Attributes) -> str:
        """State that there is an agent; its identifier."""
        return self._element(self._prov.PROV_AGENT, id, (), attributes)

    def activity(
        self, id: str, started: datetime | None, ended: datetime | None, attributes: Attributes
    ) -> str:
        """State that something took place; its identifier."""
        prov = self._prov
        times = ((prov.PROV_ATTR_STARTTIME, started), (prov.PROV_ATTR_ENDTIME, ended))
        return self._element(prov.PROV_ACTIVITY, id, times, attributes)

    def used(
        self, id: str, activity: str, entity: str, time: datetime | None, attributes: Attributes
    ) -> str:
        """State that an activity used an entity; the statement's identifier."""
        prov = self._prov
        places = (prov.PROV_ATTR_ACTIVITY, prov.PROV_ATTR_ENTITY)
        return self._relation(prov.PROV_USAGE, id, places, (activity, entity), attributes, time)

    def generated(
        self, id: str, entity: str, activity: str, time: datetime | None, attributes: Attributes
    ) -> str:
        """State that an activity made an entity; the statement's identifier."""
        prov = self._prov
        places = (prov.PROV_ATTR_ENTITY, prov.PROV_ATTR_ACTIVITY)
        names = (entity, activity)
        return self._relation(prov.PROV_GENERATION, id, places, names, attributes, time)

    def derived(
        self, id: str, entity: str, source: str, activity: str, generation: str, usage: str
    ) -> None:
        """State that an entity was made from another, and by which generation and usage."""
        prov = self._prov
        places = (
            *(prov.PROV_ATTR_GENERATED_ENTITY, prov.PROV_ATTR_USED_ENTITY),
            *(prov.PROV_ATTR_ACTIVITY, prov.PROV_ATTR_GENERATION, prov.PROV_ATTR_USAGE),
        )
        names = (entity, source, activity, generation, usage)
        self._relation(prov.PROV_DERIVATION, id, places, names)

    def associated(
        self,
        id: str,
        activity: str,
        agent: str,
        plan: str | None = None,
        attributes: Attributes = (),
    ) -> None:
        """State that an agent was responsible for an activity, perhaps by a plan."""
        prov = self._prov
        places = (prov.PROV_ATTR_ACTIVITY, prov.PROV_ATTR_AGENT, prov.PROV_ATTR_PLAN)
        self._relation(prov.PROV_ASSOCIATION, id, places, (activity, agent, plan), attributes)

    def acted_for(self, id: str, delegate: str, responsible: str, activity: str) -> None:
        """State that one agent acted for another in an activity."""
        prov = self._prov
        places = (prov.PROV_ATTR_DELEGATE, prov.PROV_ATTR_RESPONSIBLE, prov.PROV_ATTR_ACTIVITY)
        self._relation(prov.PROV_DELEGATION, id, places, (delegate, responsible, activity))

    def informed(self, activity: str, informant: str) -> None:
        """State that an activity used something of another."""
        prov = self._prov
        places = (prov.PROV_ATTR_INFORMED, prov.PROV_ATTR_INFORMANT)
        self._relation(prov.PROV_COMMUNICATION, None, places, (activity, informant))

    def specialized(self, specific: str, general: str) -> None:
        """State that an entity is another, seen more closely."""
        prov = self._prov
        places = (prov.PROV_ATTR_SPECIFIC_ENTITY, prov.PROV_ATTR_GENERAL_ENTITY)
        self._relation(prov.PROV_SPECIALIZATION, None, places, (specific, general))

    def alternates(self, first: str, second: str) -> None:
        """State that two entities present the same thing."""
        prov = self._prov
        places = (prov.PROV_ATTR_ALTERNATE1, prov.PROV_ATTR_ALTERNATE2)
        self._relation(prov.PROV_ALTERNATE, None, places, (first, second))

    def member(self, collection: str, entity: str) -> None:
        """State that an entity is in a collection."""
        prov = self._prov
        places = (prov.PROV_ATTR_COLLECTION, prov.PROV_ATTR_ENTITY)
        if self.once(f"{collection} {entity}"):
            self._relation(prov.PROV_MEMBERSHIP, None, places, (collection, entity))

    def _element(
        self,
        kind: QualifiedName,
        id: str,
        formal: Sequence[tuple[QualifiedName, Any]],
        attributes: Attributes,
    ) -> str:
        if self.once(id):
            pairs = [*formal, *self._pairs(attributes)]
            self.document.new_record(kind, self.name(id), pairs)
        return id

    def _relation(
        self,
        kind: QualifiedName,
        id: str | None,
        places: Sequence[QualifiedName],
        names: Sequence[str | None],
        attributes: Attributes = (),
        time: datetime | None = None,
    ) -> str:
        pairs: list[tuple[QualifiedName, Any]] = [
            (place, self.name(name))
            for place, name in zip(places, names, strict=True)
            if name is not None
        ]
        if time is not None:
            pairs.append((self._prov.PROV_ATTR_TIME, time))
        pairs += self._pairs(attributes)
        self.document.new_record(kind, None if id is None else self.name(id), pairs)
        return id or ""

    def _pairs(self, attributes: Attributes) -> Iterator[tuple[QualifiedName, Any]]:
        for name, value in attributes:
            if value is not None:
                yield self.term(name), self._value(value)

    def _value(self, value: Any) -> Any:
        if not isinstance(value, str) or fits(value):
            return value
        from prov.model import Literal

        return Literal(escaped(value), self.term("EscapedText"))
