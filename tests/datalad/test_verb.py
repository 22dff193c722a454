"""``snakemake-renku record``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from snakemake_renku.cli import main
from tests.datalad.lab import RUN, Lab, git

LATER = "20250102T000000.000-0002"


def make_run(lab: Lab, name: str = RUN, path: str = "a.txt") -> None:
    run = lab.run(name)
    run.job("make", makes={path: "a"})
    run.end()


def record(lab: Lab, *arguments: str) -> int:
    return main(["record", "--directory", str(lab.workdir), *arguments])


def test_the_latest_run_that_is_not_recorded_is_recorded(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(lab)
    assert record(lab) == 0
    assert capsys.readouterr().out == f"Recorded run {RUN} on main: 1 job, 1 file.\n"
    assert record(lab) == 0
    assert capsys.readouterr().out == "All runs are recorded.\n"


def test_a_run_can_be_named_by_its_beginning(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(lab)
    make_run(lab, LATER, "b.txt")
    assert record(lab, RUN[:8]) == 0
    assert RUN in capsys.readouterr().out
    assert record(lab, RUN) == 0
    assert "was already recorded in" in capsys.readouterr().out


def test_all_runs_are_recorded_the_oldest_first(lab: Lab) -> None:
    make_run(lab)
    make_run(lab, LATER, "b.txt")
    assert record(lab, "--all") == 0
    assert lab.subjects()[:4] == [
        "[DATALAD RUNCMD] make",
        f"Record of run {LATER}",
        "[DATALAD RUNCMD] make",
        f"Record of run {RUN}",
    ]


def test_of_all_runs_those_that_can_be_are_recorded(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(lab)
    make_run(lab, LATER, "b.txt")
    (lab.workdir / "a.txt").unlink()
    assert record(lab, "--all") == 2
    said = capsys.readouterr()
    assert f"Recorded run {LATER}" in said.out
    assert f"{RUN} is not recorded: Outputs of run" in said.err


def test_what_stands_in_the_way_is_said(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(lab)
    (lab.workdir / "a.txt").unlink()
    assert record(lab) == 2
    assert "--without-missing" in capsys.readouterr().err
    assert record(lab, "--without-missing") == 0


def test_a_dry_run_lists_the_commits(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(lab)
    assert record(lab, "--dry-run") == 0
    assert "  [DATALAD RUNCMD] make\n" in capsys.readouterr().out
    assert lab.subjects()[0] == "workflow"


def test_programs_get_json(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(lab)
    assert record(lab, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["recorded"]
    assert found["run"] == RUN
    assert found["commits"][-1] == found["head"] == git(lab.root, "rev-parse", "HEAD")
    assert found["files"] == {"annexed": 0, "in_git": 1}


def test_a_run_and_all_runs_cannot_both_be_asked_for(lab: Lab) -> None:
    make_run(lab)
    assert record(lab, RUN, "--all") == 2


def test_a_fresh_clone_knows_the_run(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(lab)
    record(lab)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(lab.root), str(clone)], check=True)
    capsys.readouterr()
    assert main(["record", "--directory", str(clone), RUN]) == 0
    assert "was already recorded" in capsys.readouterr().out
    assert main(["log", "--directory", str(clone), RUN]) == 0
    assert "make" in capsys.readouterr().out
