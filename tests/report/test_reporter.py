"""``snakemake --reporter renku``, on a workflow that really ran."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_report_plugin_renku import Reporter, ReportSettings

from snakemake_renku.journal import find_run, read_run

from .conftest import NewPage
from .journals import Journal

WORKFLOW = """
rule all:
    input: "results/sum.txt"
rule count:
    output: "results/{name}.txt"
    wildcard_constraints: name="a|b"
    resources: mem_mb=100
    shell: "echo 1 > {output}"
rule sum:
    input: "results/a.txt", "results/b.txt"
    output: "results/sum.txt"
    shell: "echo summing >&2; cat {input} > {output}"
"""


def snakemake(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in no git repository, in which the workflow ran."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "Snakefile").write_text(WORKFLOW)
    done = snakemake(folder, "--executor", "renku", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    return folder


def reporter(**settings: Any) -> Reporter:
    """The reporter as Snakemake makes it; of all that it hands over, only the settings count."""
    return Reporter({}, {}, [], [], ReportSettings(**settings), "", None)


def test_it_shows_the_run_of_the_working_directory(project: Path, show: NewPage) -> None:
    done = snakemake(project, "--reporter", "renku", "--report-renku-path", "named.html")
    assert done.returncode == 0, done.stderr
    page = show(project / "named.html")
    assert read_run(find_run(project)).info.run in page.text("#run")
    assert "4 jobs" in page.text("#jobs")
    page.type("#job-search", "sum.txt")
    page.click("#jobs tbody a")
    assert "cat results/a.txt results/b.txt > results/sum.txt" in page.text("#panel")
    assert "summing" in page.text("#panel")
    assert page.complaints == []


def test_by_default_it_writes_report_html(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    reporter().render()
    assert (project / "report.html").read_bytes().startswith(b"<!DOCTYPE html>")


def test_another_run_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for run in ("20260101T000000.000-aaaa", "20260102T000000.000-bbbb"):
        Journal(tmp_path, run=run).end()
    monkeypatch.chdir(tmp_path)
    reporter(run="20260101", path=Path("first.html")).render()
    assert "<title>Run 20260101T000000.000-aaaa" in Path("first.html").read_text()


def test_a_run_that_is_not_there_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Journal(tmp_path).end()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkflowError, match=r"No run 'nope' was recorded.*snakemake-renku log"):
        reporter(run="nope").render()
