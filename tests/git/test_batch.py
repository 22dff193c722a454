"""A batch makes its commits, exactly, and only once."""

from __future__ import annotations

import os

import pytest

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git import Commit, RecordedFile
from tests.git.repos import BEGAN, Repo, binary, job


def test_each_job_has_its_commit_in_the_order_given(plain: Repo) -> None:
    before = plain.head()
    written = plain.record(
        job(1, plain.write("a", b"1")), job(2, plain.write("b", b"2"), plain.write("d/c", b"3"))
    )
    assert plain.git("rev-list", "--reverse", f"{before}..").split() == list(written.commits)
    assert plain.head() == written.head == written.commits[-1]
    assert [plain.changed(name) for name in written.commits] == [["a"], ["b", "d/c"]]
    assert (written.annexed, written.in_git, written.left_out) == (0, 3, ())
    assert plain.status() == ""
    plain.check()


def test_a_commit_has_the_message_and_the_date_that_were_given(plain: Repo) -> None:
    message = "[DATALAD RUNCMD] ünicode\n\n=== lines ===\n{}\n^^^\n\nRenku-Job: 1.1\n"
    plain.record(Commit(message, 1_600_000_000.9, (plain.write("a", b"x"),)))
    shown = plain.git("log", "-1", "--format=%at %ct %ad %an <%ae> %cn%n%B")
    date = "Sun Sep 13 12:26:40 2020 +0000"
    person = "A Modeller <modeller@example.org> A Modeller"
    assert shown == f"1600000000 1600000000 {date} {person}\n{message}\n"


