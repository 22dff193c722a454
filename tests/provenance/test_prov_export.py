"""The command ``snakemake-renku export prov``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from snakemake_renku.cli import main
from snakemake_renku.journal import VERDICTS, encode_verdict

from .prov_journals import START, Journal, made
from .test_prov_verdicts import verdict


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs, ``…-0001`` with the activity 1.1, and ``…-0002`` with 7.1."""
    one, two = Journal(tmp_path), Journal(tmp_path, "20260101T010000.000-0002", START + 3600)
    one.job("1.1", [], [made("a")])
    two.job("7.1", [made("a", role="input")], [made("b")])
    one.end()
    two.end()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def attempts(text: str) -> list[str]:
    names = json.loads(text)["activity"]
    return [name.rpartition("__")[2] for name in names if "attempt__" in name]


def test_the_latest_run_is_written_to_standard_output(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["export", "prov"]) == 0
    assert attempts(capfdbinary.readouterr().out.decode()) == ["7.1"]


def test_runs_are_named_by_the_beginnings_of_their_names(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["export", "prov", "20260101T000000", "latest"]) == 0
    assert attempts(capfdbinary.readouterr().out.decode()) == ["1.1", "7.1"]


def test_all_runs_are_written_into_one_document(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["export", "prov", "--all"]) == 0
    assert attempts(capfdbinary.readouterr().out.decode()) == ["1.1", "7.1"]


def test_verdicts_that_were_kept_are_in_it(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (folder / VERDICTS).mkdir(parents=True)
    kept = verdict(runs=("20260101T000000.000-0001",))
    (folder / VERDICTS / f"{kept.id}.json").write_bytes(encode_verdict(kept))
    assert main(["export", "prov", "--all"]) == 0
    activities = json.loads(capfdbinary.readouterr().out)["activity"]
    assert f"record:replay__{kept.id}" in activities


def test_verdicts_on_other_runs_are_not_in_it(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (folder / VERDICTS).mkdir(parents=True)
    kept = verdict(runs=("20260101T000000.000-0001",))
    (folder / VERDICTS / f"{kept.id}.json").write_bytes(encode_verdict(kept))
    assert main(["export", "prov", "latest"]) == 0
    activities = json.loads(capfdbinary.readouterr().out)["activity"]
    assert f"record:replay__{kept.id}" not in activities


@pytest.mark.parametrize(
    ("format", "start"),
    [("json", b'{"prefix"'), ("provn", b"document"), ("xml", b"<?xml"), ("turtle", b"@prefix")],
)
def test_a_file_is_written_in_the_format_that_is_asked_for(
    folder: Path, format: str, start: bytes
) -> None:
    assert main(["export", "prov", "--format", format, "--output", "out"]) == 0
    assert (folder / "out").read_bytes().startswith(start)


def test_a_file_takes_the_place_of_another_only_when_it_is_whole(folder: Path) -> None:
    (folder / "out").write_text("before")
    assert main(["export", "prov", "--output", "out"]) == 0
    assert (folder / "out").read_bytes().endswith(b"}\n")
    assert sorted(path.name for path in folder.iterdir()) == [".snakemake", "out"]


def test_a_journal_that_contradicts_itself_is_refused_and_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(tmp_path)
    journal.job("1.1", [made("b", role="input")], [made("a")])
    journal.job("2.1", [made("a", role="input")], [made("b")])
    journal.end()
    out = tmp_path / "out"
    assert main(["export", "prov", "--directory", str(tmp_path), "--output", str(out)]) == 2
    told = capsys.readouterr().err
    assert "constraint 42" in told
    assert "(a)" in told
    assert "(b)" in told
    assert [path.name for path in tmp_path.iterdir()] == [".snakemake"]


def test_a_place_that_cannot_be_written_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "prov", "--output", "missing/out"]) == 2
    assert "Cannot write missing/out" in capsys.readouterr().err


def test_a_run_that_is_not_there_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "prov", "1999"]) == 2
    assert "1999" in capsys.readouterr().err


def test_a_folder_without_runs_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "prov", "--all", "--directory", str(tmp_path)]) == 2
    assert "No run was recorded" in capsys.readouterr().err


def test_all_and_a_name_exclude_each_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "prov", "latest", "--all"]) == 2
    assert "--all" in capsys.readouterr().err


@pytest.mark.parametrize(("package", "format"), [("prov", "json"), ("lxml", "xml")])
def test_a_missing_package_is_named_with_what_installs_it(
    folder: Path, package: str, format: str
) -> None:
    blocked = f"import sys; sys.modules[{package!r}] = None; "
    code = blocked + "from snakemake_renku.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "export", "prov", "--format", format]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 2
    assert package in done.stderr
    assert "pip install 'snakemake-renku[provenance]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_turtle_needs_no_package_but_prov(folder: Path) -> None:
    blocked = "import sys; sys.modules['rdflib'] = sys.modules['lxml'] = None; "
    code = blocked + "from snakemake_renku.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "export", "prov", "--format", "turtle"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    assert done.stdout.startswith(b"@prefix")


def test_a_crate_without_a_destination_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "rocrate"]) == 2
    assert "destination" in capsys.readouterr().err
