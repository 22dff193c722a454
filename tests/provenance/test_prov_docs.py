"""``docs/prov.md`` lists the terms of our namespace, all of them and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import snakemake_renku.provenance.prov as prov
from snakemake_renku.provenance.prov import document_of_runs
from snakemake_renku.provenance.prov.constraints.statements import NAMES
from snakemake_renku.provenance.prov.names import PREFIXES, RENKU

from .prov_journals import names, rich
from .test_prov_verdicts import verdict

DOCS = Path(__file__).parents[2] / "docs" / "prov.md"
SOURCES = Path(prov.__file__).parent


@pytest.fixture(scope="module")
def documented() -> set[str]:
    """The terms in the first columns of the tables below the heading of the namespace."""
    _, _, text = DOCS.read_text().partition("## The namespace")
    text, _, _ = text.partition("## What it costs")
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return {term for cell in cells for term in re.findall(r"`(\w+)`", cell)}


def test_each_term_that_is_used_is_documented(tmp_path: Path, documented: set[str]) -> None:
    runs = rich(tmp_path)
    document = document_of_runs(runs, [verdict(runs=(runs[0].info.run,))])
    used = {name.removeprefix(RENKU) for name in names(document) if name.startswith(RENKU)}
    assert used - documented == set()


def test_each_term_that_is_documented_is_used(documented: set[str]) -> None:
    code = "\n".join(path.read_text() for path in SOURCES.glob("*.py"))
    roles = {"input", "output", "log", "benchmark", "script"}
    assert {term for term in documented if f'"{term}"' not in code} <= roles


def test_the_namespaces_are_documented() -> None:
    text = DOCS.read_text()
    assert PREFIXES["renku"] in text
    assert PREFIXES["record"] in text


def test_the_constraints_have_their_numbers() -> None:
    assert sorted(NAMES) == list(range(22, 57))
