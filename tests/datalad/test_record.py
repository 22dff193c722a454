from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from snakemake_renku.errors import RecordError
from snakemake_renku.journal import RunHistory
from snakemake_renku.model import Environment, ResolvedEnvironment, SourceFile
from snakemake_renku.provenance.datalad import Recorded, record
from tests.datalad.lab import DSID, RUN, Lab, git, run_info_of

LATER = "20250102T000000.000-0002"


def recorded_message(lab: Lab, job: str) -> str:
    return git(lab.root, "log", "-1", "--format=%B", f"--grep=^Renku-Job: {job}$")


def record_of(lab: Lab, job: str) -> dict[str, Any]:
    return run_info_of(recorded_message(lab, job))


def in_git(lab: Lab) -> list[str]:
    return git(lab.root, "ls-tree", "-r", "--name-only", "-z", "HEAD").rstrip("\0").split("\0")


def two_jobs(lab: Lab) -> RunHistory:
    lab.write("in.txt", "1\n")
    lab.commit("data")
    run = lab.run()
    run.job("make", reads=["in.txt"], makes={"out/a.txt": "a\n", "out/a.dat": "d" * 99})
    run.job("use", reads=["out/a.txt"], makes={"b.txt": "b\n"}, wildcards={"n": "1"})
    return run.end()


def test_a_run_becomes_one_commit_for_its_journal_and_one_for_each_job(lab: Lab) -> None:
    recorded = record(lab.workdir, two_jobs(lab))
    assert lab.subjects()[:3] == [
        "[DATALAD RUNCMD] use n=1",
        "[DATALAD RUNCMD] make",
        f"Record of run {RUN}",
    ]
    assert recorded.head == git(lab.root, "rev-parse", "HEAD")
    assert (recorded.in_git, recorded.annexed) == (2, 1)
    assert git(lab.root, "status", "--porcelain") == ""


def test_a_job_has_just_its_own_files(lab: Lab) -> None:
    record(lab.workdir, two_jobs(lab))
    changed = git(lab.root, "log", "-1", "--format=", "--name-only", "--grep=Renku-Job: 1.1")
    assert changed.split() == ["out/a.dat", "out/a.txt"]


def test_the_journal_is_recorded_byte_for_byte_and_never_annexed(lab: Lab) -> None:
    run = two_jobs(lab)
    record(lab.workdir, run)
    copy = f".snakemake-renku/runs/{RUN}.jsonl"
    assert (lab.workdir / copy).read_bytes() == run.path.read_bytes()
    assert git(lab.root, "show", f"HEAD:{copy}").encode() + b"\n" == run.path.read_bytes()
    attributes = (lab.workdir / ".snakemake-renku" / ".gitattributes").read_text()
    assert attributes == "* annex.largefiles=nothing\n"


def test_commits_are_dated_by_the_jobs(lab: Lab) -> None:
    record(lab.workdir, two_jobs(lab))
    dates = git(lab.root, "log", "-3", "--format=%at %ct").splitlines()
    assert dates == ["1735689602 1735689602", "1735689601 1735689601", "1735689600 1735689600"]


def test_the_record_names_inputs_outputs_and_the_dataset(lab: Lab) -> None:
    record(lab.workdir, two_jobs(lab))
    found = record_of(lab, "1.1")
    assert found["inputs"] == ["in.txt"]
    assert found["outputs"] == ["out/a.txt", "out/a.dat"]
    assert (found["dsid"], found["pwd"], found["extra_inputs"]) == (DSID, ".", [])


def test_paths_are_relative_to_a_working_directory_below_the_root(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "study", "analysis/wf")
    (lab.root / "shared.txt").write_text("s")
    lab.commit("shared")
    run = lab.run()
    run.job(
        "r",
        reads=[str(lab.root / "shared.txt")],
        makes={"o.txt": "o"},
        command=f"cat {lab.root}/shared.txt > {lab.workdir}/o.txt",
    )
    record(lab.workdir, run.end())
    found = record_of(lab, "1.1")
    assert (found["pwd"], found["inputs"]) == ("analysis/wf", ["../../shared.txt"])
    assert "cat ../../shared.txt > o.txt" in found["cmd"]
    assert f"analysis/wf/.snakemake-renku/runs/{RUN}.jsonl" in in_git(lab)


