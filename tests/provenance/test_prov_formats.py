"""The four formats: read back by other programs, equal, valid, and always the same bytes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest
from prov.model import Literal, ProvDocument
from rdflib import Graph, URIRef
from rdflib.term import BNode

from snakemake_renku.cli import main
from snakemake_renku.journal import RunHistory
from snakemake_renku.provenance.prov import Format, check, document_of_runs
from snakemake_renku.provenance.prov.names import RECORD, RENKU, spelled
from snakemake_renku.provenance.prov.values import escaped, fits

from .prov_journals import HOSTILE, Journal, made, names, rich, written

FORMATS: tuple[Format, ...] = get_args(Format)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
"""What is an NCName of XML, a local name of PROV-N and one of Turtle, without any escape."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunHistory]:
    return rich(tmp_path_factory.mktemp("rich"))


@pytest.fixture(scope="module")
def document(runs: list[RunHistory]) -> ProvDocument:
    return document_of_runs(runs)


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """What the package ``prov`` warns of is no PROV, or will be none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The package's own use of rdflib is deprecated; that is not ours to mend.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield


def records(document: ProvDocument) -> Counter[Any]:
    """Records as values; a Counter, as the equality of documents forgets how often they come."""
    return Counter(
        (record.get_type(), record.identifier, frozenset(map(_typed, record.attributes)))
        for record in document.get_records()
    )


def _typed(pair: tuple[Any, Any]) -> tuple[Any, type, Any]:
    name, value = pair
    return name, type(value), value


def test_the_sample_has_something_of_everything(document: ProvDocument) -> None:
    kinds = {record.get_type().localpart for record in document.get_records()}
    assert kinds == {
        *("Entity", "Activity", "Agent", "Usage", "Generation", "Derivation", "Association"),
        *("Delegation", "Communication", "Specialization", "Membership"),
    }


@pytest.mark.parametrize("format", ["json", "provn", "xml"])
def test_what_was_written_reads_back_as_the_same_records(
    runs: list[RunHistory], document: ProvDocument, format: Format
) -> None:
    data = BytesIO(written(runs, format))
    read = ProvDocument.deserialize(data, format=format)
    assert records(read) == records(document)


def test_prov_n_holds_to_the_grammar_of_the_recommendation(runs: list[RunHistory]) -> None:
    data = BytesIO(written(runs, "provn"))
    read = ProvDocument.deserialize(data, format="provn", profile="strict")
    assert len(read.get_records()) == len(document_of_runs(runs).get_records())


def test_turtle_reads_back_as_the_same_records_and_the_plain_relations(
    runs: list[RunHistory], document: ProvDocument
) -> None:
    data = BytesIO(written(runs, "turtle"))
    read = ProvDocument.deserialize(data, format="rdf", rdf_format="turtle")
    missing, more = records(document) - records(read), records(read) - records(document)
    assert missing == Counter()
    assert {identifier for _, identifier, _ in more} == {None}
    assert {kind.localpart for kind, _, _ in more} <= {
        *("Usage", "Generation", "Derivation", "Association", "Delegation"),
    }


def test_turtle_says_what_the_package_prov_says_in_rdf(
    runs: list[RunHistory], document: ProvDocument
) -> None:
    ours, theirs = Graph(), Graph()
    ours.parse(data=written(runs, "turtle"), format="turtle")
    theirs.parse(data=document.serialize(format="rdf", rdf_format="turtle"), format="turtle")
    assert set(theirs) <= set(ours)
    assert set(ours) - set(theirs) == set(plain_relations(document)) - set(theirs)
    assert not any(isinstance(node, BNode) for triple in ours for node in triple)


def plain_relations(document: ProvDocument) -> Iterator[tuple[URIRef, URIRef, URIRef]]:
    properties = {
        "Usage": "used",
        "Generation": "wasGeneratedBy",
        "Derivation": "wasDerivedFrom",
        "Association": "wasAssociatedWith",
        "Delegation": "actedOnBehalfOf",
    }
    for record in document.get_records():
        name = properties.get(record.get_type().localpart)
        if name is not None:
            subject, target, *_ = record.args
            predicate = URIRef(f"http://www.w3.org/ns/prov#{name}")
            yield URIRef(subject.uri), predicate, URIRef(target.uri)


def test_turtle_can_be_asked_for_a_chain_of_derivations(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.job("1.1", [], [made("a")], (1.0, 2.0))
    journal.job("2.1", [made("a", role="input")], [made("b")], (3.0, 4.0))
    journal.job("3.1", [made("b", role="input")], [made("c")], (5.0, 6.0))
    graph = Graph()
    graph.parse(data=written([journal.end()], "turtle"), format="turtle")
    found = graph.query(
        'SELECT ?path { ?c renku:path "c"; prov:wasDerivedFrom+ ?e. ?e renku:path ?path }'
    )
    assert {str(row.path) for row in found} == {"a", "b"}  # type: ignore[union-attr]


def test_json_has_one_record_a_line(runs: list[RunHistory], document: ProvDocument) -> None:
    text = written(runs, "json").decode()
    kinds = len(json.loads(text))
    prefixes = len(json.loads(text)["prefix"])
    assert len(text.splitlines()) == 2 * kinds + prefixes + len(document.get_records())


def test_xml_can_be_read_by_another_parser(runs: list[RunHistory], document: ProvDocument) -> None:
    root = ElementTree.fromstring(written(runs, "xml"))
    assert len(root) == len(document.get_records())


def test_each_name_of_ours_is_one_in_every_format(document: ProvDocument) -> None:
    ours = [name for name in names(document) if name.startswith((RECORD, RENKU))]
    local = {name.removeprefix(RECORD).removeprefix(RENKU) for name in ours}
    assert [name for name in local if not NAME.fullmatch(name)] == []


@pytest.mark.parametrize("part", [HOSTILE, "", ".", "a.", "-", "__", "_", "a_5F", "ü", "%", " "])
def test_any_part_can_be_spelled_in_a_name(part: str) -> None:
    assert NAME.fullmatch(spelled("kind", part, "1"))
    assert NAME.fullmatch(spelled("kind", "1", part))


def test_parts_that_differ_are_spelled_differently() -> None:
    parts = [("a", "b"), ("a_", "b"), ("a", "_b"), ("a__b",), ("a_5F", "b"), ("ab",), ("a.", "b")]
    assert len({spelled("kind", *part) for part in parts}) == len(parts)


def test_a_text_that_xml_cannot_hold_is_told_so_that_it_can_be_restored(
    document: ProvDocument,
) -> None:
    told = [
        value
        for record in document.get_records()
        for name, value in record.attributes
        if name.localpart == "path" and isinstance(value, Literal)
    ]
    assert {str(value.datatype) for value in told} == {"renku:EscapedText"}
    assert HOSTILE in {json.loads(f'"{value.value}"') for value in told}


@pytest.mark.parametrize(
    ("text", "does"), [("a\n\tb\r ü🧊", True), ("\x00", False), ("\ufffe", False)]
)
def test_only_what_xml_cannot_hold_is_escaped(text: str, does: bool) -> None:
    assert fits(text) is does
    assert json.loads(f'"{escaped(text)}"') == text


@pytest.mark.parametrize("format", FORMATS)
def test_the_order_of_the_runs_does_not_matter(runs: list[RunHistory], format: Format) -> None:
    assert written(runs, format) == written([*reversed(runs), runs[0]], format)


@pytest.mark.parametrize("format", FORMATS)
def test_another_process_writes_the_same_bytes(tmp_path: Path, format: Format) -> None:
    """Sets, and what else follows the seed of hashes, have no part in it."""
    expected = written(rich(tmp_path), format)
    command = [sys.executable, "-m", "snakemake_renku", "export", "prov", "--all"]
    found = [
        subprocess.run(
            [*command, "--format", format],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert found == [expected, expected]


@pytest.mark.parametrize("format", FORMATS)
def test_a_clone_elsewhere_writes_the_same_bytes(tmp_path: Path, format: Format) -> None:
    here, there = tmp_path / "here", tmp_path / "there" / "clone"
    here.mkdir()
    written_here = rich(here)
    records_folder = here / ".snakemake-renku" / "runs"
    records_folder.mkdir(parents=True)
    for run in written_here:
        (records_folder / run.path.name).write_bytes(run.path.read_bytes())
    git(here, "init", "-q")
    git(here, "add", "-f", ".snakemake-renku")
    git(here, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "runs")
    git(tmp_path, "clone", "-q", str(here), str(there))
    assert not (there / ".snakemake").exists()
    for place in (here, there):
        out = tmp_path / f"{place.name}.out"
        arguments = ["--all", "--format", format, "--output", str(out)]
        assert main(["export", "prov", "--directory", str(place), *arguments]) == 0
    assert (tmp_path / "here.out").read_bytes() == (tmp_path / "clone.out").read_bytes()


def git(folder: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


def test_the_bytes_are_those_of_the_last_release(tmp_path: Path) -> None:
    """A golden file: to change it is to change what others have compared with and quoted."""
    journal = Journal(tmp_path)
    journal.job("1.1", [], [made("a")], (1.0, 2.0))
    journal.job("2.1", [made("a", role="input")], [made("b")], (3.0, 4.0))
    golden = Path(__file__).parent / "prov_golden.provn"
    assert written([journal.end()], "provn").decode() == golden.read_text()


def test_the_package_prov_unifies_the_document_without_change(document: ProvDocument) -> None:
    assert records(document.unified()) == records(document)
    assert records(document.flattened()) == records(document)


def test_several_documents_of_the_same_runs_merge_into_one(runs: list[RunHistory]) -> None:
    together = ProvDocument()
    for run in runs:
        together.update(document_of_runs([run]))
    check(together.unified())
