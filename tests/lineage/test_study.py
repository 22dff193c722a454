"""Lineage in a study that was really run, in its folder and in a clone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.lineage import study
from tests.lineage.conftest import Command, Result


def rules(result: Result) -> set[str]:
    return {job["rule"] for job in result.json["jobs"].values()}


def lineage(renku: Command, *arguments: str) -> Result:
    return renku("lineage", *arguments, "--format", "json")


def target(result: Result) -> Any:
    return result.json["files"][result.json["target"]]


def test_a_result_leads_back_to_its_sources_across_runs(here: Path, renku: Command) -> None:
    result = lineage(renku, "results/end.txt")
    assert result.status == 0
    assert result.json["found"] == "recorded"
    assert rules(result) == {"double", "gather", "total", "split", "end"}
    sources = {f["path"] for f in result.json["files"].values() if "made_by" not in f}
    assert sources == {"data/1.txt", "data/2.txt"}


def test_each_input_leads_to_the_run_that_made_the_version_read(here: Path, renku: Command) -> None:
    result = lineage(renku, "results/end.txt")
    first, second, third = study.runs(here)
    makers = {tuple(j["steps"][0]["wildcards"].items()): j["run"] for j in jobs(result, "double")}
    assert makers == {(("n", "1"),): first, (("n", "2"),): second}
    assert [job["run"] for job in jobs(result, "end")] == [third]


def jobs(result: Result, rule: str) -> list[Any]:
    return [job for job in result.json["jobs"].values() if job["rule"] == rule]


def test_the_tree_says_who_what_when_where_and_with_which_code(here: Path, renku: Command) -> None:
    out = renku("lineage", "results/total.txt").out
    run = study.runs(here)[1]
    commit = study.sh(here, "git", "log", "--format=%H", "--grep=Better data").strip()
    assert f"made by total  job 1.1 of run {run}" in out
    assert f"script workflow/scripts/total.py, sha256:24f27984b649, commit {commit[:10]}" in out
    assert "$ awk '{print $1 * 2}' data/2.txt > results/double/2.csv 2> logs/2.log" in out
    assert "exit 0" in out
    assert "data/2.txt  sha256:4229d651b001  5 B  source" in out


def test_a_file_in_a_folder_leads_to_the_job_that_made_the_folder(
    here: Path, renku: Command
) -> None:
    result = lineage(renku, "results/parts/b.txt")
    assert target(result)["made_by"][0]["how"] == "part"
    assert "split" in rules(result)


def test_a_copy_is_known_by_its_content_and_said_to_be_one(here: Path, renku: Command) -> None:
    out = renku("lineage", "copies/total.txt").out
    assert "known by its content: it was made as results/total.txt" in out


def test_an_edited_file_is_told_and_gives_status_1(here: Path, renku: Command) -> None:
    (here / "results" / "total.txt").unlink()
    (here / "results" / "total.txt").write_text("7\n")
    result = lineage(renku, "results/total.txt")
    assert result.status == 1
    assert result.json["found"] == "edited"
    assert "it was changed since" in result.json["message"]
    assert "total" in rules(result)


def test_an_older_version_is_recognised_by_its_content(here: Path, renku: Command) -> None:
    study.sh(here, "git", "checkout", "--quiet", "HEAD~5", "--", "results/total.txt")
    result = lineage(renku, "results/total.txt")
    assert result.json["found"] == "recorded"
    assert "This is an older version" in result.json["message"]
    assert {job["run"] for job in result.json["jobs"].values()} == {study.runs(here)[0]}


def test_a_removed_file_is_answered_by_its_last_version(here: Path, renku: Command) -> None:
    result = lineage(renku, "results/all.csv")
    assert (result.status, result.json["found"]) == (0, "missing")
    assert target(result)["temporary"]
    assert {job["run"] for job in jobs(result, "gather")} == {study.runs(here)[1]}


def test_the_run_chooses_the_version(here: Path, renku: Command) -> None:
    first = study.runs(here)[0]
    result = lineage(renku, "results/total.txt", "--run", first)
    assert {job["run"] for job in result.json["jobs"].values()} == {first}


def test_what_came_of_a_source(here: Path, renku: Command) -> None:
    result = lineage(renku, "data/2.txt", "--down")
    _, second, third = study.runs(here)
    assert rules(result) == {"double", "gather", "total", "split", "end", "all"}
    assert {job["run"] for job in result.json["jobs"].values()} == {second, third}


def test_a_clone_without_content_answers_as_the_original(
    finished_study: Path, clone: Path, renku: Command
) -> None:
    there = lineage(renku, "results/end.txt", "--directory", str(finished_study)).json
    here = lineage(renku, "results/end.txt").json
    assert here["found"] == "elsewhere"
    assert here["jobs"] == there["jobs"]
    assert here["files"] == there["files"]


def test_in_a_clone_an_unlocked_file_without_content_is_known_by_its_key(
    clone: Path, renku: Command
) -> None:
    study.sh(clone, "git", "annex", "init", "--quiet")
    study.sh(clone, "git", "annex", "unlock", "--quiet", "results/total.txt")
    assert not (clone / "results" / "total.txt").is_symlink()
    assert lineage(renku, "results/total.txt").json["found"] == "elsewhere"


def test_a_digest_its_beginning_and_a_key_name_a_version(here: Path, renku: Command) -> None:
    digest = target(lineage(renku, "results/end.txt"))["digest"]
    key = (here / "results" / "end.txt").readlink().name
    for name in (digest, digest[:20], digest.partition(":")[2][:10], key):
        assert target(lineage(renku, name))["path"] == "results/end.txt"


def test_a_path_may_be_given_from_where_one_stands(
    here: Path, renku: Command, monkeypatch: Any
) -> None:
    monkeypatch.chdir(here / "results")
    result = lineage(renku, "end.txt", "--directory", "..")
    assert target(result)["path"] == "results/end.txt"


def test_a_workdir_that_is_reached_through_a_link(
    here: Path, renku: Command, tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "link").symlink_to(here)
    monkeypatch.chdir(tmp_path)
    result = lineage(renku, str(here / "results" / "end.txt"), "--directory", "link")
    assert target(result)["path"] == "results/end.txt"


def test_a_folder_that_no_job_made_is_refused_with_a_file_to_ask_for(
    here: Path, renku: Command
) -> None:
    result = renku("lineage", "results/double")
    assert result.status == 2
    assert "results/double/1.csv" in result.err


def test_an_annexed_folder_is_recognised(here: Path, renku: Command) -> None:
    assert (here / "results" / "parts" / "a.txt").is_symlink()
    assert lineage(renku, "results/parts").json["found"] == "recorded"


def test_a_damaged_journal_is_told_and_the_others_are_read(here: Path, renku: Command) -> None:
    first = study.runs(here)[0]
    (here / ".snakemake" / "renku" / "runs" / f"{first}.jsonl").write_text("{}\n")
    shutil.rmtree(here / ".snakemake-renku")
    result = renku("lineage", "results/end.txt")
    assert result.status == 0
    assert first in result.err
    assert "made by end" in result.out