def test_a_run_is_recorded_once(lab: Lab) -> None:
    run = two_jobs(lab)
    first = record(lab.workdir, run)
    again = record(lab.workdir, run)
    assert again.already
    assert again.head == first.commits[0]
    assert git(lab.root, "rev-parse", "HEAD") == first.head


def test_a_record_that_was_undone_can_be_made_again_and_is_the_same(lab: Lab) -> None:
    run = two_jobs(lab)
    first = record(lab.workdir, run)
    git(lab.root, "reset", "-q", "--soft", "HEAD~3")
    assert record(lab.workdir, run).commits == first.commits


def test_a_journal_that_was_edited_after_its_recording_is_noticed(lab: Lab) -> None:
    run = two_jobs(lab)
    record(lab.workdir, run)
    run.path.write_bytes(run.path.read_bytes() + b"\n")
    with pytest.raises(RecordError, match="another journal"):
        record(lab.workdir, run)


def test_a_dry_run_says_what_it_would_do_and_does_nothing(lab: Lab) -> None:
    run = two_jobs(lab)
    before = git(lab.root, "rev-parse", "HEAD")
    planned = record(lab.workdir, run, dry_run=True)
    assert planned.planned
    assert planned.commits[1:] == ("[DATALAD RUNCMD] make", "[DATALAD RUNCMD] use n=1")
    assert git(lab.root, "rev-parse", "HEAD") == before


def test_a_run_that_goes_on_is_not_recorded(lab: Lab) -> None:
    run = two_jobs(lab)
    run.end, run.alive = None, True
    with pytest.raises(RecordError, match="still running"):
        record(lab.workdir, run)


def test_of_a_run_that_was_cut_off_the_good_jobs_are_recorded(lab: Lab) -> None:
    run = lab.run()
    run.job("make", makes={"a.txt": "a"})
    assert len(record(lab.workdir, run.end(None)).commits) == 2


def test_target_rules_are_not_recorded(lab: Lab) -> None:
    run = lab.run()
    run.job("make", makes={"a.txt": "a"})
    run.job("all", reads=["a.txt"], command=None, kind="none")
    assert len(record(lab.workdir, run.end()).commits) == 2


def test_in_plain_git_the_same_records_are_made_without_an_id(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "study", plain=True)
    recorded = record(lab.workdir, two_jobs(lab))
    assert (recorded.in_git, recorded.annexed) == (3, 0)
    assert "dsid" not in record_of(lab, "1.1")


def test_a_repository_that_has_moved_is_recorded_as_well(lab: Lab, tmp_path: Path) -> None:
    two_jobs(lab)
    moved = tmp_path / "moved"
    shutil.move(lab.root, moved)
    from snakemake_renku.journal import find_run, read_run

    record(moved, read_run(find_run(moved)))
    assert git(moved, "status", "--porcelain") == ""


# Outputs


def test_a_file_that_a_person_changed_is_refused(lab: Lab) -> None:
    run = two_jobs(lab)
    lab.write("b.txt", "B\n")
    with pytest.raises(RecordError, match=r"b\.txt.*"):
        record(lab.workdir, run)
    assert lab.subjects()[0] == "data"


def test_a_file_of_another_size_is_refused_with_what_was_expected_and_found(lab: Lab) -> None:
    run = two_jobs(lab)
    lab.write("b.txt", "longer than before\n")
    with pytest.raises(RecordError, match=r"b\.txt.*job 2\.1.*sha256:.*sha256:"):
        record(lab.workdir, run)


def test_a_missing_output_is_refused_and_can_be_left_out(lab: Lab) -> None:
    run = two_jobs(lab)
    (lab.workdir / "b.txt").unlink()
    with pytest.raises(RecordError, match="--without-missing"):
        record(lab.workdir, run)
    recorded = record(lab.workdir, run, without_missing=True)
    assert [(one.path, one.reason) for one in recorded.left_out] == [
        ("b.txt", "it is not there any more")
    ]


