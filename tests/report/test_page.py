"""The page as a file: what is in it, and what never is."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from snakemake_renku.journal import read_run
from snakemake_renku.report import page
from snakemake_renku.report.page import PROGRAM, STYLE

from .journals import HOSTILE, Journal, keep, step, varied, verdict


class Parts(html.parser.HTMLParser):
    """The elements of a page, and the text within its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inside = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in self.texts:
            self.texts[tag].append("")

        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside in self.texts:
            self.texts[self.inside][-1] += data


@pytest.fixture
def text(tmp_path: Path) -> str:
    return page(read_run(varied(tmp_path)), [verdict()]).decode()


def test_nothing_in_a_run_becomes_an_element(text: str, tmp_path: Path) -> None:
    empty = page(read_run(Journal(tmp_path / "empty").end())).decode()
    assert [tag for tag, _ in Parts(text).tags] == [tag for tag, _ in Parts(empty).tags]


def test_the_data_are_what_they_were(text: str) -> None:
    data, _ = Parts(text).texts["script"]
    document = json.loads(data)
    assert document["verdicts"][0]["others"][0]["path"] == HOSTILE


def test_the_policy_allows_this_style_and_this_program_alone(text: str) -> None:
    parts = Parts(text)
    policy = next(
        str(attributes["content"])
        for _, attributes in parts.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    for directive, code in (
        ("script-src", parts.texts["script"][1]),
        ("style-src", parts.texts["style"][0]),
    ):
        hashed = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{directive} 'sha256-{hashed}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_nothing_outside_of_the_page_is_named_as_part_of_it(text: str) -> None:
    parts = Parts(text)
    sources = [
        value
        for _, attributes in parts.tags
        for key, value in attributes.items()
        if key in ("src", "href", "srcset", "data", "action")
    ]
    assert sources == ["data:,", "#content"]
    assert "@import" not in parts.texts["style"][0]
    assert "url(" not in parts.texts["style"][0]
    program = parts.texts["script"][1]
    for means in ("fetch(", "XMLHttpRequest", "WebSocket", "import(", "sendBeacon", "innerHTML"):
        assert means not in program


def test_a_title_is_text(tmp_path: Path) -> None:
    journal = Journal(tmp_path, run="<b>&", snakefile=HOSTILE)
    found = Parts(page(read_run(journal.end())).decode())
    assert found.texts["title"] == ["Run <b>&: success"]
    assert "b" not in [tag for tag, _ in found.tags]


def test_all_assets_stand_in_the_page() -> None:
    import snakemake_renku.report

    folder = Path(snakemake_renku.report.__file__).parent / "assets"
    names = {f"{name}.js" for name in PROGRAM} | {f"{name}.css" for name in STYLE} | {"page.html"}
    assert {path.name for path in folder.iterdir()} == names


def test_the_same_run_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    varied(tmp_path)
    keep(tmp_path, verdict())
    digests = set()
    for seed in ("1", "2"):
        output = tmp_path / f"{seed}.html"
        command = [sys.executable, "-m", "snakemake_renku", "report", "--output", str(output)]
        subprocess.run(
            command, cwd=tmp_path, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        digests.add(hashlib.sha256(output.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_report_on_5000_jobs_keeps_to_5_mb(large: Path) -> None:
    assert large.stat().st_size < 5_000_000


def test_a_reader_without_javascript_learns_how_the_run_ended(text: str) -> None:
    note = re.search("<noscript>(.*)</noscript>", text)
    assert note is not None
    assert "Run 20260528T202640.000-abcd: failed" in note[1]
    assert "2 failed, 2 interrupted, 3 success" in note[1]


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_all_text_has_the_contrast_of_wcag_aa(scheme: int) -> None:
    import snakemake_renku.report

    colours = Path(snakemake_renku.report.__file__).parent / "assets" / "colours.css"
    light, dark = colours.read_text().split("@media")
    values = dict(re.findall(r"--([\w-]+): (#\w{6});", (light, dark)[scheme]))
    papers = ("paper", "raised", "sunken", "failed-paper")
    inks = (
        "ink",
        "muted",
        "accent",
        "good",
        "failed",
        "cancelled",
        "interrupted",
        "running",
        "submitted",
        "warn",
    )
    weak = []
    for ink in inks:
        for paper in papers:
            pair = sorted((_luminance(values[ink]), _luminance(values[paper])))
            ratio = (pair[1] + 0.05) / (pair[0] + 0.05)
            if ratio < 4.5:
                weak.append((ink, paper, round(ratio, 2)))
    assert weak == []


def test_large_values_in_wildcards_and_params_are_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.job("1.1", step("a", params={"list": list(range(10_000))}))
    assert b"9999" in page(read_run(journal.end()))
