"""Gaps, stale results, code and images, in journals written by hand over real repositories."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from snakemake_renku.verify import Problem, Report, verify
from tests.lineage import study
from tests.lineage.ledger import Ledger, put

HOSTILE = "-ü\n\"{a}' \\ $(x) \udcff"


def check(ledger: Ledger, *paths: str, **options: Any) -> Report:
    return verify(ledger.folder, paths, **options)


def broken(report: Report) -> list[tuple[str, str | None]]:
    return [(each.kind, each.path) for each in report.problems if each.broken]


def one(report: Report, kind: str) -> Problem:
    (found,) = [each for each in report.problems if each.kind == kind]
    return found


def test_a_source_that_is_not_in_git_is_a_gap(git: Ledger) -> None:
    put(git.folder / "stray", "2\n")
    git.job("make", reads=["stray"], makes={"out": "3\n"})
    assert broken(check(git)) == [("gap", "stray")]


def test_a_source_that_is_committed_later_is_a_remark(git: Ledger) -> None:
    put(git.folder / "stray", "2\n")
    git.job("make", reads=["stray"], makes={"out": "3\n"})
    study.commit(git.folder, "Now it is")
    put(git.folder / "stray", "4\n")
    study.commit(git.folder, "And now another one")
    report = check(git, "out")
    assert "in git, but not in the commit" in one(report, "commit").message
    assert broken(report) == [("changed", "stray")]


def test_a_source_that_is_neither_here_nor_in_git_is_lost(git: Ledger) -> None:
    put(git.folder / "stray", "2\n")
    git.job("make", reads=["stray"], makes={"out": "3\n"})
    (git.folder / "stray").unlink()
    assert broken(check(git)) == [("lost", "stray")]


def test_what_was_changed_between_two_jobs_is_a_gap_also_if_it_was_committed(git: Ledger) -> None:
    first = git.job("make", reads=["data"], makes={"mid": "3\n"})
    put(git.folder / "mid", "4\n")
    study.commit(git.folder, "A better mid")
    second = git.job("use", reads=["mid"], makes={"out": "5\n"})
    problem = one(check(git), "gap")
    assert problem.broken
    assert f"{first} made" in problem.message
    assert f"{second} read" in problem.message
    assert "by A Modeller on" in problem.message


def test_a_result_of_an_older_version_of_its_input_is_stale(git: Ledger) -> None:
    git.job("make", reads=["data"], makes={"mid": "3\n"})
    git.job("use", reads=["mid"], makes={"out": "5\n"})
    later = git.job("make", reads=["data"], makes={"mid": "4\n"})
    report = check(git)
    assert broken(report) == [("stale", "out")]
    assert f"{later} has made a later one" in one(report, "stale").message


def test_an_ancient_input_makes_nothing_stale(git: Ledger) -> None:
    git.job("make", reads=["data"], makes={"mid": "3\n"})
    git.job("use", reads=["mid"], makes={"out": "5\n"}, flags={"mid": ("ancient",)})
    git.job("make", reads=["data"], makes={"mid": "4\n"})
    assert broken(check(git)) == []


def test_a_file_updated_in_place_is_not_stale(git: Ledger) -> None:
    git.job("make", reads=["data"], makes={"state": "1\n"})
    git.job("update", reads=["state"], makes={"state": "2\n"})
    assert broken(check(git)) == []


def test_jobs_of_which_nothing_is_left_count_with_all_alone(git: Ledger) -> None:
    put(git.folder / "stray", "2\n")
    git.job("make", reads=["stray"], makes={"out": "3\n"})
    git.job("make", reads=["data"], makes={"out": "4\n"})
    (git.folder / "stray").unlink()
    assert ("lost", "stray") not in broken(check(git, "out"))
    assert ("lost", "stray") in broken(check(git, every_job=True))


def test_code_that_is_in_no_commit_is_told(git: Ledger) -> None:
    put(git.folder / "plot.py", "1\n")
    key = git.job("plot", script="plot.py", makes={"out": "3\n"})
    problem = one(check(git), "code")
    assert (problem.path, problem.job, problem.broken) == ("plot.py", key, True)


def test_the_workflow_and_its_configuration_must_be_in_git_too(git: Ledger) -> None:
    put(git.folder / "Snakefile", "1\n")
    with git.run(sources=["Snakefile"]) as run:
        run.job("make", makes={"out": "3\n"})
    assert broken(check(git)) == [("code", "Snakefile")]
    study.sh(git.folder, "git", "add", "Snakefile")
    study.sh(git.folder, "git", "commit", "--quiet", "-m", "Late")
    assert broken(check(git)) == []


def test_a_link_in_git_stands_for_what_it_leads_to(git: Ledger) -> None:
    (git.folder / "link").symlink_to("data")
    study.commit(git.folder, "A link")
    git.job("make", reads=["link"], makes={"out": "3\n"})
    assert broken(check(git)) == []


def test_a_folder_in_git_is_a_source(git: Ledger) -> None:
    put(git.folder / "inputs", {"a": "1\n", "b/c": "2\n"})
    (git.folder / "inputs" / "b" / "c").chmod(0o755)
    (git.folder / "inputs" / "l").symlink_to("a")
    study.commit(git.folder, "A folder")
    git.job("make", reads=["inputs"], makes={"out": "3\n"})
    report = check(git)
    assert (broken(report), report.chain.in_git) == ([], 1)
    put(git.folder / "inputs" / "a", "4\n")
    assert broken(check(git)) == [("changed", "inputs")]


def test_a_folder_that_was_annexed_since_is_still_what_it_was(git: Ledger) -> None:
    study.sh(git.folder, "git", "annex", "init", "--quiet")
    put(git.folder / ".gitattributes", "* annex.backend=SHA256E\n")
    put(git.folder / "inputs", {"a": "1\n", "b": "2\n"})
    git.job("make", reads=["inputs"], makes={"out": "3\n"})
    study.sh(git.folder, "git", "annex", "add", "--quiet", "inputs", ".gitattributes")
    study.sh(git.folder, "git", "commit", "--quiet", "-m", "Annexed")
    assert (git.folder / "inputs" / "a").is_symlink()
    report = check(git)
    assert (broken(report), report.chain.in_git) == ([], 1)


def test_of_a_folder_with_other_keys_only_content_that_is_here_tells(git: Ledger) -> None:
    study.sh(git.folder, "git", "annex", "init", "--quiet")
    put(git.folder / ".gitattributes", "* annex.backend=MD5E\n* annex.largefiles=nothing\n")
    put(git.folder / "parts" / ".gitattributes", "a annex.largefiles=anything\n")
    git.job("make", reads=["data"], makes={"parts": {"a": "1\n"}})
    study.sh(git.folder, "git", "annex", "add", "--quiet", ".")
    study.sh(git.folder, "git", "commit", "--quiet", "-m", "Annexed")
    assert check(git).counts["ok"] == 2
    study.sh(git.folder, "git", "annex", "drop", "--force", "--quiet", "parts/a")
    assert {each.path: each.state for each in check(git).files}["parts"] == "unknown"


def test_a_source_in_a_subdataset_is_in_git(git: Ledger) -> None:
    inner = git.folder / "sub"
    inner.mkdir()
    study.sh(inner, "git", "init", "--quiet")
    put(inner / "data", "9\n")
    study.commit(inner, "Inner data")
    study.sh(git.folder, "git", "-c", "advice.addEmbeddedRepo=false", "add", "sub")
    study.sh(git.folder, "git", "commit", "--quiet", "-m", "Subdataset")
    git.job("make", reads=["sub/data"], makes={"out": "3\n"})
    report = check(git)
    assert (broken(report), report.chain.in_git) == ([], 1)


def test_a_key_without_sha256_is_compared_by_size_and_said_to_be(git: Ledger) -> None:
    study.sh(git.folder, "git", "annex", "init", "--quiet")
    put(git.folder / ".gitattributes", "* annex.backend=MD5E\n")
    put(git.folder / "large", "large\n")
    study.sh(git.folder, "git", "annex", "add", "--quiet", "large")
    study.sh(git.folder, "git", "commit", "--quiet", "-m", "MD5")
    git.job("make", reads=["large"], makes={"out": "3\n"})
    report = check(git)
    assert broken(report) == []
    assert "which holds no SHA-256" in one(report, "unproven").message


def test_the_working_directory_may_lie_below_the_root(git: Ledger) -> None:
    inner = Ledger(git.folder / "study")
    put(inner.folder / "data", "1\n")
    study.commit(git.folder, "Below")
    inner.job("make", reads=["data", "../data"], makes={"out": "3\n"})
    report = check(inner)
    assert (broken(report), report.chain.in_git) == ([], 2)


def test_a_file_outside_of_the_repository_is_a_remark_until_it_is_gone(
    git: Ledger, tmp_path: Path
) -> None:
    put(tmp_path / "shared", "1\n")
    git.job("make", reads=[str(tmp_path / "shared")], makes={"out": "3\n"})
    report = check(git)
    assert broken(report) == []
    assert one(report, "outside").path == str(tmp_path / "shared")
    (tmp_path / "shared").unlink()
    assert ("lost", str(tmp_path / "shared")) in broken(check(git))


def test_hostile_names_are_found_in_git_and_here(git: Ledger) -> None:
    name = HOSTILE.replace("\udcff", "")
    put(git.folder / name, "1\n")
    study.commit(git.folder, "Hostile")
    put(git.folder / name, "2\n")
    study.commit(git.folder, "Hostile still")
    git.job("make", reads=[name], makes={f"{name}.out": "3\n"})
    put(git.folder / name, "1\n")
    report = check(git)
    assert report.chain.in_git == 1
    assert broken(report) == [("changed", name)]


def test_a_commit_that_nothing_leads_to_is_a_remark(git: Ledger) -> None:
    put(git.folder / "more", "1\n")
    study.commit(git.folder, "More")
    git.job("make", reads=["data"], makes={"out": "3\n"})
    study.sh(git.folder, "git", "reset", "--quiet", "--hard", "HEAD~1")
    report = check(git)
    assert broken(report) == []
    assert "No branch leads to the commit" in one(report, "commit").message


def test_a_file_that_cannot_be_hashed_is_told_and_the_others_are_checked(git: Ledger) -> None:
    git.job("make", reads=["data"], makes={"a": "1\n", "b": "2\n", "c": "3\n", "d": "4\n"})
    for name in "abc":
        (git.folder / name).unlink()
    (git.folder / "a").symlink_to("a")
    (git.folder / "b").mkdir()
    os.mkfifo(git.folder / "c")
    put(git.folder / "d", "5\n")
    found = {each.path: each.state for each in check(git).files}
    assert found == {
        "a": "missing",
        "b": "changed",
        "c": "unreadable",
        "d": "changed",
        "data": "ok",
    }


def test_a_file_of_a_folder_that_stands_as_it_was_must_be_what_was_read(git: Ledger) -> None:
    git.job("make", reads=["data"], makes={"parts": {"a": "1\n", "b": "2\n"}})
    git.job("use", reads=["parts/a"], makes={"out": "3\n"})
    assert {each.kind for each in check(git).problems} == {"journal"}
    put(git.folder / "parts" / "a", "9\n")
    git.job("use", reads=["parts/a"], makes={"out": "3\n"})
    put(git.folder / "parts" / "a", "1\n")
    assert ("gap", "parts/a") in broken(check(git))


def test_of_a_folder_that_is_gone_nobody_can_tell_what_was_in_it(git: Ledger) -> None:
    git.job("make", reads=["data"], makes={"parts": {"a": "1\n"}}, flags={"parts": ("temp",)})
    git.job("use", reads=["parts/a"], makes={"out": "3\n"}, flags={"parts/a": ("ancient",)})
    shutil.rmtree(git.folder / "parts")
    assert "known by the folders" in one(check(git, "out"), "unproven").message


class Registry(BaseHTTPRequestHandler):
    """Has one image."""

    known = "sha256:" + "a" * 64

    def do_HEAD(self) -> None:
        there = self.path.endswith(self.known)
        self.send_response(200 if there else 404)
        if there:
            self.send_header("Docker-Content-Digest", self.known)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[str]:
    server = HTTPServer(("localhost", 0), Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"docker://localhost:{server.server_port}/team/tool:1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_images_that_a_registry_has_no_longer_are_lost(git: Ledger, registry: str) -> None:
    gone = "sha256:" + "b" * 64
    git.job(
        "here", reads=["data"], makes={"a": "1\n"}, image=(registry, Registry.known, "manifest")
    )
    git.job("gone", reads=["data"], makes={"b": "2\n"}, image=(registry, gone, "manifest"))
    assert check(git).ok
    report = check(git, images=True)
    assert [each.kind for each in report.problems if each.broken] == ["lost"]
    assert gone in one(report, "lost").message


def test_an_image_file_must_be_there_with_its_digest(git: Ledger) -> None:
    put(git.folder / "tool.sif", "image\n")
    image = str(git.folder / "tool.sif")
    digest = "sha256:" + "c" * 64
    git.job("use", reads=["data"], makes={"a": "1\n"}, image=(image, digest, "file"))
    assert "is another one now" in one(check(git, images=True), "lost").message
    (git.folder / "tool.sif").unlink()
    assert "is gone" in one(check(git, images=True), "lost").message
