"""Files in a subdataset are recorded in it, and its parent follows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakemake_renku.errors import RecordError
from tests.git.repos import Repo, binary, job, make_annex, make_plain, remove


@pytest.fixture(scope="module")
def _nested(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    root = tmp_path_factory.mktemp("nested") / "top"
    repos = [make_annex(root / path) for path in ("", "sub", "sub/deep er")]
    for outer, path in ((repos[1], "deep er"), (repos[0], "sub")):
        outer.git("submodule", "--quiet", "add", f"./{path}", path)
        outer.commit_all("subdataset")
    return repos[0]


@pytest.fixture
def top(_nested: Repo, tmp_path: Path) -> Iterator[Repo]:
    """A dataset with a subdataset, which has one too."""
    shutil.copytree(_nested.root, tmp_path / "top", symlinks=True)
    yield Repo(tmp_path / "top")
    remove(tmp_path / "top")


def test_each_dataset_gets_the_commits_that_concern_it(top: Repo) -> None:
    sub, deep = Repo(top.path("sub")), Repo(top.path("sub/deep er"))
    before = {repo: repo.head() for repo in (top, sub, deep)}
    written = top.record(
        job(1, top.write("a.nc", binary("a")), top.write("sub/a.nc", binary("a"))),
        job(2, top.write("b.txt", b"text")),
        job(3, top.write("sub/deep er/c.nc", binary("c"))),
        job(4, top.write("sub/d.txt", b"text"), top.write("sub/deep er/d.txt", b"text")),
    )
    subjects = {
        repo: repo.git("log", "--reverse", "--format=%s", f"{before[repo]}..").split("\n")[:-1]
        for repo in before
    }
    title = "[DATALAD RUNCMD] job"
    assert subjects[top] == [f"{title} {n}" for n in (1, 2, 3, 4)]
    assert subjects[sub] == [f"{title} {n}" for n in (1, 3, 4)]
    assert subjects[deep] == [f"{title} {n}" for n in (3, 4)]
    assert [top.changed(name) for name in written.commits] == [
        ["a.nc", "sub"],
        ["b.txt"],
        ["sub"],
        ["sub"],
    ]
    inner = sub.git("rev-list", "--reverse", f"{before[sub]}..").split()
    assert top.git("rev-parse", "HEAD:sub").strip() == inner[-1]
    assert top.git("rev-parse", f"{written.commits[0]}:sub").strip() == inner[0]
    assert (written.annexed, written.in_git) == (3, 3)
    assert "nothing to save, working tree clean" in top.datalad("status", "-r")
    for repo in before:
        repo.check()


def test_a_clone_gets_what_is_in_a_subdataset(top: Repo, tmp_path: Path) -> None:
    top.record(job(1, top.write("sub/deep er/c.nc", binary("c"))))
    clone = Repo(tmp_path / "clone")
    clone.root.mkdir()
    clone.datalad("clone", str(top.root), ".")
    clone.datalad("get", "sub/deep er/c.nc")
    assert clone.path("sub/deep er/c.nc").read_bytes() == binary("c")
    remove(clone.root)


def test_what_is_left_out_is_named_from_the_top(top: Repo) -> None:
    top.write("sub/.gitignore", b"*.log\n")
    top.datalad("save", "-r")
    written = top.record(job(1, top.write("sub/a.log", b"x"), top.write("sub/a", b"x")))
    assert [one.path for one in written.left_out] == ["sub/a.log"]


def test_a_second_attempt_completes_what_was_done_below_only(
    top: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = [job(1, top.write("sub/a.nc", binary("a"))), job(2, top.write("b", b"b"))]
    lock = top.path(".git/index.lock")
    lock.touch()
    before = top.head()
    with pytest.raises(RecordError):
        top.record(*commits, wait=0.1)
    assert top.head() == before
    assert Repo(top.path("sub")).git("log", "-1", "--format=%s") == "[DATALAD RUNCMD] job 1\n"
    lock.unlink()
    top.record(*commits)
    assert top.record(*commits).head == top.head()
    assert Repo(top.path("sub")).git("log", "-2", "--format=%s").count("job 1") == 1
    assert "nothing to save, working tree clean" in top.datalad("status", "-r")


def test_a_file_of_the_parent_that_is_wrong_changes_nothing_below(top: Repo) -> None:
    bad = top.write("bad", b"x")
    top.path("bad").write_bytes(b"y")
    before = Repo(top.path("sub")).head()
    with pytest.raises(RecordError, match="'bad'"):
        top.record(job(1, top.write("sub/a", b"a")), job(2, bad))
    assert Repo(top.path("sub")).head() == before


def test_a_subdataset_that_is_not_installed_is_named(top: Repo, tmp_path: Path) -> None:
    clone = Repo(tmp_path / "clone")
    top.git("clone", "-q", ".", str(clone.root))
    with pytest.raises(RecordError, match="'sub' is not installed") as caught:
        clone.record(job(1, clone.write("sub/a", b"a")))
    assert "datalad get" in str(caught.value.remedy)


def test_commits_of_the_user_in_a_subdataset_are_not_taken_along(top: Repo) -> None:
    sub = Repo(top.path("sub"))
    sub.write("mine", b"x")
    sub.commit_all()
    before = top.head()
    with pytest.raises(RecordError, match="'sub' has other commits than its parent says") as caught:
        top.record(job(1, top.write("sub/a", b"a")))
    assert "datalad save" in str(caught.value.remedy)
    assert top.head() == before


def test_a_subdataset_without_a_branch_is_refused(top: Repo) -> None:
    Repo(top.path("sub")).git("checkout", "-q", "--detach")
    with pytest.raises(RecordError, match=r"No branch is checked out in '.*/sub'"):
        top.record(job(1, top.write("sub/a", b"a")))


def test_a_repository_that_is_no_submodule_is_left_alone(top: Repo) -> None:
    make_plain(top.path("foreign"))
    written = top.record(job(1, top.write("foreign/a", b"a"), top.write("b", b"b")))
    assert top.changed() == ["b"]
    assert "which is no submodule here" in written.left_out[0].reason