def test_an_ignored_output_is_left_out_and_datalad_is_not_told_of_it(lab: Lab) -> None:
    lab.write(".gitignore", ".snakemake/\nscratch/\n")
    lab.commit("ignore")
    run = lab.run()
    run.job("make", makes={"scratch/a": "a"})
    run.job("use", reads=["scratch/a"], makes={"b.txt": "b"})
    recorded = record(lab.workdir, run.end())
    assert [one.path for one in recorded.left_out] == ["scratch/a"]
    assert record_of(lab, "1.1")["outputs"] == []
    assert record_of(lab, "2.1")["inputs"] == []


def test_an_output_outside_of_the_repository_is_left_out(lab: Lab, tmp_path: Path) -> None:
    run = lab.run()
    run.job("make", makes={str(tmp_path / "elsewhere"): "a"})
    recorded = record(lab.workdir, run.end())
    assert "outside" in recorded.left_out[0].reason


def test_a_name_that_datalad_cannot_handle_is_left_out_and_passed_over(lab: Lab) -> None:
    run = lab.run()
    run.job("make", makes={"a\nb": "a"})
    recorded = record(lab.workdir, run.end())
    assert "line break" in recorded.left_out[0].reason
    assert lab.subjects()[0] == "[RENKU] make"
    assert "pass over jobs 1.1" in recorded.notices[0]


def test_the_files_of_a_folder_are_recorded_with_its_stamp(lab: Lab) -> None:
    lab.write("d/x.txt", "x")
    lab.write("d/sub/y.dat", "y")
    lab.write("d/.snakemake_timestamp")
    (lab.workdir / "d" / "link").symlink_to("x.txt")
    run = lab.run()
    run.job("make", makes={"d": ""}, flags={"d": ["directory"]})
    record(lab.workdir, run.end())
    assert {"d/x.txt", "d/sub/y.dat", "d/.snakemake_timestamp", "d/link"} <= set(in_git(lab))
    assert git(lab.root, "status", "--porcelain") == ""
    assert record_of(lab, "1.1")["outputs"] == ["d"]


def test_a_folder_that_changed_is_refused(lab: Lab) -> None:
    lab.write("d/x.txt", "x")
    run = lab.run()
    run.job("make", makes={"d": ""}, flags={"d": ["directory"]})
    history = run.end()
    lab.write("d/more.txt", "")
    with pytest.raises(RecordError, match="sha256-tree"):
        record(lab.workdir, history)


# temp()


def with_temp(lab: Lab, *, remove: bool = True) -> Any:
    run = lab.run()
    run.job("make", makes={"t.txt": "t"}, flags={"t.txt": ["temp"]})
    run.job("first", reads=["t.txt"], makes={"a.txt": "a"})
    run.job("second", reads=["t.txt"], makes={"b.txt": "b"})
    if remove:
        (lab.workdir / "t.txt").unlink()
    return run


def test_the_last_reader_of_a_temporary_file_removes_it(lab: Lab) -> None:
    recorded = record(lab.workdir, with_temp(lab).end())
    assert len(recorded.commits) == 4
    assert "rm -rf -- t.txt" not in record_of(lab, "1.1")["cmd"]
    assert "rm -rf -- t.txt" not in record_of(lab, "2.1")["cmd"]
    assert record_of(lab, "3.1")["cmd"].endswith(" && rm -rf -- t.txt")


def test_a_temporary_file_that_was_kept_is_recorded(lab: Lab) -> None:
    record(lab.workdir, with_temp(lab, remove=False).end())
    assert "t.txt" in in_git(lab)
    assert "rm -rf" not in record_of(lab, "3.1")["cmd"]


def test_a_temporary_file_of_a_failed_run_waits_for_the_next_one(lab: Lab) -> None:
    recorded = record(lab.workdir, with_temp(lab, remove=False).end("failed"))
    assert [one.path for one in recorded.left_out] == ["t.txt"]
    assert "t.txt" not in in_git(lab)


