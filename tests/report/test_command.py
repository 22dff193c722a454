"""``snakemake-renku report``, and where it writes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from snakemake_renku.cli import main
from snakemake_renku.errors import ExportError
from snakemake_renku.journal import RECORDED_RUNS, RECORDS
from snakemake_renku.report.write import write

from .journals import Journal, keep, varied, verdict


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_it_reports_on_the_latest_run(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Journal(workdir, run="20260101T000000.000-aaaa").end()
    varied(workdir)
    assert main(["report"]) == 0
    assert (
        b"<title>Run 20260528T202640.000-abcd: failed</title>" in Path("report.html").read_bytes()
    )
    said = capsys.readouterr().out
    assert said.startswith("report.html: 20260528T202640.000-abcd, failed, 7 jobs, ")


def test_a_run_can_be_named_by_its_beginning(workdir: Path) -> None:
    Journal(workdir, run="20260101T000000.000-aaaa").end()
    varied(workdir)
    assert main(["report", "202601", "--output", "first.html"]) == 0
    assert (
        b"<title>Run 20260101T000000.000-aaaa: success</title>" in Path("first.html").read_bytes()
    )


def test_where_there_is_no_run_it_says_so(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report"]) == 2
    assert "No run was recorded in" in capsys.readouterr().err
    assert os.listdir() == []


def test_a_clone_gives_the_same_report_from_what_travels_in_git(
    workdir: Path, tmp_path: Path
) -> None:
    journal = varied(workdir)
    keep(workdir, verdict())
    (workdir / RECORDED_RUNS).mkdir()
    shutil.copy(journal, workdir / RECORDED_RUNS)
    clone = tmp_path / "clone"
    shutil.copytree(workdir / RECORDS, clone / RECORDS)
    assert main(["report", "--output", "here.html"]) == 0
    assert main(["report", "--directory", str(clone), "--output", "there.html"]) == 0
    assert Path("here.html").read_bytes() == Path("there.html").read_bytes()


def test_a_verdict_that_cannot_be_read_is_told_and_passed_over(workdir: Path) -> None:
    varied(workdir)
    keep(workdir, verdict())
    (workdir / ".snakemake-renku/verdicts/bad.json").write_text("<<<<<<< HEAD\n")
    assert main(["report"]) == 0
    assert b"The verdict bad.json cannot be read." in Path("report.html").read_bytes()


def test_a_file_that_is_there_is_replaced(workdir: Path) -> None:
    varied(workdir)
    Path("report.html").write_text("old")
    assert main(["report"]) == 0
    assert Path("report.html").read_bytes().startswith(b"<!DOCTYPE html>")
    assert sorted(os.listdir()) == [".snakemake", "report.html"]


def test_a_link_is_replaced_and_not_written_through(workdir: Path) -> None:
    Path("annexed").write_text("an object that others share")
    Path("report.html").symlink_to("annexed")
    write(Path("report.html"), b"new")
    assert not Path("report.html").is_symlink()
    assert Path("annexed").read_text() == "an object that others share"


def test_a_new_file_has_the_usual_rights(workdir: Path) -> None:
    mask = os.umask(0o027)
    try:
        write(Path("report.html"), b"new")
    finally:
        os.umask(mask)
    assert Path("report.html").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("place", ["nowhere/report.html", "/proc/report.html", "."])
def test_where_it_cannot_be_written_it_says_so(workdir: Path, place: str) -> None:
    with pytest.raises(ExportError, match="Cannot write"):
        write(Path(place), b"new")
    assert os.listdir() == []


def test_a_name_as_long_as_can_be_is_written(workdir: Path) -> None:
    name = "r" * 250 + ".html"
    write(Path(name), b"new")
    assert os.listdir() == [name]
