from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_renku.errors import NoSuchRun
from snakemake_renku.journal import JournalWriter, Redactor, find_run, list_runs

RUNS = ("20250101T000000-aaaaaa", "20250101T000000-aabbbb", "20250203T040506-cccccc")


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    for run in reversed(RUNS):
        JournalWriter(tmp_path, run, Redactor({})).close()
    return tmp_path


def test_runs_are_listed_oldest_first(workdir: Path) -> None:
    assert [path.stem for path in list_runs(workdir)] == list(RUNS)


def test_other_files_beside_the_journals_are_no_runs(workdir: Path) -> None:
    (list_runs(workdir)[0].parent / "notes.txt").write_text("")
    assert len(list_runs(workdir)) == 3


@pytest.mark.parametrize("name", [None, "latest"])
def test_without_a_name_the_latest_run_is_found(workdir: Path, name: str | None) -> None:
    assert find_run(workdir, name).stem == RUNS[-1]


@pytest.mark.parametrize("name", [RUNS[0], "20250101T000000-aaa"])
def test_a_run_is_found_by_its_name_or_the_beginning_of_it(workdir: Path, name: str) -> None:
    assert find_run(workdir, name).stem == RUNS[0]


def test_a_whole_name_goes_before_names_that_begin_with_it(workdir: Path) -> None:
    JournalWriter(workdir, RUNS[0] + "0", Redactor({})).close()
    assert find_run(workdir, RUNS[0]).stem == RUNS[0]


def test_a_beginning_that_several_runs_share_is_refused(workdir: Path) -> None:
    with pytest.raises(NoSuchRun, match=f"'202501': {RUNS[0]}, {RUNS[1]}") as caught:
        find_run(workdir, "202501")
    assert caught.value.remedy == "Give more of it."


def test_a_name_that_no_run_has_is_refused(workdir: Path) -> None:
    with pytest.raises(NoSuchRun, match="No run 'nine'") as caught:
        find_run(workdir, "nine")
    assert caught.value.remedy == "`snakemake-renku log` lists the runs."


def test_a_folder_without_runs_says_how_to_record_some(tmp_path: Path) -> None:
    assert list_runs(tmp_path) == []
    with pytest.raises(NoSuchRun, match="No run was recorded") as caught:
        find_run(tmp_path)
    assert "--executor renku" in str(caught.value)
