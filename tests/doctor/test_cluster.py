"""The verb on a real cluster."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from snakemake_renku.cli import main
from snakemake_renku.doctor.accounts import account_check, associations

pytestmark = pytest.mark.skipif(
    not os.environ.get("RENKU_TEST_SLURM"), reason="RENKU_TEST_SLURM is not set: no Slurm here"
)


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    status = main(["doctor", "slurm", "--json", *words])
    return status, json.loads(capsys.readouterr().out)


def verdicts(report: Any) -> dict[str, str]:
    return {each["name"]: each["verdict"] for each in report["checks"]}


def test_a_job_looks_at_its_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, report = doctor(capsys, "--directory", str(tmp_path))
    assert status == 0
    found = verdicts(report)
    for name in ("job", "python", "snakemake", "renku", "folder", "files", "clocks"):
        assert found[name] == "ok"
    assert report["trial"]["facts"]["node"] in {each["name"] for each in report["cluster"]["nodes"]}
    assert list(tmp_path.iterdir()) == []


def test_the_job_goes_where_it_was_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--partition", "short", "--constraint", "fast", "--runtime", "2")
    status, report = doctor(capsys, "--directory", str(tmp_path), *words)
    assert status == 0
    assert report["trial"]["facts"]["node"] in ("n1", "n2")


def test_nothing_is_submitted_where_that_is_not_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, report = doctor(capsys, "--no-job", "--directory", str(tmp_path))
    assert (status, report["trial"]) == (0, None)


def test_a_partition_that_cannot_take_the_job_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--no-job", "--partition", "short", "--runtime", "60")
    status, report = doctor(capsys, "--directory", str(tmp_path), *words)
    assert (status, verdicts(report)["partition"]) == (1, "problem")


def test_an_account_that_is_not_ones_own_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--no-job", "--account", "others")
    status, report = doctor(capsys, "--directory", str(tmp_path), *words)
    assert (status, verdicts(report)["account"]) == (1, "problem")


@pytest.mark.parametrize("words", [("--threads", "0"), ("--gpu", "many"), ("--mem-mb", "4G")])
def test_what_is_no_number_is_refused(
    words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["doctor", "slurm", *words])
    assert words[1] in capsys.readouterr().err


def test_people_get_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "slurm", "--no-job", "--directory", str(tmp_path)]) == 0
    page = capsys.readouterr().out
    assert "no problems" in page
    assert "all (default)" in page


def test_the_accounts_are_those_of_sacctmgr() -> None:
    found = associations("root")
    assert not isinstance(found, str)
    said = subprocess.run(
        ["sacctmgr", "-nP", "show", "assoc", "user=root", "format=account"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert {each.account for each in found} == set(said.stdout.split())
    assert account_check("lab", None).verdict == "ok"
    assert account_check("lab", "nonesuch").verdict == "problem"


def test_without_slurm_nothing_can_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SLURM_JWT", raising=False)
    assert main(["doctor", "slurm", "--client", "commands", "--directory", str(tmp_path)]) == 2
    assert "error" in capsys.readouterr().err
