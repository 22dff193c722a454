from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from snakemake_renku.runner.git_state import git_state, without_credentials

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs the git command")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "workflow").mkdir(parents=True)
    (root / "workflow" / "Snakefile").write_text("rule all:\n")
    git(root, "init", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--message=one")
    return root


def test_a_clean_checkout_has_its_commit_branch_and_root(repository: Path) -> None:
    state = git_state(repository / "workflow")
    assert state is not None
    assert state.commit == git(repository, "rev-parse", "HEAD")
    assert (state.branch, state.dirty, state.remote) == ("main", False, None)
    assert state.root == str(repository.resolve())


def test_a_file_stands_for_the_folder_that_holds_it(repository: Path) -> None:
    assert git_state(repository / "workflow" / "Snakefile") == git_state(repository)


def test_a_changed_tracked_file_makes_it_dirty(repository: Path) -> None:
    (repository / "workflow" / "Snakefile").write_text("rule other:\n")
    state = git_state(repository)
    assert state is not None
    assert state.dirty


def test_a_staged_file_makes_it_dirty(repository: Path) -> None:
    (repository / "new").write_text("x")
    git(repository, "add", "new")
    state = git_state(repository)
    assert state is not None
    assert state.dirty


def test_a_deleted_tracked_file_makes_it_dirty(repository: Path) -> None:
    (repository / "workflow" / "Snakefile").unlink()
    state = git_state(repository)
    assert state is not None
    assert state.dirty


def test_untracked_files_do_not_make_it_dirty(repository: Path) -> None:
    (repository / "results").write_text("x")
    git(repository, "config", "status.showUntrackedFiles", "all")
    state = git_state(repository)
    assert state is not None
    assert not state.dirty


def test_a_file_that_was_only_touched_does_not_make_it_dirty(repository: Path) -> None:
    (repository / "workflow" / "Snakefile").touch()
    state = git_state(repository)
    assert state is not None
    assert not state.dirty


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "--detach")
    state = git_state(repository)
    assert state is not None
    assert state.branch is None
    assert state.commit == git(repository, "rev-parse", "HEAD")


def test_a_branch_keeps_the_slashes_of_its_name(repository: Path) -> None:
    git(repository, "checkout", "-b", "feature/ice")
    state = git_state(repository)
    assert state is not None
    assert state.branch == "feature/ice"


def test_the_remote_loses_its_credentials(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://me:s3cret@example.org/a/b.git")
    state = git_state(repository)
    assert state is not None
    assert state.remote == "https://example.org/a/b.git"


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://token@example.org/a.git", "https://example.org/a.git"),
        ("https://u:p@ss@example.org/a.git", "https://example.org/a.git"),
        ("ssh://git@example.org:22/a.git", "ssh://git@example.org:22/a.git"),
        ("ssh://git:pw@example.org/a.git", "ssh://git@example.org/a.git"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("annex::https://u:p@example.org/x", "annex::https://example.org/x"),
        ("/data/a@b/repo", "/data/a@b/repo"),
        ("https://example.org/a@b", "https://example.org/a@b"),
    ],
)
def test_urls_lose_passwords_and_tokens_alone(url: str, public: str) -> None:
    assert without_credentials(url) == public


def test_a_repository_without_commit_has_no_state(tmp_path: Path) -> None:
    git(tmp_path, "init")
    assert git_state(tmp_path) is None


def test_a_folder_outside_of_a_repository_has_no_state(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None


def test_a_folder_that_is_not_there_has_no_state(tmp_path: Path) -> None:
    assert git_state(tmp_path / "nowhere" / "at all") is None


def test_a_path_with_a_null_byte_has_no_state() -> None:
    assert git_state("a\0b") is None


def test_without_the_git_command_there_is_no_state(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository))
    assert git_state(repository) is None


def test_a_repository_of_another_user_has_no_state_and_a_remedy(
    repository: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # git's own switch for tests; and no configuration of this machine that trusts every folder.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("GIT_CONFIG_COUNT", raising=False)
    assert git_state(repository) is None
    assert "safe.directory" in caplog.text


def test_the_variables_of_a_surrounding_hook_do_not_mislead(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    state = git_state(repository)
    assert state is not None
    assert state.root == str(repository.resolve())


def test_the_file_system_monitor_of_a_repository_is_not_run(repository: Path) -> None:
    monitor = repository / "monitor.sh"
    monitor.write_text(f"#!/bin/sh\ntouch '{repository}/was-run'\n")
    monitor.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(monitor))
    git_state(repository)
    assert not (repository / "was-run").exists()
    git(repository, "status")
    assert (repository / "was-run").exists(), "the monitor of this test does not work"


def test_the_index_is_left_as_it_is(repository: Path) -> None:
    (repository / "workflow" / "Snakefile").touch()
    before = (repository / ".git" / "index").stat().st_mtime_ns
    git_state(repository)
    assert (repository / ".git" / "index").stat().st_mtime_ns == before


def test_a_submodule_at_another_commit_makes_it_dirty_and_its_files_do_not(
    repository: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    shutil.copytree(repository, library)
    add = ("-c", "protocol.file.allow=always", "submodule", "add", str(library), "lib")
    git(repository, *add)
    git(repository, "commit", "--message=two")
    (repository / "lib" / "workflow" / "Snakefile").write_text("changed")
    state = git_state(repository)
    assert state is not None
    assert not state.dirty
    git(repository / "lib", "commit", "--all", "--message=three")
    state = git_state(repository)
    assert state is not None
    assert state.dirty


def test_a_small_repository_is_asked_in_a_moment(repository: Path) -> None:
    def seconds() -> float:
        start = time.perf_counter()
        git_state(repository)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.05
