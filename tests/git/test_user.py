"""What the user has staged, changed or lying about is neither committed nor lost."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from snakemake_renku.errors import RecordError, RepositoryBusy
from snakemake_renku.provenance.git import Written
from tests.git.repos import Repo, binary, copy, job, make_plain, remove


def record(repo: Repo, name: str = "out.nc") -> Written:
    """Record a file in git and one that is annexed, if there is an annex."""
    return repo.record(job(1, repo.write(name, binary("x")), repo.write("out.txt", b"x")))


def test_staged_unstaged_and_untracked_changes_stay_as_they_are(annex: Repo) -> None:
    for name in ("staged", "both", "gone", "unstaged"):
        annex.write(name, b"before")
    annex.commit_all()
    annex.write("staged", b"staged")
    annex.write("both", b"staged")
    annex.write("new.nc", binary("new"))
    annex.git("add", "staged", "both")
    annex.annex("add", "--quiet", "new.nc")
    annex.write("both", b"changed again")
    annex.write("unstaged", b"changed")
    annex.git("rm", "-q", "-f", "gone")
    annex.write("untracked", b"y")
    before = annex.status(), annex.git("diff", "--cached"), annex.git("diff")
    written = record(annex)
    assert annex.changed() == ["out.nc", "out.txt"]
    assert (annex.status(), annex.git("diff", "--cached"), annex.git("diff")) == before
    assert annex.content("staged", written.head) == b"before"


def test_a_staged_change_of_a_recorded_file_is_refused(plain: Repo) -> None:
    plain.write("out.txt", b"staged by hand")
    plain.git("add", "out.txt")
    before = plain.head()
    with pytest.raises(RecordError, match=r"staged for 'out.txt'") as caught:
        record(plain)
    assert "git restore --staged" in str(caught.value.remedy)
    assert plain.head() == before
    assert plain.git("show", ":out.txt") == "staged by hand"


def test_a_staged_deletion_of_a_recorded_file_is_refused(plain: Repo) -> None:
    plain.record(job(1, plain.write("out.txt", b"first")))
    plain.git("rm", "-q", "--cached", "out.txt")
    with pytest.raises(RecordError, match=r"staged for 'out.txt'"):
        plain.record(job(2, plain.write("out.txt", b"second")))


@pytest.mark.parametrize("annexed", [False, True])
def test_what_is_staged_as_it_was_recorded_is_committed(
    plain: Repo, annex: Repo, annexed: bool
) -> None:
    repo = annex if annexed else plain
    files = [repo.write("out.nc", binary("x")), repo.write("out.txt", b"x")]
    if annexed:
        repo.annex("add", "--quiet", "out.nc", "out.txt")
    else:
        repo.git("add", "out.nc", "out.txt")
    repo.record(job(1, *files))
    assert repo.status() == ""
    assert repo.changed() == ["out.nc", "out.txt"]
    repo.check()


def test_a_file_that_was_announced_by_intent_to_add_is_recorded(plain: Repo) -> None:
    plain.write("out.txt", b"x")
    plain.write("other", b"y")
    plain.git("add", "-N", "out.txt", "other")
    record(plain)
    assert plain.status() == " A other\n"


def test_entries_in_conflict_stay_in_conflict(plain: Repo) -> None:
    plain.write("README", b"stashed")
    plain.git("stash", "-q")
    plain.write("README", b"committed")
    plain.commit_all()
    subprocess.run(["git", "stash", "pop", "-q"], cwd=plain.root, capture_output=True, check=False)
    before = plain.git("ls-files", "--unmerged")
    assert before
    record(plain)
    assert plain.git("ls-files", "--unmerged") == before
    assert plain.status() == "UU README\n"


def test_a_recorded_file_in_conflict_is_refused(plain: Repo) -> None:
    plain.write("README", b"stashed")
    plain.git("stash", "-q")
    plain.write("README", b"committed")
    plain.commit_all()
    subprocess.run(["git", "stash", "pop", "-q"], cwd=plain.root, capture_output=True, check=False)
    with pytest.raises(RecordError, match="staged for 'README'"):
        plain.record(job(1, plain.write("README", b"recorded")))


def test_marks_of_other_entries_stay(plain: Repo) -> None:
    for name in ("assumed", "skipped", "out.txt"):
        plain.write(name, b"x")
    plain.commit_all()
    plain.git("update-index", "--assume-unchanged", "assumed")
    plain.git("update-index", "--skip-worktree", "skipped")
    plain.record(job(1, plain.write("out.txt", b"y")))
    marks = ["H README", "h assumed", "H out.txt", "S skipped"]
    assert plain.git("ls-files", "-v").split("\n")[:-1] == marks


@pytest.mark.parametrize(
    "settings",
    [
        ("index.version=4",),
        ("core.splitIndex=true", "splitIndex.maxPercentChange=100"),
        ("core.untrackedCache=true",),
        ("feature.manyFiles=true",),
        ("core.fsmonitor=true",),
    ],
)
def test_every_kind_of_index_is_kept(plain: Repo, settings: tuple[str, ...]) -> None:
    for number in range(30):
        plain.write(f"many/{number}", b"x")
    plain.commit_all()
    for setting in settings:
        plain.git("config", *setting.split("="))
    plain.git("update-index", "--force-write-index")
    plain.write("staged", b"y")
    plain.git("add", "staged")
    record(plain)
    plain.record(job(2, plain.write("many/7", b"z")))
    assert plain.git("-c", "core.fsmonitor=false", "status", "--porcelain") == "A  staged\n"
    plain.check()


def test_a_sparse_checkout_stays_sparse(plain: Repo) -> None:
    for name in ("in/a", "out/a"):
        plain.write(name, b"x")
    plain.commit_all()
    plain.git("sparse-checkout", "set", "--cone", "--sparse-index", "in")
    assert not plain.path("out").exists()
    plain.record(job(1, plain.write("in/b", b"x"), plain.write("new/c", b"y")))
    assert plain.changed() == ["in/b", "new/c"]
    assert plain.content("out/a") == b"x"
    assert not plain.path("out").exists()
    assert plain.status() == ""


def test_an_index_that_is_not_there_yet_is_made(plain: Repo, tmp_path: Path) -> None:
    clone = Repo(tmp_path / "clone")
    plain.git("clone", "-q", "--no-checkout", ".", str(clone.root))
    clone.record(job(1, clone.write("a", b"x")))
    assert clone.changed() == ["a"]
    assert clone.content("README") == b"read me\n"


def test_the_lock_of_another_git_is_respected(plain: Repo) -> None:
    plain.path(".git/index.lock").write_bytes(b"")
    before = plain.head()
    with pytest.raises(RepositoryBusy, match=r"index\.lock' is there") as caught:
        plain.record(job(1, plain.write("out.txt", b"x")), wait=0.1)
    assert "remove that file" in str(caught.value.remedy)
    assert plain.path(".git/index.lock").read_bytes() == b""
    assert plain.head() == before
    plain.path(".git/index.lock").unlink()
    record(plain)
    assert plain.status() == ""


@pytest.mark.parametrize("lock", ["refs/heads/main.lock", "HEAD.lock", "refs/heads/git-annex.lock"])
def test_the_lock_of_another_git_on_a_branch_is_respected(annex: Repo, lock: str) -> None:
    annex.path(f".git/{lock}").touch()
    before = annex.head(), annex.head("git-annex")
    with pytest.raises(RepositoryBusy, match="moving a branch"):
        record(annex)
    assert (annex.head(), annex.head("git-annex")) == before
    assert not annex.path(".git/index.lock").exists()
    assert not annex.path("out.nc").is_symlink()
    annex.path(f".git/{lock}").unlink()
    record(annex)
    annex.check()


def test_a_commit_made_meanwhile_is_built_upon(
    plain: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snakemake_renku.provenance.git import part

    make, seen = part.prepare, []

    def prepare_and_commit(*arguments: object) -> object:
        prepared = make(*arguments)  # type: ignore[arg-type]
        if not seen:
            plain.write("README", b"changed meanwhile")
            seen.append(plain.commit_all("meanwhile"))
        return prepared

    # No other way to come in between for sure.
    monkeypatch.setattr(part, "prepare", prepare_and_commit)
    written = record(plain)
    assert plain.head(f"{written.commits[0]}^") == seen[0]
    assert plain.content("README") == b"changed meanwhile"
    assert plain.content("out.txt") == b"x"
    assert plain.status() == ""


def test_two_working_trees_record_side_by_side(annex: Repo, tmp_path: Path) -> None:
    other = Repo(tmp_path / "other")
    annex.git("worktree", "add", "-q", "-b", "other", str(other.root))
    record(other, "theirs.nc")
    record(annex)
    assert other.path("theirs.nc").read_bytes() == annex.path("out.nc").read_bytes()
    assert (annex.status(), other.status()) == ("", "")
    assert annex.git("log", "-1", "--format=%s", "main~1") == "attributes\n"
    for repo in (annex, other):
        assert repo.annex("fsck", "--quiet") == ""
        assert "[here]" in repo.annex("whereis", "--all")


def test_a_submodule_with_a_git_file_can_be_recorded_in_by_itself(
    plain: Repo, tmp_path: Path
) -> None:
    copy(plain, tmp_path / "origin")
    plain.git("submodule", "--quiet", "add", str(tmp_path / "origin"), "sub")
    plain.commit_all()
    sub = Repo(plain.path("sub"))
    assert sub.path(".git").is_file()
    record(sub)
    assert sub.status() == ""
    assert plain.status() == " M sub\n"


def test_a_hook_that_forbids_to_move_the_branch_is_obeyed(plain: Repo) -> None:
    plain.path(".git/hooks").mkdir()
    hook = plain.path(".git/hooks/reference-transaction")
    hook.write_text('#!/bin/sh\n[ "$1" = prepared ] && echo "not today" >&2 && exit 1\nexit 0\n')
    hook.chmod(0o755)
    before = plain.head()
    with pytest.raises(RecordError, match=r"not today|prepared"):
        record(plain)
    hook.unlink()
    assert plain.head() == before
    assert not plain.path(".git/index.lock").exists()
    record(plain)
    assert plain.status() == ""


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users can look into."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def unprivileged() -> Iterator[None]:
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


_NOBODY = 65534


def test_a_read_only_repository_is_refused(
    shared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = shared_folder / "gitconfig"
    config.write_text("[user]\n\tname = A\n\temail = a@example.org\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    plain = make_plain(shared_folder / "repo")
    file = plain.write("a", b"x")
    plain.path(".git").chmod(0o555)
    if os.geteuid() == 0:
        for path in (plain.root, *plain.root.rglob("*")):
            os.lchown(path, _NOBODY, _NOBODY)
    with unprivileged(), pytest.raises(RecordError, match="cannot be written to"):
        plain.record(job(1, file))
    with unprivileged():
        assert plain.status() == "?? a\n"


def test_a_clone_whose_annex_is_not_set_up_is_refused(annex: Repo, tmp_path: Path) -> None:
    clone = Repo(tmp_path / "clone")
    annex.git("clone", "-q", ".", str(clone.root))
    with pytest.raises(RecordError, match="git-annex is not set up here") as caught:
        record(clone)
    assert "git annex init" in str(caught.value.remedy)
    clone.annex("init", "-q")
    record(clone)
    clone.check()
    remove(clone.root)


def test_texts_can_be_recorded_in_a_clone_whose_annex_is_not_set_up(
    annex: Repo, tmp_path: Path
) -> None:
    clone = Repo(tmp_path / "clone")
    annex.git("clone", "-q", ".", str(clone.root))
    clone.record(job(1, verdict=b"{}"))
    assert clone.content("verdict") == b"{}"
