"""Whether a PROV document holds to the constraints of PROV.

The numbers are those of *Constraints of the PROV Data Model* (W3C Recommendation, 30 April 2013).
Checked are those of keys and uniqueness (22–29), of the order of events (30–49), of types (50, 55)
and of what is impossible (51–54, 56). Events are ordered by what is stated of them, which is the
test of the Recommendation; where they have times as well, these must not contradict that order,
which it leaves to applications. Beyond it, what a statement refers to must be in the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from snakemake_renku.errors import ExportError
from snakemake_renku.provenance.prov.constraints.events import misordered
from snakemake_renku.provenance.prov.constraints.identity import misidentified
from snakemake_renku.provenance.prov.constraints.statements import Violation, statements_of
from snakemake_renku.provenance.prov.constraints.uniqueness import ambiguous

if TYPE_CHECKING:
    from prov.model import ProvDocument

__all__ = ["Violation", "check", "violations"]


def check(document: ProvDocument) -> None:
    """Do nothing if the document is valid.

    Raises:
        ExportError: it is not; the message names the first constraint that is broken, and how.
    """
    found = list(violations(document))
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ExportError(
            f"The provenance would be invalid: {_labelled(str(found[0]), document)}{more}.",
            remedy="The journal contradicts itself; `snakemake-renku show` tells what it says.",
        )


def violations(document: ProvDocument) -> Iterator[Violation]:
    """What breaks a constraint, in the document and in each of its bundles for itself."""
    for bundle in (document, *document.bundles):
        statements = statements_of(bundle)
        yield from misidentified(statements)
        yield from ambiguous(statements)
        yield from misordered(statements)


def _labelled(message: str, document: ProvDocument) -> str:
    """The message with what people call the things behind the identifiers in it."""
    labels = {str(one.identifier): one.label for one in document.get_records()}

    def with_label(found: re.Match[str]) -> str:
        name = found.group()
        label = labels.get(name, name)
        return name if label == name else f"{name} ({label})"

    return re.sub(r"[\w-]+:[\w.-]+", with_label, message)
