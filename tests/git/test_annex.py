"""What goes into the annex is there as git-annex itself would have put it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git import RecordedFile
from snakemake_renku.provenance.git.keys import log_file, object_file
from snakemake_renku.runner.digest import digest_paths
from snakemake_renku.runner.digest_cache import DigestCache
from tests.git.repos import BEGAN, Repo, binary, copy, digest, job, make_annex, remove


def twin(repo: Repo, names: dict[str, bytes], tmp_path: Path) -> Repo:
    """A copy of the repository in which `git annex add` has added the same files."""
    other = copy(repo, tmp_path / "twin")
    for name, content in names.items():
        other.write(name, content)
    other.annex("add", "--quiet", ".")
    other.git("commit", "-q", "-m", "by git-annex")
    return other


def test_the_commit_is_the_one_that_git_annex_would_make(annex: Repo, tmp_path: Path) -> None:
    names = {
        "a.nc": binary("a"),
        "deep/er/b.tar.gz": binary("b"),
        "same as a": binary("a"),
        "text.csv": b"x,y\n1,2\n",
        "empty": b"",
        ".hidden": binary("h"),
        ".dot/data.bin": binary("d"),
        "tool": b"#!/bin/sh\n",
        "bin/tool": binary("#!"),
    }
    other = twin(annex, names, tmp_path)
    other.path("tool").chmod(0o755)
    other.git("add", "tool")
    other.git("commit", "-q", "--amend", "--no-edit")
    files = [annex.write(name, content) for name, content in names.items()]
    annex.path("tool").chmod(0o755)
    written = annex.record(job(1, *files))
    assert annex.git("ls-tree", "-r", "HEAD") == other.git("ls-tree", "-r", "HEAD")
    assert (written.annexed, written.in_git) == (4, 5)
    assert annex.status() == ""
    logs = annex.names("git-annex")
    assert [name for name in logs if name.endswith(".log")] == [
        name for name in other.names("git-annex") if name.endswith(".log")
    ]
    annex.check()
    remove(other.root)


def test_git_annex_knows_where_the_content_is(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.nc", binary("a"))))
    assert "1 copy" in annex.annex("whereis", "a.nc")
    assert "[here]" in annex.annex("whereis", "a.nc")
    log = annex.content(log_file(annex.key("a.nc")), "git-annex").decode()
    uuid = annex.git("config", "annex.uuid").strip()
    assert log == f"{int(BEGAN) + 1}s 1 {uuid}\n"
    assert annex.annex("unused").endswith("ok\n")


def test_a_clone_gets_the_content(annex: Repo, tmp_path: Path) -> None:
    annex.record(job(1, annex.write("deep/a.nc", binary("a")), annex.write("b.txt", b"b")))
    clone = Repo(tmp_path / "clone")
    annex.git("clone", "-q", ".", str(clone.root))
    assert not clone.path("deep/a.nc").exists()
    clone.datalad("get", "deep/a.nc")
    assert clone.path("deep/a.nc").read_bytes() == binary("a")
    clone.check()
    remove(clone.root)


def test_a_file_that_is_annexed_keeps_its_time_and_so_does_its_folder(annex: Repo) -> None:
    file = annex.write("out/a.nc", binary("a"), mtime=1_600_000_000.123456789)
    before = annex.path("out/a.nc").stat().st_mtime_ns
    os.utime(annex.path("out"), ns=(5, 1_600_000_007_123_456_789))
    annex.record(job(1, file))
    path = annex.path("out/a.nc")
    assert path.is_symlink()
    assert path.lstat().st_mtime_ns == path.stat().st_mtime_ns == before
    assert annex.path("out").stat().st_mtime_ns == 1_600_000_007_123_456_789


def test_a_content_is_never_newer_than_a_file_that_has_it(annex: Repo) -> None:
    """Snakemake looks at both the link's time and the content's."""
    annex.record(job(1, annex.write("new.nc", binary("a"), mtime=2_000_000_000)))
    annex.record(job(2, annex.write("old.nc", binary("a"), mtime=1_000_000_000)))
    annex.record(job(3, annex.write("newest.nc", binary("a"), mtime=2_100_000_000)))
    times = {name: annex.path(name).lstat().st_mtime for name in ("new.nc", "old.nc", "newest.nc")}
    assert times == {"new.nc": 2_000_000_000, "old.nc": 1_000_000_000, "newest.nc": 2_100_000_000}
    assert annex.path("new.nc").stat().st_mtime == 1_000_000_000
    annex.check()


def test_the_content_and_its_folder_are_locked(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.nc", binary("a"))))
    target = annex.path("a.nc").resolve()
    assert stat.S_IMODE(target.stat().st_mode) == 0o444
    assert stat.S_IMODE(target.parent.stat().st_mode) == 0o555
    assert target.stat().st_nlink == 1


def test_a_content_with_another_name_elsewhere_is_copied(annex: Repo, tmp_path: Path) -> None:
    file = annex.write("a.nc", binary("a"))
    os.link(annex.path("a.nc"), tmp_path / "mine")
    annex.record(job(1, file))
    with (tmp_path / "mine").open("ab") as mine:
        mine.write(b"changed")
    assert annex.path("a.nc").read_bytes() == binary("a")
    annex.check()


def test_the_same_content_twice_is_kept_once(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.nc", binary("a"))), job(2, annex.write("b.nc", binary("a"))))
    assert annex.path("a.nc").resolve() == annex.path("b.nc").resolve()
    annex.check()


def test_a_run_that_is_recorded_again_reads_links_as_their_keys(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.nc", binary("a"))))
    annex.annex("drop", "--force", "--quiet", "a.nc")
    written = annex.record(job(2, RecordedFile("a.nc", digest(binary("a")))))
    assert annex.changed() == []
    assert written.annexed == 1
    with pytest.raises(RecordError, match=r"'a.nc': it has the digest"):
        annex.record(job(3, RecordedFile("a.nc", digest(binary("b")))))


def test_a_key_that_does_not_tell_the_digest_is_compared_by_its_content(tmp_path: Path) -> None:
    repo = make_annex(tmp_path / "md5", "* annex.backend=MD5E\n")
    repo.record(job(1, repo.write("a.nc", binary("a"))))
    assert repo.key("a.nc").startswith("MD5E-s4--")
    repo.record(job(2, RecordedFile("a.nc", digest(binary("a")))))
    with pytest.raises(RecordError, match=r"'a.nc': it has the digest"):
        repo.record(job(3, RecordedFile("a.nc", digest(binary("b")))))
    repo.annex("drop", "--force", "--quiet", "a.nc")
    with pytest.raises(RecordError, match=r"'a.nc': its content is not here"):
        repo.record(job(3, RecordedFile("a.nc", digest(binary("a")))))
    remove(repo.root)


def test_the_same_content_made_anew_changes_nothing(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.nc", binary("a"))))
    written = annex.record(job(2, annex.write("a.nc", binary("a"))))
    assert annex.changed(written.head) == []
    assert annex.path("a.nc").is_symlink()
    assert annex.status() == ""
    annex.check()


def test_a_new_content_takes_the_place_of_the_old(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.nc", binary("a"))))
    first = annex.path("a.nc").resolve()
    annex.record(job(2, annex.write("a.nc", binary("b"))))
    assert annex.path("a.nc").read_bytes() == binary("b")
    assert first.read_bytes() == binary("a")
    annex.check()


def test_an_executable_stays_executable_here(annex: Repo) -> None:
    file = annex.write("tool", binary("#!"))
    annex.path("tool").chmod(0o755)
    annex.record(job(1, file))
    assert stat.S_IMODE(annex.path("tool").stat().st_mode) == 0o555


def test_a_protected_output_in_a_protected_folder_is_recorded(annex: Repo) -> None:
    files = [annex.write("safe/a.nc", binary("a")), annex.write("safe/b.txt", b"b")]
    for name in ("safe/a.nc", "safe/b.txt"):
        annex.path(name).chmod(0o444)
    annex.path("safe").chmod(0o555)
    annex.record(job(1, *files))
    assert stat.S_IMODE(annex.path("safe").stat().st_mode) == 0o555
    assert annex.path("safe/a.nc").is_symlink()
    assert annex.status() == ""
    annex.check()


def test_an_output_that_is_a_link_is_recorded_as_a_link(annex: Repo) -> None:
    file = annex.write("results/a.nc", binary("a"))
    annex.path("latest").symlink_to("results/a.nc")
    link = RecordedFile("latest", file.digest)
    annex.record(job(1, file, link))
    assert annex.mode("latest") == "120000"
    assert annex.content("latest") == b"results/a.nc"
    assert annex.path("latest").read_bytes() == binary("a")
    assert annex.status() == ""
    annex.path("latest").unlink()
    annex.path("latest").symlink_to("README")
    with pytest.raises(RecordError, match="'latest': it has the digest"):
        annex.record(job(2, link))


# Unlocked files


def test_a_file_that_was_unlocked_stays_unlocked(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.nc", binary("a"))))
    annex.annex("unlock", "--quiet", "a.nc")
    annex.git("commit", "-q", "-m", "unlock")
    annex.record(job(2, annex.write("a.nc", binary("b"))))
    assert annex.mode("a.nc") == "100644"
    assert annex.content("a.nc").startswith(b"/annex/objects/SHA256E-s4--")
    assert annex.path("a.nc").read_bytes() == binary("b")
    assert not annex.path("a.nc").is_symlink()
    assert annex.status() == ""
    annex.check()
    annex.annex("drop", "--force", "--quiet", "a.nc")
    assert annex.path("a.nc").read_bytes().startswith(b"/annex/objects/")


@pytest.mark.parametrize("value", ["true", "include=*.nc"])
def test_the_setting_that_unlocks_is_followed(annex: Repo, value: str) -> None:
    annex.git("config", "annex.addunlocked", value)
    annex.record(job(1, annex.write("a.nc", binary("a"))))
    annex.path("a.nc").chmod(0o644)
    with annex.path("a.nc").open("ab") as file:
        file.write(b"changed")
    stored = annex.path(".git/annex/objects") / object_file(annex.key("a.nc"))
    assert stored.read_bytes() == binary("a")
    assert annex.status() == " M a.nc\n"


def test_an_unlocked_file_without_content_counts_as_its_key(annex: Repo, tmp_path: Path) -> None:
    annex.git("config", "annex.addunlocked", "true")
    file = annex.write("a.nc", binary("a"))
    annex.record(job(1, file))
    clone = Repo(tmp_path / "clone")
    annex.git("clone", "-q", ".", str(clone.root))
    clone.annex("init", "-q")
    clone.record(job(2, RecordedFile("a.nc", file.digest)))
    assert clone.changed() == []
    with pytest.raises(RecordError, match=r"'a.nc': it has the digest"):
        clone.record(job(3, RecordedFile("a.nc", digest(b"other"))))
    remove(clone.root)


# The branch git-annex


def test_what_git_annex_has_journalled_is_not_lost(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.nc", binary("a"))))
    key, uuid = annex.key("a.nc"), annex.git("config", "annex.uuid").strip()
    other = "11111111-2222-3333-4444-555555555555"
    annex.annex("setpresentkey", "-c", "annex.alwayscommit=false", key, other, "1")
    annex.annex("setpresentkey", "-c", "annex.alwayscommit=false", key, uuid, "0")
    assert list(annex.path(".git/annex/journal").iterdir())
    annex.record(job(2, annex.write("b.nc", binary("a")), annex.write("c.nc", binary("c"))))
    log = annex.content(log_file(key), "git-annex").decode()
    assert f" 1 {other}\n" in log
    assert f" 1 {uuid}\n" in log
    assert "2 copies" in annex.annex("whereis", "b.nc")
    assert annex.git("fsck", "--strict", "--no-dangling") == ""


def test_git_annex_goes_on_after_a_record(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.nc", binary("a"))))
    annex.write("mine.nc", binary("m"))
    annex.annex("add", "--quiet", "mine.nc")
    annex.git("commit", "-q", "-m", "mine")
    annex.record(job(2, annex.write("b.nc", binary("b"))))
    annex.annex("metadata", "--quiet", "--set", "author=me", "a.nc")
    annex.record(job(3, annex.write("c.nc", binary("c"))))
    for name in ("a.nc", "b.nc", "c.nc", "mine.nc"):
        assert "1 copy" in annex.annex("whereis", name)
    assert "author=me" in annex.annex("metadata", "a.nc")
    annex.check()


def test_a_content_that_git_annex_drops_and_we_make_anew_is_here_again(annex: Repo) -> None:
    annex.record(job(1, annex.write("a.nc", binary("a"))))
    annex.annex("drop", "--force", "--quiet", "a.nc")
    annex.record(job(2, annex.write("a.nc", binary("a"))))
    assert "1 copy" in annex.annex("whereis", "a.nc")
    annex.check()


def test_all_locations_of_a_batch_are_one_commit(annex: Repo) -> None:
    before = annex.head("git-annex")
    annex.record(*(job(n, annex.write(f"{n}.nc", binary(str(n)))) for n in range(20)))
    assert annex.head("git-annex^") == before
    annex.record(*(job(n, annex.write(f"{n}.txt", b"text")) for n in range(20, 22)))
    assert annex.head("git-annex^") == before


def test_unusual_annexes_are_refused(annex: Repo) -> None:
    annex.git("config", "annex.private", "true")
    with pytest.raises(RecordError, match=r"annex\.private"):
        annex.record(job(1, annex.write("a.nc", binary("a"))))


# Times and digests


def test_the_cache_knows_what_went_into_the_annex(annex: Repo, tmp_path: Path) -> None:
    cache = DigestCache(tmp_path)
    file = annex.write("a.nc", binary("a"))
    annex.record(job(1, file), cache=cache)
    path = annex.path("a.nc")
    known = DigestCache(tmp_path).lookup([(os.fsencode(path), path.stat())])
    assert known == [bytes.fromhex(digest(binary("a")).removeprefix("sha256:"))]


_opened: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str | bytes):
        _opened.append(os.fsdecode(arguments[0]))


def test_a_large_file_that_the_cache_knows_is_not_read_again(annex: Repo) -> None:
    file = annex.write("a.nc", bytes(3_000_000))
    path = str(annex.path("a.nc"))
    cache = DigestCache(None)
    digest_paths([path], cache)
    annex.git("config", "annex.largefiles", "anything")
    sys.addaudithook(_watch)
    _opened.clear()
    annex.record(job(1, file), cache=cache)
    assert path not in _opened
    assert os.path.islink(path)