def test_the_same_batch_makes_the_same_commits_elsewhere(
    plain: Repo, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Repo(tmp_path_factory.mktemp("other") / "clone")
    plain.git("clone", "-q", ".", str(other.root))
    heads = {repo.record(job(1, repo.write("a", b"x"))).head for repo in (plain, other)}
    assert len(heads) == 1


def test_a_second_attempt_finds_the_first(annex: Repo) -> None:
    commits = [job(1, annex.write("a", b"x")), job(2, annex.write("b.nc", binary("y")))]
    first = annex.record(*commits)
    second = annex.record(*commits)
    assert (second.head, second.commits) == (first.head, first.commits)


def test_a_second_attempt_finds_the_first_below_later_commits(plain: Repo) -> None:
    commits = [job(1, plain.write("a", b"x")), job(2, plain.write("b", b"y"))]
    first = plain.record(*commits)
    plain.write("README", b"changed")
    later = plain.commit_all()
    second = plain.record(*commits)
    assert (second.head, second.commits) == (later, first.commits)
    assert plain.head() == later


def test_a_job_that_made_the_same_again_has_a_commit_without_changes(plain: Repo) -> None:
    plain.record(job(1, plain.write("a", b"x")))
    written = plain.record(job(2, plain.write("a", b"x")))
    assert plain.changed(written.head) == []


def test_an_empty_batch_does_nothing(plain: Repo) -> None:
    before = plain.head()
    written = plain.record()
    assert (written.head, written.commits) == (before, ())


def test_texts_are_written_in_git_and_in_the_working_tree(annex: Repo) -> None:
    journal = b'{"event":"run_started"}\n' * 9 + b"\0"
    texts = {".snakemake-renku/runs/x.jsonl": journal, ".snakemake-renku/.gitattributes": b"*\n"}
    written = annex.record(Commit("Record of run x\n", BEGAN, (), texts))
    assert annex.content(".snakemake-renku/runs/x.jsonl") == journal
    assert annex.path(".snakemake-renku/runs/x.jsonl").read_bytes() == journal
    assert annex.status() == ""
    assert (written.annexed, written.in_git) == (0, 0)


def test_a_text_that_has_changes_of_the_user_is_not_overwritten(plain: Repo) -> None:
    plain.write("notes", b"by hand")
    with pytest.raises(RecordError, match="have changes of yours: 'notes'"):
        plain.record(job(1, notes=b"by us"))
    assert plain.path("notes").read_bytes() == b"by hand"


def test_a_text_may_replace_what_was_committed(plain: Repo) -> None:
    plain.record(job(1, notes=b"first"))
    plain.record(job(2, notes=b"second"))
    assert plain.path("notes").read_bytes() == b"second"
    assert plain.status() == ""


def test_the_last_of_several_texts_at_a_path_stays(plain: Repo) -> None:
    first, second = plain.record(job(1, notes=b"first"), job(2, notes=b"second")).commits
    assert [plain.content("notes", ref) for ref in (first, second)] == [b"first", b"second"]
    assert plain.path("notes").read_bytes() == b"second"


def test_a_file_that_changed_since_is_refused_by_name(annex: Repo) -> None:
    before = annex.head(), annex.head("git-annex")
    good = annex.write("good.nc", binary("x"))
    bad = annex.write("bad", b"x")
    annex.path("bad").write_bytes(b"y")
    with pytest.raises(
        RecordError, match="'bad': it has the digest sha256:a1fce4363854ff"
    ) as caught:
        annex.record(job(1, good), job(2, bad))
    assert "Run the workflow again" in str(caught.value.remedy)
    assert (annex.head(), annex.head("git-annex")) == before
    assert annex.path("good.nc").is_file()
    assert not annex.path("good.nc").is_symlink()
    assert sorted(annex.status().split("\n")) == ["", "?? bad", "?? good.nc"]
    assert not list(annex.path(".git/annex").glob("objects/*/*"))


@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_a_large_file_that_changed_since_is_refused(annex: Repo, size: int) -> None:
    bad = annex.write("bad.nc", bytes(size))
    annex.path("bad.nc").write_bytes(b"\1" * size)
    with pytest.raises(RecordError, match=r"'bad.nc': it has the digest"):
        annex.record(job(1, bad))


def test_a_file_that_is_gone_is_refused_by_name(plain: Repo) -> None:
    gone = plain.write("gone", b"x")
    plain.path("gone").unlink()
    with pytest.raises(RecordError, match="'gone': it is not there any more"):
        plain.record(job(1, gone))


def test_a_file_without_a_digest_is_taken_as_it_is(plain: Repo) -> None:
    plain.write("a", b"anything")
    written = plain.record(job(1, RecordedFile("a"), RecordedFile("gone")))
    assert plain.content("a") == b"anything"
    assert [(one.path, one.reason) for one in written.left_out] == [
        ("gone", "it is not there any more")
    ]


def test_a_file_that_two_jobs_wrote_belongs_to_the_last(plain: Repo) -> None:
    early = RecordedFile("a", "sha256:" + "0" * 64)
    written = plain.record(job(1, early), job(2, plain.write("a", b"x")))
    assert [plain.changed(name) for name in written.commits] == [[], ["a"]]
    assert written.left_out[0].reason == "a later job wrote it anew"


def test_a_folder_in_the_place_of_a_file_is_refused(plain: Repo) -> None:
    plain.path("README").unlink()
    with pytest.raises(RecordError, match=r"a file in the place of a folder.*'README/a'"):
        plain.record(job(1, plain.write("README/a", b"x")))


def test_a_named_pipe_is_refused(plain: Repo) -> None:
    os.mkfifo(plain.path("pipe"))
    with pytest.raises(RecordError, match="'pipe': it is no file"):
        plain.record(job(1, RecordedFile("pipe")))


def test_what_git_ignores_is_left_out(plain: Repo) -> None:
    plain.write(".gitignore", b"*.log\nscratch/\n")
    plain.write("kept.log", b"x")
    plain.git("add", "-f", "kept.log", ".gitignore")
    plain.git("commit", "-q", "-m", "ignore")
    files = [plain.write(name, b"y") for name in ("a.log", "scratch/b", "kept.log", ":(top)*")]
    written = plain.record(job(1, *files))
    assert plain.changed() == [":(top)*", "kept.log"]
    assert {one.path: one.reason for one in written.left_out} == dict.fromkeys(
        ["a.log", "scratch/b"], "ignored by git (.gitignore)"
    )


def test_without_an_annex_large_files_are_left_out(plain: Repo) -> None:
    files = [plain.write("small", bytes(1000)), plain.write("large", bytes(1001))]
    written = plain.record(job(1, *files), git_limit=1000)
    assert plain.changed() == ["small"]
    assert [(one.path, one.reason) for one in written.left_out] == [
        ("large", "too large for git without an annex, 1001 bytes")
    ]


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 5_000_000])
def test_a_file_in_git_has_its_bytes_whatever_its_size(plain: Repo, size: int) -> None:
    content = os.urandom(size)
    plain.record(job(1, plain.write("a", content), plain.write("b", content)))
    assert plain.content("a") == plain.content("b") == content
    plain.check()


def test_the_reflogs_say_what_was_recorded(plain: Repo) -> None:
    plain.record(job(1, plain.write("a", b"x")), job(2, plain.write("b", b"x")))
    assert plain.git("reflog", "-1", "--format=%gs", "HEAD") == "renku: run x\n"
    assert plain.git("reflog", "-1", "--format=%gs", "main") == "renku: run x\n"
    assert plain.git("rev-parse", "HEAD@{1}") == plain.git("rev-parse", "HEAD~2")


def test_a_message_with_a_zero_byte_is_refused(plain: Repo) -> None:
    with pytest.raises(RecordError, match="zero byte"):
        plain.record(Commit("a\0b", BEGAN))


def test_nothing_is_left_behind(annex: Repo) -> None:
    before = {path.name for path in annex.path(".git").iterdir()}
    annex.record(job(1, annex.write("a.nc", binary("x"))))
    after = {path.name for path in annex.path(".git").iterdir()}
    assert after - before == {"renku-record.lock"}
    assert {path.suffix for path in annex.path(".git/objects/pack").iterdir()} == {".pack", ".idx"}
