"""What can take commits, and what is said of what cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git import open_repository
from tests.git.repos import Repo, job, make_plain


def refusal(path: Path) -> RecordError:
    with pytest.raises(RecordError) as caught:
        open_repository(path)
    return caught.value


def test_a_repository_is_found_from_a_folder_within(plain: Repo) -> None:
    plain.path("deep/er").mkdir(parents=True)
    found = open_repository(plain.path("deep/er"))
    assert (found.root, found.branch, found.head) == (plain.root, "main", plain.head())
    assert (found.annex, found.uuid, found.dsid) == (False, None, None)


def test_a_repository_is_found_from_a_file(plain: Repo) -> None:
    assert open_repository(plain.path("README")).root == plain.root


def test_an_annex_and_a_dataset_are_recognised(annex: Repo) -> None:
    annex.path(".datalad").mkdir()
    annex.path(".datalad/config").write_text('[datalad "dataset"]\n\tid = 1-2-3\n')
    found = open_repository(annex.root)
    assert found.annex
    assert found.uuid == annex.git("config", "annex.uuid").strip()
    assert found.dsid == "1-2-3"


def test_the_environment_of_a_hook_leads_nowhere_else(
    plain: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_plain(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.path(".git")))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    assert open_repository(plain.root).root == plain.root


def test_a_name_with_a_newline_is_a_name(tmp_path: Path) -> None:
    repo = make_plain(tmp_path / "two\nlines")
    found = open_repository(repo.root)
    assert (found.root, found.gitdir, found.common) == (
        repo.root,
        repo.path(".git"),
        repo.path(".git"),
    )


def test_no_repository_is_said_with_what_to_do(tmp_path: Path) -> None:
    assert "is in no git repository. Make one:" in str(refusal(tmp_path))


def test_a_bare_repository_is_refused(plain: Repo, tmp_path: Path) -> None:
    plain.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    assert "is bare" in str(refusal(tmp_path / "bare"))


def test_the_inside_of_the_git_folder_is_refused(plain: Repo) -> None:
    assert "inside of a repository's .git" in str(refusal(plain.path(".git/refs")))


def test_a_branch_without_commits_is_refused(tmp_path: Path) -> None:
    Repo(tmp_path).git("init", "-q")
    assert "has no commit yet. Commit the workflow first" in str(refusal(tmp_path))


def test_a_detached_head_is_refused(plain: Repo) -> None:
    plain.git("checkout", "-q", "--detach")
    assert "HEAD is detached" in str(refusal(plain.root))
    assert "git switch" in str(refusal(plain.root).remedy)


def test_an_adjusted_branch_is_refused(annex: Repo) -> None:
    annex.annex("adjust", "--unlock")
    assert "git-annex adjusts" in str(refusal(annex.root))


def conflicting(repo: Repo) -> None:
    """Two branches that change the same line."""
    for branch in ("one", "two"):
        repo.git("switch", "-q", "-c", branch, "main")
        repo.path("README").write_text(branch)
        repo.commit_all(branch)


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("merge", "one"), "a merge"),
        (("rebase", "one"), "a rebase"),
        (("cherry-pick", "one"), "a cherry-pick"),
        (("revert", "--no-edit", "HEAD~1"), "a revert"),
    ],
)
def test_what_is_in_progress_is_named(plain: Repo, command: tuple[str, ...], what: str) -> None:
    conflicting(plain)
    if command[0] == "revert":
        plain.path("README").write_text("three")
        plain.commit_all()
    os.system(f"git -C '{plain.root}' {' '.join(command)} >/dev/null 2>&1")
    refused = refusal(plain.root)
    assert f"{what} is in progress" in str(refused)
    assert "give it up by `git" in str(refused)


def test_a_bisection_is_named(plain: Repo) -> None:
    conflicting(plain)
    plain.git("bisect", "start", "two", "main")
    assert "a bisection is in progress" in str(refusal(plain.root))


def test_a_user_without_a_name_is_told_how_to_get_one(
    plain: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tuseConfigOnly = true\n[safe]\n\tdirectory = *\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    before = plain.head()
    with pytest.raises(RecordError, match="does not know who you are") as caught:
        plain.record(job(1, plain.write("a", b"x")))
    assert "git config --global user.name" in str(caught.value.remedy)
    assert plain.head() == before
    assert plain.status() == "?? a\n"


def test_a_missing_git_is_said(plain: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "git cannot be run" in str(refusal(plain.root))
