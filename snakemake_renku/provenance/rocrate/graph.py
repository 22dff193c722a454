"""The graph of a crate: flattened JSON-LD, one object for each entity.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1), section "RO-Crate Metadata File".
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

CRATE = "https://w3id.org/ro/crate/1.1"
TERMS = "https://w3id.org/ro/terms/workflow-run"
CONTEXT = (f"{CRATE}/context", f"{TERMS}/context")

Ref = dict[str, str]


class Graph:
    """Entities by their identifiers, in the order in which they were added."""

    def __init__(self) -> None:
        self._entities: dict[str, dict[str, Any]] = {}

    def __contains__(self, id: str) -> bool:
        return id in self._entities

    def add(self, id: str, type: str | Iterable[str], **properties: Any) -> Ref:
        """Add an entity if it is not there yet, and return a reference to it.

        Properties that are None or empty are left out; a trailing underscore in a name is cut off.
        """
        if id not in self._entities:
            kind = type if isinstance(type, str) else list(type)
            self._entities[id] = {"@id": id, "@type": kind}
            self.set(id, **properties)
        return {"@id": id}

    def get(self, id: str) -> Mapping[str, Any]:
        """An entity that is there."""
        return self._entities[id]

    def set(self, id: str, **properties: Any) -> None:
        """Give properties to an entity that is there."""
        for name, value in properties.items():
            if value not in (None, "", (), [], {}):
                self._entities[id][name.rstrip("_")] = value

    def link(self, id: str, property: str, to: Ref) -> None:
        """Add a reference to those that an entity has under ``property``."""
        links = self._entities[id].setdefault(property, [])
        if to not in links:
            links.append(to)

    def encode(self) -> bytes:
        """The metadata file; the same bytes for the same entities."""
        entities = [
            {name: _single(value) for name, value in entity.items()}
            for entity in self._entities.values()
        ]
        document = {"@context": list(CONTEXT), "@graph": entities}
        return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _single(value: Any) -> Any:
    """One value stands without a list around it, as the specification recommends."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def local(*parts: str) -> str:
    """An identifier within the crate, of parts that may hold anything."""
    return "#" + "/".join(quote(part, safe="") for part in parts)


def moment(seconds: float) -> str:
    """A time (seconds since the epoch) in ISO 8601, UTC, to the millisecond."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}+00:00"
