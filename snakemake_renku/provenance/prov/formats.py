"""A PROV document as bytes, in each of the formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO, Literal

import msgspec

from snakemake_renku.journal import RunHistory
from snakemake_renku.model import Verdict
from snakemake_renku.provenance.prov.build import document_of_runs, document_of_verdict
from snakemake_renku.provenance.prov.constraints import check
from snakemake_renku.provenance.prov.document import missing_package

if TYPE_CHECKING:
    from prov.model import ProvDocument

Format = Literal["json", "provn", "xml", "turtle"]


def write(
    runs: Sequence[RunHistory],
    destination: BinaryIO,
    *,
    format: Format,
    verdicts: Sequence[Verdict] = (),
) -> None:
    """Write all that is recorded of ``runs``, and the ``verdicts`` on them, as W3C PROV.

    ``json`` is PROV-JSON (W3C submission), ``provn`` PROV-N, ``xml`` PROV-XML, ``turtle`` PROV-O.
    The same journals and verdicts give the same bytes, in whatever order and folder.

    Raises:
        ExportError: the provenance breaks a constraint of PROV, or a package is missing.
    """
    _write(document_of_runs(runs, verdicts), destination, format)


def write_verdict(
    verdict: Verdict,
    runs: Sequence[RunHistory],
    destination: BinaryIO,
    *,
    format: Format = "json",
) -> None:
    """Write a verdict alone, with the files that it is about and the attempts that made them.

    Of ``runs``, those that the verdict names are told of; what is known only from the verdict, if
    the journal of a run is not among them, is stated as well.

    Raises:
        ExportError: the provenance breaks a constraint of PROV, or a package is missing.
    """
    _write(document_of_verdict(verdict, runs), destination, format)


def _write(document: ProvDocument, destination: BinaryIO, format: Format) -> None:
    check(document)
    _WRITERS[format](document, destination)


def _json(document: ProvDocument, destination: BinaryIO) -> None:
    """One record a line: read, compared and searched more easily, and written with less memory."""
    from prov.serializers.provjson import encode_json_document

    start = b"{"
    for kind, records in encode_json_document(document).items():
        destination.write(start + msgspec.json.encode(kind) + b": {")
        between = b"\n "
        for name, record in records.items():
            line = (between, msgspec.json.encode(name), b": ", msgspec.json.encode(record))
            destination.write(b"".join(line))
            between = b",\n "
        destination.write(b"\n}")
        start = b",\n"
    destination.write(b"}\n")


def _provn(document: ProvDocument, destination: BinaryIO) -> None:
    document.serialize(destination, format="provn")
    destination.write(b"\n")


def _xml(document: ProvDocument, destination: BinaryIO) -> None:
    try:
        import_module("lxml.etree")
    except ImportError as error:
        raise missing_package("lxml", error) from error
    document.serialize(destination, format="xml")


def _turtle(document: ProvDocument, destination: BinaryIO) -> None:
    from snakemake_renku.provenance.prov.turtle import write_turtle

    write_turtle(document, destination)


_WRITERS: dict[Format, Callable[[ProvDocument, BinaryIO], None]] = {
    "json": _json,
    "provn": _provn,
    "xml": _xml,
    "turtle": _turtle,
}
