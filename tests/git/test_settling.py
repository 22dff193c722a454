"""What is done once the branch has moved, piece by piece."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git import refs
from snakemake_renku.provenance.git.intent import Annexed, Intent, Notes, Text
from snakemake_renku.provenance.git.keys import object_file
from snakemake_renku.provenance.git.locations import with_presence
from snakemake_renku.provenance.git.recovery import recover
from snakemake_renku.provenance.git.repository import open_repository
from snakemake_renku.provenance.git.store import Store
from snakemake_renku.provenance.git.worktree import WorkTree
from tests.git.repos import Repo, binary, digest, job

KEY = "SHA256E-s4--ea30aa31f22b9f4f6ddab48dae196286b1654536c4843c1491df75d7c25377b9.nc"


def nothing(_: bytes) -> bytes:
    raise AssertionError


class Tree:
    """A working tree with one file, as it was found, and a store that has its content."""

    def __init__(self, root: Path) -> None:
        self.file = root / "a.nc"
        self.file.write_bytes(binary("a"))
        self.store = Store(root / ".git")
        self.annexed = annexed(self.file)
        self.store.put(os.fsencode(self.file), self.annexed)
        self.object = self.store.file(KEY)
        (root / "scratch").mkdir()
        self.tree = WorkTree(root, root / "scratch")

    def settle(self) -> list[bytes]:
        return self.tree.settle([self.annexed], (), self.store, nothing)


def annexed(file: Path) -> Annexed:
    seen = file.stat()
    return Annexed(b"a.nc", KEY, seen.st_size, seen.st_mtime_ns, seen.st_ino)


def test_the_store_shares_the_content_until_the_file_is_replaced(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    assert tree.object.samefile(tree.file)
    assert tree.settle() == []
    assert tree.file.is_symlink()
    assert stat.S_IMODE(tree.object.stat().st_mode) == 0o444
    assert tree.settle() == []


def test_a_file_that_was_made_anew_meanwhile_is_left_alone(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.file.unlink()
    tree.file.write_bytes(b"other")
    assert tree.settle() == [b"a.nc"]
    assert tree.file.read_bytes() == b"other"
    assert tree.object.read_bytes() == binary("a")


def test_a_content_that_was_written_to_meanwhile_is_not_kept_as_what_it_was(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    with tree.file.open("ab") as file:
        file.write(b"more")
    assert tree.settle() == [b"a.nc"]
    assert tree.file.read_bytes() == binary("a") + b"more"
    assert not tree.object.exists()


def test_a_file_on_another_file_system_is_replaced_at_once_too(tmp_path: Path) -> None:
    scratch = Path("/dev/shm") / f"renku-test-{os.getpid()}"
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one file system here")
    tree = Tree(tmp_path)
    scratch.mkdir()
    try:
        tree.tree = WorkTree(tmp_path, scratch)
        assert tree.settle() == []
    finally:
        shutil.rmtree(scratch)
    assert tree.file.is_symlink()
    assert sorted(os.listdir(tmp_path)) == [".git", "a.nc", "scratch"]


def test_a_text_that_the_user_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"by hand")
    tree = WorkTree(tmp_path, tmp_path)
    text = Text(b"text", b"name", None)
    assert tree.settle((), [text], None, lambda _: b"ours") == [b"text"]
    assert (tmp_path / "text").read_bytes() == b"by hand"


def test_a_store_lacks_what_is_damaged_and_not_locked(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    seen = digest(binary("a"))
    assert not tree.store.lacks(tree.annexed, seen)
    tree.object.unlink()
    assert tree.store.lacks(tree.annexed, seen)
    tree.object.write_bytes(binary("b"))
    assert tree.store.lacks(tree.annexed, seen)
    tree.object.write_bytes(b"")
    assert tree.store.lacks(tree.annexed, seen)
    tree.store.put(os.fsencode(tree.file), tree.annexed)
    assert tree.object.read_bytes() == binary("a")


def test_what_was_put_in_can_be_taken_out_again(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.object.parent.chmod(0o555)
    tree.store.withdraw(object_file(KEY))
    assert list(tree.store.folder.iterdir()) == []
    tree.store.withdraw(object_file(KEY))
    assert tree.file.read_bytes() == binary("a")


# Location logs

US = b"11111111-2222-3333-4444-555555555555"
THEM = b"66666666-7777-8888-9999-000000000000"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"100s 1 %s\n" % US),
        (b"50s 1 %s\n" % US, b"50s 1 %s\n" % US),
        (b"50s 0 %s\n" % US, b"100s 1 %s\n" % US),
        (b"500.5s 0 %s\n" % US, b"501s 1 %s\n" % US),
        (b"50s 1 %s\n60s 0 %s\n" % (US, US), b"100s 1 %s\n" % US),
        (b"60s 1 %s\n50s 0 %s\n" % (US, US), b"60s 1 %s\n50s 0 %s\n" % (US, US)),
        (b"70s 1 %s\n" % THEM, b"70s 1 %s\n100s 1 %s\n" % (THEM, US)),
        (b"50s X %s\nodd\n" % US, b"odd\n100s 1 %s\n" % US),
    ],
)
def test_a_log_says_that_the_content_is_here(before: bytes, after: bytes) -> None:
    assert with_presence(before, US, 100) == after


# Locks that were left


def intent_of(repo: Repo, new: str) -> Intent:
    return Intent(
        marker="renku-record x\n",
        name="run x",
        ref="refs/heads/main",
        old=repo.head(),
        new=new,
        old_annex=None,
        new_annex=None,
        changes=(),
        annexed=(),
        texts=(),
    )


def test_the_locks_of_a_transaction_that_was_killed_are_removed(
    plain: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refs, "_SETTLE", 0.1)
    new = "1" * 40
    notes = Notes(plain.path(".git"))
    notes.begin()
    notes.save(intent_of(plain, new))
    plain.path(".git/refs/heads/main.lock").write_text(f"{new}\n")
    plain.path(".git/HEAD.lock").touch()
    plain.record(job(1, plain.write("a", b"x")))
    assert plain.status() == ""


def test_the_locks_of_others_on_branches_are_not(
    plain: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refs, "_SETTLE", 0.1)
    lock = plain.path(".git/refs/heads/main.lock")
    lock.write_text("2" * 40 + "\n")
    refs.break_own_locks(open_repository(plain.root), intent_of(plain, "1" * 40))
    assert lock.exists()


def test_notes_that_cannot_be_read_are_named(plain: Repo) -> None:
    notes = Notes(plain.path(".git"))
    notes.begin()
    (notes.folder / "intent").write_bytes(b"\xff")
    with pytest.raises(RecordError, match="cannot be read") as caught:
        recover(open_repository(plain.root))
    assert "renku-record" in str(caught.value.remedy)


def test_notes_without_an_intent_are_cleared_away(plain: Repo) -> None:
    notes = Notes(plain.path(".git"))
    notes.begin()
    plain.record(job(1, plain.write("a", b"x")))
    assert not notes.folder.exists()


# Without git-annex


@pytest.fixture
def only_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search path with git, but without git-annex."""
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.mark.usefixtures("only_git")
def test_git_annex_is_not_needed_for_what_is_usual(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.nc", binary("a")), annex.write("b.txt", b"text")))
    assert annex.path("a.nc").is_symlink()


@pytest.mark.usefixtures("only_git")
def test_git_annex_is_asked_for_where_it_is_needed(annex: Repo) -> None:
    annex.git("config", "annex.largefiles", "mimetype=text/plain")
    with pytest.raises(RecordError, match="git-annex cannot be run") as caught:
        annex.record(job(1, annex.write("a.nc", binary("a"))))
    assert "pip install" in str(caught.value.remedy)