def test_a_temporary_file_that_a_later_run_used_up_is_removed_by_that(lab: Lab) -> None:
    first = lab.run()
    first.job("make", makes={"t.txt": "t"}, flags={"t.txt": ["temp"]})
    failed = first.end("failed")
    second = lab.run(LATER)
    second.job("use", reads=["t.txt"], makes={"b.txt": "b"})
    history = second.end()
    (lab.workdir / "t.txt").unlink()
    record(lab.workdir, failed)
    record(lab.workdir, history)
    assert "rm -rf" not in git(lab.root, "log", "-1", "--format=%B", "HEAD~2")
    assert git(lab.root, "log", "-1", "--format=%B").count("rm -rf -- t.txt") == 1


# Several jobs or runs that write one file


def test_a_file_that_two_jobs_wrote_belongs_to_the_last(lab: Lab) -> None:
    run = lab.run()
    run.job("make", makes={"a.txt": "first"})
    run.job("again", reads=["a.txt"], makes={"a.txt": "second"}, flags={"a.txt": ["update"]})
    recorded = record(lab.workdir, run.end())
    assert [one.reason for one in recorded.left_out] == ["a later job of this run wrote it anew"]
    assert git(lab.root, "log", "-1", "--format=", "--name-only", "--", "a.txt") == "a.txt"
    assert lab.subjects()[0] == "[DATALAD RUNCMD] again"


def test_an_older_run_does_not_claim_what_a_later_one_wrote(lab: Lab) -> None:
    first = lab.run()
    first.job("make", makes={"a.txt": "old", "same.txt": "same"})
    older = first.end()
    second = lab.run(LATER)
    second.job("make", makes={"a.txt": "new"})
    newer = second.end()
    recorded = record(lab.workdir, older)
    assert [(one.path, one.reason) for one in recorded.left_out] == [
        ("a.txt", f"run {LATER} wrote it anew")
    ]
    assert "a.txt" not in in_git(lab)
    record(lab.workdir, newer)
    assert git(lab.root, "show", "HEAD:a.txt") == "new"
    assert git(lab.root, "status", "--porcelain") == ""


# Inputs and code


@pytest.mark.parametrize("content", ["2\n", "22\n"])
def test_an_input_that_was_changed_and_committed_since_is_refused(lab: Lab, content: str) -> None:
    run = two_jobs(lab)
    lab.write("in.txt", content)
    lab.commit("other data")
    with pytest.raises(RecordError, match=r"changed since the run.*in\.txt"):
        record(lab.workdir, run)


def test_an_input_that_is_not_in_git_is_refused(lab: Lab) -> None:
    lab.write("new.txt", "n")
    run = lab.run()
    run.job("make", reads=["new.txt"], makes={"a.txt": "a"})
    history = run.end()
    with pytest.raises(RecordError, match=r"input not in git: new\.txt.*datalad save"):
        record(lab.workdir, history)
    git(lab.root, "add", "new.txt")
    git(lab.root, "commit", "-q", "-m", "input")
    record(lab.workdir, history)


def test_an_input_that_was_changed_but_not_committed_is_refused(lab: Lab) -> None:
    lab.write("in.txt", "1")
    lab.commit("data")
    lab.write("in.txt", "2")
    run = lab.run()
    run.job("make", reads=["in.txt"], makes={"a.txt": "a"})
    with pytest.raises(RecordError, match=r"changed, but not committed: in\.txt"):
        record(lab.workdir, run.end())


def test_an_input_that_git_stores_in_another_form_is_no_change(lab: Lab) -> None:
    with (lab.root / ".gitattributes").open("a") as file:
        file.write("in.txt text eol=crlf\n")
    lab.write("in.txt", "1\r\n2\r\n")
    lab.commit("data")
    run = lab.run()
    run.job("make", reads=["in.txt"], makes={"a.txt": "a"})
    assert len(record(lab.workdir, run.end()).commits) == 2


def test_an_output_of_a_run_that_is_not_recorded_names_that_run(lab: Lab) -> None:
    first = lab.run()
    first.job("make", makes={"a.txt": "a"})
    first.end()
    second = lab.run(LATER)
    second.job("use", reads=["a.txt"], makes={"b.txt": "b"})
    with pytest.raises(RecordError, match=f"run {RUN} made it: record that first"):
        record(lab.workdir, second.end())


def test_code_that_changed_is_refused(lab: Lab) -> None:
    run = two_jobs(lab)
    lab.write("Snakefile", "# another workflow\n")
    lab.commit("edit")
    with pytest.raises(RecordError, match=r"code changed since the run.*Snakefile"):
        record(lab.workdir, run)


def test_a_script_that_is_not_committed_is_refused(lab: Lab) -> None:
    script = lab.write("plot.py", "1")
    run = lab.run()
    digest = run.ref("plot.py", "script").digest
    run.job("plot", makes={"a.txt": ""}, command=None, script=str(script), code_digest=digest)
    with pytest.raises(RecordError, match=r"code not in git: plot\.py"):
        record(lab.workdir, run.end())


def test_an_input_outside_of_the_repository_is_told_of(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "shared.txt").write_text("s")
    run = lab.run()
    run.job("make", reads=[str(tmp_path / "shared.txt")], makes={"a.txt": "a"})
    recorded = record(lab.workdir, run.end())
    assert "is outside of the repository" in recorded.notices[0]
    assert record_of(lab, "1.1")["inputs"] == []


def test_an_ignored_input_is_told_of(lab: Lab) -> None:
    lab.write(".gitignore", ".snakemake/\n*.tmp\n")
    lab.commit("ignore")
    lab.write("x.tmp", "x")
    run = lab.run()
    run.job("make", reads=["x.tmp"], makes={"a.txt": "a"})
    assert "is ignored by git" in record(lab.workdir, run.end()).notices[0]


@pytest.mark.parametrize("backend", ["SHA256E", "MD5E"])
@pytest.mark.parametrize("dropped", [False, True])
def test_an_annexed_input_is_known_by_its_key(lab: Lab, backend: str, dropped: bool) -> None:
    (lab.root / ".gitattributes").write_text(f"*.dat annex.largefiles=anything backend={backend}\n")
    lab.write("in.dat", "d" * 50)
    git(lab.root, "annex", "add", "--backend", backend, "in.dat")
    lab.commit("data")
    run = lab.run()
    run.job("make", reads=["in.dat"], makes={"a.txt": "a"})
    history = run.end()
    if dropped:
        git(lab.root, "annex", "drop", "--force", "in.dat")
    assert record(lab.workdir, history).notices == ()


@pytest.mark.parametrize("backend", ["SHA256E", "MD5E"])
def test_an_annexed_input_with_other_content_is_refused(lab: Lab, backend: str) -> None:
    lab.write("in.dat", "d" * 50)
    git(lab.root, "annex", "add", "--backend", backend, "in.dat")
    lab.commit("data")
    run = lab.run()
    run.job("make", reads=["in.dat"], makes={"a.txt": "a"})
    history = run.end()
    (lab.workdir / "in.dat").unlink()
    lab.write("in.dat", "e" * 50)
    git(lab.root, "annex", "add", "--backend", backend, "in.dat")
    lab.commit("other data")
    with pytest.raises(RecordError, match="changed since the run"):
        record(lab.workdir, history)


def test_an_unlocked_input_is_taken(lab: Lab) -> None:
    lab.write("in.dat", "d" * 50)
    git(lab.root, "annex", "add", "--backend", "MD5E", "in.dat")
    git(lab.root, "annex", "unlock", "in.dat")
    lab.commit("data")
    run = lab.run()
    run.job("make", reads=["in.dat"], makes={"a.txt": "a"})
    assert record(lab.workdir, run.end()).notices == ()


def test_an_input_folder_must_be_committed_as_it_was_read(lab: Lab) -> None:
    lab.write("data/x.txt", "x")
    run = lab.run()
    run.job("make", reads=["data"], makes={"a.txt": "a"})
    history = run.end()
    with pytest.raises(RecordError, match=r"input not in git: data/x\.txt"):
        record(lab.workdir, history)
    git(lab.root, "add", "data")
    git(lab.root, "commit", "-q", "-m", "data")
    assert len(record(lab.workdir, history).commits) == 2


def add_subdataset(lab: Lab, tmp_path: Path) -> None:
    other = Lab(tmp_path / "other")
    other.write("x.txt", "x")
    other.commit("x")
    git(lab.root, "-c", "protocol.file.allow=always", "submodule", "add", str(other.root), "sub")
    for name, value in (("user.email", "a@b"), ("user.name", "a")):
        git(lab.root / "sub", "config", name, value)
    git(lab.root / "sub", "annex", "init", "-q", "sub")
    lab.commit("subdataset")


