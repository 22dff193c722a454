"""The forms in which a lineage is written."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from snakemake_renku.lineage import find_target, read_records, trace
from snakemake_renku.lineage.picture import MOST_NODES, picture
from tests.lineage.conftest import Command
from tests.lineage.ledger import Ledger

HOSTILE = '<b>"&\'\n]]>{x}\x07\u202e-->\\ "; -> x'
SVG = "{http://www.w3.org/2000/svg}"

CHROMIUM = shutil.which("chromium")


@pytest.fixture
def hostile(ledger: Ledger) -> Ledger:
    ledger.job("make", makes={HOSTILE: "1"})
    ledger.job("use", reads=[HOSTILE], makes={"b": "2"})
    return ledger


def test_svg_is_well_formed_whatever_the_names_are(hostile: Ledger, renku: Command) -> None:
    root = ElementTree.fromstring(renku("lineage", "b", "--format", "svg").out)
    labels = [element.text for element in root.iter(f"{SVG}text")]
    assert any(label and label.startswith("<b>\"&'\\n") for label in labels)
    assert len(list(root.find(f"{SVG}g[@class='edges']") or [])) == 3


def test_dot_quotes_whatever_the_names_are(hostile: Ledger, renku: Command) -> None:
    lines = renku("lineage", "b", "--format", "dot").out.splitlines()
    quoted = r'"(?:[^"\\]|\\.)*"'
    node = re.compile(rf"  {quoted} \[label={quoted}, tooltip={quoted}(?:, .*)?\];")
    edge = re.compile(rf"  {quoted} -> {quoted};")
    body = lines[3:-1]
    assert all(node.fullmatch(line) or edge.fullmatch(line) for line in body)
    assert sum(bool(edge.fullmatch(line)) for line in body) == 3


def test_json_has_a_format_number_and_every_digest(hostile: Ledger, renku: Command) -> None:
    answer = renku("lineage", "b", "--format", "json").json
    assert answer["format"] == 1
    assert answer["files"][answer["target"]]["digest"].startswith("sha256:")
    assert {file["path"] for file in answer["files"].values()} == {HOSTILE, "b"}


def test_the_page_loads_nothing(hostile: Ledger, renku: Command) -> None:
    text = renku("lineage", "b", "--format", "html").out
    assert "default-src 'none'" in text
    assert not re.search(r'(?:src|href)="(?!#)', text)
    assert '<b>"' not in text


def test_a_file_is_written_where_one_asks(hostile: Ledger, renku: Command) -> None:
    assert renku("lineage", "b", "--format", "svg", "--output", "b.svg").out == ""
    assert Path("b.svg").read_text().startswith("<svg ")


def test_a_place_that_cannot_be_written_is_an_error_with_a_remedy(
    hostile: Ledger, renku: Command
) -> None:
    result = renku("lineage", "b", "--output", "no/such/folder/b")
    assert result.status == 2
    assert "--output" in result.err


def test_many_jobs_are_drawn_as_one_box_a_rule(ledger: Ledger) -> None:
    with ledger.run() as run:
        for n in range(MOST_NODES):
            run.job("many", makes={f"m{n}": str(n)})
        run.job("gather", reads=[f"m{n}" for n in range(MOST_NODES)], makes={"all": "1"})
    records = read_records(ledger.folder)
    drawing = picture(trace(records, find_target(records, "all"), asked="all"))
    assert [(each.node.label, each.node.detail) for each in drawing.nodes] == [
        ("gather", "1 job"),
        ("many", f"{MOST_NODES} jobs"),
        ("all", "1 B"),
    ]
    assert len(drawing.edges) == 2


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_in_a_browser_a_link_opens_the_job(hostile: Ledger, renku: Command, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    renku("lineage", "b", "--format", "html", "--output", str(page))
    jobs = re.findall(r'<details id="(job-[^"]*)"', page.read_text())
    opened = re.compile(rf'<details id="{jobs[1]}" open')
    assert not opened.search(page.read_text())
    assert opened.search(dom(f"{page.as_uri()}#{jobs[1]}", tmp_path / "profile"))


def dom(url: str, profile: Path) -> str:
    """The page as a real browser has it after its script ran."""
    options = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={profile}",
        "--dump-dom",
    )
    done = subprocess.run(
        [str(CHROMIUM), *options, url], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout
