"""Clones in which something is not as it was, and jobs that cannot be executed again."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from pathlib import Path

from .conftest import Project, Replay, git, replay


def reason(replayed: Replay, rule: str) -> str:
    executed = replayed.one(rule)
    assert executed.record is None
    assert executed.not_replayable is not None
    return executed.not_replayable


def test_a_job_that_fails_stops_only_those_that_read_from_it(project: Project, clone: Path) -> None:
    (clone / "scripts/b.py").write_text("raise SystemExit('broken on purpose')")
    replayed = replay(project, clone, "a", "b", "c", "d", "e", "f", "all")
    failed = replayed.one("b").record
    assert failed is not None
    assert failed.failure is not None
    assert "broken on purpose" in failed.stderr_tail
    (b,) = replayed.jobs("b")
    why = f"its input out/b.txt was not made, because job {b.spec.id} (rule b) failed"
    assert reason(replayed, "c") == why
    assert "out/c.txt was not made" in reason(replayed, "all")
    assert replayed.one("d").ok
    assert replayed.one("f").ok


def test_a_file_that_was_not_made_again_is_not_there_from_before(
    project: Project, clone: Path
) -> None:
    (clone / "out/b.txt").unlink()
    assert "out/b.txt is not there" in reason(replay(project, clone, "c"), "c")
    assert not (clone / "out/c.txt").exists()


def test_a_missing_input_is_named(project: Project, clone: Path) -> None:
    (clone / "data/a.txt").unlink()
    replayed = replay(project, clone, "a", "b", "c", "d")
    assert reason(replayed, "a") == "input data/a.txt is not there (it is not in the repository)"
    assert reason(replayed, "b").endswith("(rule a) could not be replayed")
    assert reason(replayed, "c").endswith("(rule b) could not be replayed")
    assert replayed.one("d").ok


def test_an_input_whose_content_was_not_fetched_is_told_as_such(
    project: Project, clone: Path
) -> None:
    (clone / "data/a.txt").unlink()
    (clone / "data/a.txt").symlink_to("../.git/annex/objects/x/y/SHA256E-s4--0/SHA256E-s4--0")
    assert "(its content was not fetched)" in reason(replay(project, clone, "a"), "a")


def test_a_temporary_input_is_missing_if_its_maker_is_not_replayed(
    project: Project, clone: Path
) -> None:
    replayed = replay(project, clone, "f")
    (e,) = replayed.jobs("e")
    assert reason(replayed, "f") == (
        f"input tmp/e.txt is not there (job {e.spec.id} (rule e), which made it, is not replayed)"
    )


def test_a_job_alone_takes_its_inputs_as_they_are_in_the_clone(
    project: Project, clone: Path
) -> None:
    replayed = replay(project, clone, "c")
    assert replayed.one("c").ok
    assert replayed.replayed("c") == replayed.recorded("c")


def test_a_script_that_is_not_in_the_clone_is_code_that_is_not_in_git(
    project: Project, clone: Path
) -> None:
    (clone / "scripts/b.py").unlink()
    replayed = replay(project, clone, "a", "b")
    assert reason(replayed, "b") == "code not in git: scripts/b.py"


def test_plain_commands_are_executed_without_a_snakefile(project: Project, clone: Path) -> None:
    (clone / "Snakefile").unlink()
    replayed = replay(project, clone, "a", "b", "e", "f")
    assert reason(replayed, "b") == "code not in git: Snakefile"
    assert replayed.one("a").ok
    assert replayed.one("f").ok


def test_a_snakefile_that_does_not_parse_fails_the_jobs_that_need_it(
    project: Project, clone: Path
) -> None:
    (clone / "Snakefile").write_text("rule a\n")
    replayed = replay(project, clone, "a", "b")
    failed = replayed.one("b").record
    assert failed is not None
    assert failed.failure is not None
    assert "could not be parsed" in failed.failure.message
    assert replayed.one("a").ok


def test_annexed_outputs_are_not_written_through(project: Project, clone: Path) -> None:
    content = b"annexed\n"
    kept = clone / ".git/annex/objects/x/y/SHA256E-s8--0/SHA256E-s8--0"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(content)
    for name in ("out/a.txt", "logs/f.log"):
        (clone / name).unlink()
        (clone / name).symlink_to(os.path.relpath(kept, (clone / name).parent))
    replayed = replay(project, clone, "a", "e", "f")
    assert kept.read_bytes() == content
    assert replayed.replayed("a") == replayed.recorded("a")
    assert not (clone / "logs/f.log").is_symlink()


def test_nothing_is_written_through_a_linked_folder(
    project: Project, clone: Path, tmp_path: Path
) -> None:
    shutil.rmtree(clone / "out")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("precious")
    (clone / "out").symlink_to(outside)
    replayed = replay(project, clone, "a")
    assert reason(replayed, "a") == "it writes to out/a.txt, which is not within the repository"
    assert (outside / "a.txt").read_text() == "precious"


def test_a_job_that_ends_well_without_its_output_has_failed(project: Project, clone: Path) -> None:
    (clone / "data/d.txt").unlink()
    (clone / "data/d.txt").mkdir()
    replayed = replay(project, clone, "d")
    failed = replayed.one("d").record
    assert failed is not None
    assert failed.failure is not None


def test_the_clones_own_changes_are_what_is_executed(project: Project, clone: Path) -> None:
    (clone / "data/d.txt").write_text("another\n")
    replayed = replay(project, clone, "d")
    digest = "sha256:" + hashlib.sha256(b"another\n").hexdigest()
    assert replayed.replayed("d") == {"out/d.txt": digest}


def test_on_one_core_there_is_one_job_at_a_time(project: Project, clone: Path) -> None:
    replayed = replay(project, clone, "a", "d", "e", cores=1)
    records = sorted(
        (executed.record for executed in replayed.executed.values() if executed.record),
        key=lambda record: record.started,
    )
    assert len(records) == 3
    pairs = itertools.pairwise(records)
    assert all(before.finished <= after.started for before, after in pairs)


def test_the_clone_is_otherwise_left_as_it_is(project: Project, clone: Path) -> None:
    replay(project, clone, "a", "d")
    assert git(clone, "status", "--porcelain") == ""
