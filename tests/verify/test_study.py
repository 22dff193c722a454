"""Verifying a study that was really run, in its dataset and in a clone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.lineage import study
from tests.verify.conftest import Command


def replace(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def states(document: Any) -> dict[str, str]:
    return {each["path"]: each["state"] for each in document["files"]}


def kinds(document: Any) -> list[tuple[str, str | None]]:
    return [(each["kind"], each.get("path")) for each in document["problems"]]


def problem(document: Any, kind: str) -> Any:
    (found,) = [each for each in document["problems"] if each["kind"] == kind]
    return found


def test_all_holds_after_the_runs(here: Path, renku: Command) -> None:
    result = renku("verify", "--json")
    assert result.status == 0
    assert result.json["problems"] == []
    assert result.json["counts"] == {"temporary": 1, "ok": 11}
    assert result.json["chain"] == {"jobs": 6, "inputs": 8, "made": 6, "in_git": 2, "other": 0}
    assert result.json["journals"] == {"runs": 3, "recorded": 3, "committed": 3}


def test_with_all_the_jobs_of_older_runs_are_looked_at_too(here: Path, renku: Command) -> None:
    chain = renku("verify", "--all", "--json").json["chain"]
    assert chain == {"jobs": 12, "inputs": 17, "made": 14, "in_git": 3, "other": 0}


def test_an_edited_result_is_told_with_its_maker(here: Path, renku: Command) -> None:
    replace(here / "results" / "total.txt", "7\n")
    result = renku("verify", "--json")
    assert result.status == 1
    assert states(result.json)["results/total.txt"] == "changed"
    message = problem(result.json, "changed")["message"]
    assert f"{study.runs(here)[1]}/1.1 made sha256:deef1f08d39e" in message
    assert "No recorded run did that, and it is not committed" in message


def test_an_edit_that_was_committed_is_told_with_its_author(here: Path, renku: Command) -> None:
    replace(here / "results" / "total.txt", "7\n")
    study.commit(here, "Nicer total")
    commit = study.sh(here, "git", "rev-parse", "HEAD")[:10]
    message = problem(renku("verify", "--json").json, "changed")["message"]
    assert f"it came with commit {commit}, by A Modeller on " in message


def test_an_older_version_is_told_with_the_job_that_made_it(here: Path, renku: Command) -> None:
    study.sh(here, "git", "checkout", "--quiet", "HEAD~5", "--", "results/total.txt")
    message = problem(renku("verify", "--json").json, "changed")["message"]
    assert f"What is here is what {study.runs(here)[0]}/1.1 made before." in message


def test_a_missing_result_is_told_and_a_temporary_one_is_not(here: Path, renku: Command) -> None:
    (here / "results" / "end.txt").unlink()
    result = renku("verify", "--json")
    assert result.status == 1
    assert kinds(result.json) == [("missing", "results/end.txt")]


def test_a_changed_log_is_a_remark(here: Path, renku: Command) -> None:
    (here / "logs" / "1.log").write_text("more\n")
    result = renku("verify", "--json")
    assert result.status == 0
    assert kinds(result.json) == [("log", "logs/1.log")]


def test_an_edited_script_is_a_remark_that_names_the_commit(here: Path, renku: Command) -> None:
    with (here / "workflow" / "scripts" / "total.py").open("a") as file:
        file.write("# more\n")
    result = renku("verify", "--json")
    assert result.status == 0
    assert kinds(result.json) == [("edited", "workflow/scripts/total.py")]
    commit = study.sh(here, "git", "log", "--format=%H", "--grep=Better data")[:10]
    assert f"ran what commit {commit} holds" in result.json["problems"][0]["message"]


def test_only_what_a_path_rests_on_is_looked_at(here: Path, renku: Command) -> None:
    replace(here / "results" / "end.txt", "7\n")
    assert renku("verify", "results/total.txt").status == 0
    result = renku("verify", "results", "--json")
    assert kinds(result.json) == [("changed", "results/end.txt")]
    replace(here / "data" / "2.txt", "7\n")
    result = renku("verify", "results/total.txt", "--json")
    assert kinds(result.json) == [("changed", "data/2.txt")]


def test_a_file_that_nobody_recorded_fails_if_it_is_named(here: Path, renku: Command) -> None:
    (here / "results" / "stray").write_text("1")
    result = renku("verify", "results/stray", "--json")
    assert result.status == 1
    assert states(result.json)["results/stray"] == "unrecorded"
    result = renku("verify", "results", "--json")
    assert result.status == 0
    assert kinds(result.json) == [("unrecorded", "results/stray")]


def test_what_a_later_run_made_anew_is_superseded(here: Path, renku: Command) -> None:
    result = renku("verify", "--run", study.runs(here)[0], "--json")
    assert result.status == 0
    assert states(result.json)["results/total.txt"] == "superseded"
    assert states(result.json)["results/double/1.csv"] == "ok"


def test_in_a_clone_the_keys_tell_and_nothing_is_written(clone: Path, renku: Command) -> None:
    before = study.sh(clone, "git", "for-each-ref"), sorted(os.listdir(clone / ".git"))
    result = renku("verify", "--json")
    assert result.status == 0
    assert result.json["counts"] == {"elsewhere": 8, "temporary": 1, "ok": 3}
    found = {each["path"]: each.get("copies") for each in result.json["files"]}
    assert found["results/end.txt"] == 1
    assert (study.sh(clone, "git", "for-each-ref"), sorted(os.listdir(clone / ".git"))) == before


def test_content_of_which_no_copy_is_known_is_lost(
    here: Path, renku: Command, tmp_path: Path
) -> None:
    study.sh(here, "git", "annex", "drop", "--force", "--quiet", "data/1.txt", "results/end.txt")
    study.sh(tmp_path, "git", "clone", "--quiet", str(here), "clone")
    for folder in (here, tmp_path / "clone"):
        result = renku("verify", "--json", "--directory", str(folder))
        assert result.status == 1
        assert kinds(result.json) == [("lost", "data/1.txt"), ("lost", "results/end.txt")]


def test_copies_in_a_dead_repository_do_not_count(clone: Path, renku: Command) -> None:
    study.sh(clone, "git", "annex", "init", "--quiet")
    study.sh(clone, "git", "annex", "dead", "--quiet", "origin")
    result = renku("verify", "results/end.txt", "--json")
    assert ("lost", "results/end.txt") in kinds(result.json)


def test_after_a_get_the_content_is_hashed(clone: Path, renku: Command) -> None:
    study.sh(clone, "git", "annex", "get", "--quiet", "results/end.txt")
    assert states(renku("verify", "--json").json)["results/end.txt"] == "ok"


def test_damaged_content_in_the_annex_shows_unless_keys_are_trusted(
    here: Path, renku: Command
) -> None:
    content = (here / "results" / "end.txt").resolve()
    content.chmod(0o644)
    content.write_text("damaged\n")
    assert renku("verify").status == 1
    assert renku("verify", "--fast").status == 0


def test_an_unlocked_file_without_content_is_elsewhere(clone: Path, renku: Command) -> None:
    study.sh(clone, "git", "annex", "init", "--quiet")
    study.sh(clone, "git", "annex", "unlock", "--quiet", "results/end.txt")
    assert states(renku("verify", "--json").json)["results/end.txt"] == "elsewhere"


def test_a_clone_without_history_says_which_commits_it_lacks(
    finished_study: Path, tmp_path: Path, renku: Command
) -> None:
    url = finished_study.as_uri()
    study.sh(tmp_path, "git", "clone", "--quiet", "--depth=1", "--no-single-branch", url, "shallow")
    result = renku("verify", "--json", "--directory", str(tmp_path / "shallow"))
    assert result.status == 0
    assert {kind for kind, _ in kinds(result.json)} == {"commit"}


def test_a_journal_that_was_changed_here_is_told(here: Path, renku: Command) -> None:
    first = study.runs(here)[0]
    journal = here / ".snakemake-renku" / "runs" / f"{first}.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"exit_code":0', b'"exit_code":1'))
    result = renku("verify", "--json")
    assert result.status == 1
    told = [each["message"] for each in result.json["problems"] if each["kind"] == "tampered"]
    assert any("differs from the one that its run wrote" in message for message in told)
    assert any("It is not what is committed" in message for message in told)


def test_a_journal_that_was_changed_by_a_commit_is_told_in_a_clone(
    here: Path, renku: Command, tmp_path: Path
) -> None:
    first = study.runs(here)[0]
    journal = here / ".snakemake-renku" / "runs" / f"{first}.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"exit_code":0', b'"exit_code":1'))
    study.commit(here, "Nothing to see")
    study.sh(tmp_path, "git", "clone", "--quiet", str(here), "clone")
    result = renku("verify", "--json", "--directory", str(tmp_path / "clone"))
    assert result.status == 1
    assert "It was changed after it was committed" in problem(result.json, "tampered")["message"]


def test_a_run_that_is_not_recorded_is_a_remark(here: Path, renku: Command) -> None:
    study.sh(here, "git", "rm", "-r", "--quiet", ".snakemake-renku")
    study.sh(here, "git", "commit", "--quiet", "-m", "Gone")
    result = renku("verify", "--json")
    assert result.status == 0
    assert "3 runs are not recorded in git" in problem(result.json, "journal")["message"]


def test_without_git_files_and_links_between_jobs_are_looked_at(here: Path, renku: Command) -> None:
    for path in here.rglob("*"):
        if path.is_symlink():
            content = path.read_bytes()
            replace(path, "")
            path.write_bytes(content)
    study.sh(here, "chmod", "-R", "u+w", ".git")
    shutil.rmtree(here / ".git")
    result = renku("verify", "--json")
    assert result.status == 0
    assert result.json["repository"] is None
    assert kinds(result.json) == [("unproven", None)]
    replace(here / "results" / "end.txt", "7\n")
    assert renku("verify").status == 1


def test_the_text_says_what_does_not_hold_and_what_to_do(here: Path, renku: Command) -> None:
    replace(here / "results" / "total.txt", "7\n")
    lines = renku("verify").out.splitlines()
    assert lines[0] == "1 thing does not hold"
    assert "files that are not what was recorded: 1" in lines
    assert any(line.lstrip().startswith("→ Run Snakemake again") for line in lines)


def test_without_a_run_there_is_nothing_to_verify(
    tmp_path: Path, renku: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert renku("verify").status == 2