def test_inputs_of_a_subdataset_are_looked_up_in_it(lab: Lab, tmp_path: Path) -> None:
    add_subdataset(lab, tmp_path)
    run = lab.run()
    run.job("make", reads=["sub/x.txt"], makes={"a.txt": "a"})
    assert record(lab.workdir, run.end()).notices == ()


def test_an_input_that_changed_in_a_subdataset_is_refused(lab: Lab, tmp_path: Path) -> None:
    add_subdataset(lab, tmp_path)
    run = lab.run()
    run.job("make", reads=["sub/x.txt"], makes={"a.txt": "a"})
    history = run.end()
    (lab.root / "sub" / "x.txt").write_text("y")
    git(lab.root / "sub", "commit", "-q", "-am", "y")
    git(lab.root, "commit", "-q", "-m", "sub", "--", "sub")
    with pytest.raises(RecordError, match=r"changed since the run.*sub/x\.txt"):
        record(lab.workdir, history)


def test_outputs_in_a_subdataset_are_recorded_in_it(lab: Lab, tmp_path: Path) -> None:
    add_subdataset(lab, tmp_path)
    run = lab.run()
    run.job("make", makes={"sub/out.txt": "o", "a.txt": "a"})
    record(lab.workdir, run.end())
    assert git(lab.root / "sub", "show", "HEAD:out.txt") == "o"
    assert git(lab.root, "status", "--porcelain") == ""


# Secrets and images


def test_a_command_without_its_secret_is_no_run_record(lab: Lab) -> None:
    run = lab.run()
    run.job("get", makes={"a.txt": "a"}, command="curl -H [redacted:TOKEN] > a.txt")
    recorded = record(lab.workdir, run.end())
    assert "a secret was kept out" in recorded.notices[0]
    assert "[RENKU] get" in lab.subjects()[0]


def test_an_image_that_is_known_by_its_name_only_is_told_of(lab: Lab) -> None:
    run = lab.run()
    run.job(
        "tool",
        makes={"a.txt": "a"},
        environment=Environment(container="docker://tool:1"),
        ran_in=ResolvedEnvironment("docker://tool:1", "sha256:12", "file"),
    )
    assert "docker://tool:1 is recorded by its name" in record(lab.workdir, run.end()).notices[0]


def test_what_snakemake_keeps_must_be_ignored_where_it_is_called_again(lab: Lab) -> None:
    (lab.root / ".gitignore").unlink()
    lab.commit("nothing is ignored")
    run = lab.run()
    run.job("plot", makes={"a.txt": "a"}, command=None)
    assert ".gitignore" in record(lab.workdir, run.end()).notices[0]


# What stands in the way


def test_a_folder_without_a_repository_is_refused(lab: Lab) -> None:
    run = two_jobs(lab)
    (lab.root / ".git").rename(lab.root / "no-longer.git")
    with pytest.raises(RecordError, match="in no git repository"):
        record(lab.workdir, run)


def test_the_users_own_changes_stay_as_they_are(lab: Lab) -> None:
    run = two_jobs(lab)
    lab.write("staged.txt", "staged")
    git(lab.root, "add", "staged.txt")
    lab.write("notes.txt", "notes")
    record(lab.workdir, run)
    status = git(lab.root, "status", "--porcelain").splitlines()
    assert status == ["A  staged.txt", "?? notes.txt"]


def test_a_summary_names_what_was_done(lab: Lab) -> None:
    recorded = record(lab.workdir, two_jobs(lab))
    assert recorded.summary() == (f"Recorded run {RUN} on main: 2 jobs, 3 files (1 annexed).")
    assert isinstance(recorded, Recorded)


def test_a_configuration_file_outside_is_told_of(lab: Lab, tmp_path: Path) -> None:
    config = tmp_path / "site.yaml"
    config.write_text("")
    run = lab.run(sources=(SourceFile(str(config), "sha256:00"),))
    run.job("make", makes={"a.txt": "a"})
    assert "site.yaml" in record(lab.workdir, run.end()).notices[0]
