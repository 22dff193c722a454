"""How what a job read is tied to what another made, in runs of every shape."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snakemake_renku.errors import NoSuchRun
from snakemake_renku.journal import encode_verdict
from snakemake_renku.lineage import Lineage, find_target, read_records, trace
from snakemake_renku.lineage.describe import verdict_notes
from snakemake_renku.lineage.tree import tree
from snakemake_renku.model import (
    FileRef,
    JobVerdict,
    OutputVerdict,
    Place,
    Step,
    StepFiles,
    Tolerance,
    Verdict,
)
from tests.lineage.ledger import Ledger, put


def ask(ledger: Ledger, name: str, direction: str = "up", depth: int | None = None) -> Lineage:
    records = read_records(ledger.folder)
    target = find_target(records, name)
    verdicts, _ = verdict_notes(ledger.folder)
    return trace(
        records,
        target,
        asked=name,
        direction=direction,  # type: ignore[arg-type]
        depth=depth,
        verdicts=verdicts,
    )


def text(answer: Lineage) -> str:
    return "\n".join(f"{line.guide}{line.text}  {line.remark}" for line in tree(answer))


def rules(answer: Lineage) -> list[str]:
    return [job.rule for job in answer.jobs.values()]


def test_a_file_updated_in_place_leads_through_all_its_versions(ledger: Ledger) -> None:
    ledger.job("first", makes={"state": "1"})
    ledger.job("second", reads=["state"], makes={"state": "12"})
    ledger.job("third", reads=["state"], makes={"state": "123"})
    assert rules(ask(ledger, "state")) == ["third", "second", "first"]


def test_a_file_that_comes_back_to_an_old_version_does_not_go_round(ledger: Ledger) -> None:
    put(ledger.folder / "a", "1")
    ledger.job("there", reads=["a"], makes={"b": "2"})
    ledger.job("back", reads=["b"], makes={"a": "1"})
    ledger.job("there", reads=["a"], makes={"b": "2"})
    assert rules(ask(ledger, "b")) == ["there", "back", "there"]
    assert sorted(rules(ask(ledger, "a", "down"))) == ["back", "there", "there"]


def test_jobs_that_overlap_and_read_each_other_end(ledger: Ledger) -> None:
    put(ledger.folder / "a", "1")
    put(ledger.folder / "b", "2")
    with ledger.run() as run:
        run.job("x", reads=["a"], makes={"b": "2"}, at=5.0)
        run.job("y", reads=["b"], makes={"a": "1"}, at=5.0)
    assert rules(ask(ledger, "a")) == ["y", "x"]


def test_within_a_run_clocks_may_disagree(ledger: Ledger) -> None:
    with ledger.run() as run:
        run.job("make", makes={"a": "1"}, at=20.0)
        run.job("use", reads=["a"], makes={"b": "2"}, at=10.0)
    assert rules(ask(ledger, "b")) == ["use", "make"]


def test_what_was_made_later_is_no_origin(ledger: Ledger) -> None:
    put(ledger.folder / "a", "1")
    ledger.job("use", reads=["a"], makes={"b": "2"})
    ledger.job("make", makes={"a": "1"})
    assert rules(ask(ledger, "b")) == ["use"]


def test_an_input_that_was_changed_by_hand_is_told(ledger: Ledger) -> None:
    maker = ledger.job("make", makes={"a": "1"})
    put(ledger.folder / "a", "2")
    ledger.job("use", reads=["a"], makes={"b": "3"})
    answer = ask(ledger, "b")
    assert rules(answer) == ["use"]
    assert f"changed by something unrecorded after {maker} made it" in text(answer)


def test_an_empty_file_is_never_taken_for_a_copy(ledger: Ledger) -> None:
    ledger.job("make", makes={"empty": ""})
    put(ledger.folder / "other", "")
    ledger.job("use", reads=["other"], makes={"b": "3"})
    assert rules(ask(ledger, "b")) == ["use"]


def test_a_folder_leads_to_the_jobs_that_made_what_it_holds(ledger: Ledger) -> None:
    ledger.job("one", makes={"all/one": "1"})
    ledger.job("two", makes={"all/two": "2"})
    ledger.job("use", reads=["all"], makes={"b": "3"})
    answer = ask(ledger, "b")
    assert sorted(rules(answer)) == ["one", "two", "use"]
    assert "it made all/two, in this folder" in text(answer)
    assert rules(ask(ledger, "all/one", "down")) == ["use"]


def test_a_file_in_a_folder_leads_down_to_its_users_alone(ledger: Ledger) -> None:
    ledger.job("make", makes={"parts": {"a": "1", "b": "2"}})
    ledger.job("use_a", reads=["parts/a"], makes={"x": "3"})
    ledger.job("use_b", reads=["parts/b"], makes={"y": "4"})
    assert rules(ask(ledger, "parts/a", "down")) == ["use_a"]
    assert sorted(rules(ask(ledger, "parts", "down"))) == ["use_a", "use_b"]


def test_a_pipe_leads_to_the_job_that_fills_it(ledger: Ledger) -> None:
    with ledger.run() as run:
        run.job("fill", makes={"p": None}, flags={"p": ("pipe",)}, at=5.0)
        run.job("drain", reads=["p"], makes={"b": "1"}, flags={"p": ("pipe",)}, at=5.0)
    answer = ask(ledger, "b")
    assert rules(answer) == ["drain", "fill"]


def test_within_a_group_what_a_step_makes_for_another_is_no_input(ledger: Ledger) -> None:
    put(ledger.folder / "in", "1")
    steps = (Step("one", "shell", command="1"), Step("two", "shell", command="2"))
    between = "sha256:" + "a" * 64
    files = (
        StepFiles(
            "one",
            (FileRef("in", "input", "file", "sha256:" + "b" * 64, 1),),
            (FileRef("mid", "output", "file", between, 1),),
        ),
        StepFiles(
            "two",
            (FileRef("mid", "input", "file", between, 1),),
            (FileRef("out", "output", "file", "sha256:" + "c" * 64, 1),),
        ),
    )
    with ledger.run() as run:
        run.write(steps, files, 1.0, 2.0)
    answer = ask(ledger, "out")
    (job,) = answer.jobs.values()
    assert [answer.files[id].path for id in job.inputs] == ["in"]
    assert "rule two: $ 2" in text(answer)


def test_an_input_without_digest_is_tied_by_its_path_and_said_to_be(ledger: Ledger) -> None:
    digest = "sha256:" + "c" * 64
    with ledger.run() as run:
        run.job("make", makes={"a": "1"})
        unread = FileRef("a", "input", "file", problem="Permission denied.")
        made = FileRef("b", "output", "file", digest, 1)
        run.write((Step("use", "shell"),), (StepFiles("use", (unread,), (made,)),), 9e9, 9e9 + 1)
    answer = ask(ledger, digest)
    assert rules(answer) == ["use", "make"]
    assert "known by its path alone" in text(answer)


def test_downwards_a_job_with_several_ways_to_it_stands_behind_all_of_them(ledger: Ledger) -> None:
    put(ledger.folder / "source", "0")
    ledger.job("one", reads=["source"], makes={"a": "1"})
    ledger.job("two", reads=["source", "a"], makes={"b": "2"})
    answer = ask(ledger, "source", "down")
    used = {file.path: [tie.job for tie in file.used_by] for file in answer.files.values()}
    one, two = answer.jobs
    assert used == {"source": [one, two], "a": [two], "b": []}
    assert {file.path: file.role for file in answer.files.values()}["a"] == "output"


def test_a_version_that_was_made_twice_names_both_makers(ledger: Ledger) -> None:
    first = ledger.job("make", makes={"a": "1"})
    ledger.job("use", reads=["a"], makes={"b": "2"})
    second = ledger.job("make", makes={"a": "1"})
    answer = ask(ledger, "a")
    assert list(answer.jobs) == [second]
    assert f"the same was also made by {first}" in text(answer)
    assert rules(ask(ledger, "a", "down")) == ["use"]


def test_what_is_shared_is_shown_once(ledger: Ledger) -> None:
    ledger.job("base", makes={"a": "1"})
    ledger.job("left", reads=["a"], makes={"l": "2"})
    ledger.job("right", reads=["a"], makes={"r": "3"})
    ledger.job("join", reads=["l", "r"], makes={"j": "4"})
    shown = text(ask(ledger, "j"))
    assert shown.count("$ base > a") == 1
    assert shown.count("… see above") == 1


def test_the_depth_ends_the_answer_and_says_so(ledger: Ledger) -> None:
    ledger.job("one", makes={"a": "1"})
    ledger.job("two", reads=["a"], makes={"b": "2"})
    ledger.job("three", reads=["b"], makes={"c": "3"})
    answer = ask(ledger, "c", depth=2)
    assert rules(answer) == ["three", "two"]
    assert "… more beyond --depth" in text(answer)
    assert rules(ask(ledger, "a", "down", depth=1)) == ["two"]
    assert rules(ask(ledger, "c", depth=0)) == []


def test_a_chain_of_a_thousand_jobs_is_no_matter_of_recursion(ledger: Ledger) -> None:
    with ledger.run() as run:
        run.job("step", makes={"f0": "0"})
        for n in range(1, 1200):
            run.job("step", reads=[f"f{n - 1}"], makes={f"f{n}": str(n)})
    answer = ask(ledger, "f1199")
    assert len(answer.jobs) == 1200
    assert text(answer).count("made by step") == 1200


def test_names_that_no_terminal_bears_are_written_out(ledger: Ledger) -> None:
    name = "-ü\n'{a}\" \x1b[31m $(x)"
    ledger.job("make", makes={name: "1"})
    assert "-ü\\n'{a}\" \\x1b[31m $(x)" in text(ask(ledger, name))


def test_runs_in_other_folders_fit_together_by_relative_paths(ledger: Ledger) -> None:
    with ledger.run(workdir="/elsewhere") as run:
        run.job("make", makes={"a": "1"})
    with ledger.run() as run:
        run.job("use", reads=["a"], makes={"b": "2"})
    assert rules(ask(ledger, "b")) == ["use", "make"]


def test_verdicts_are_shown_with_who_and_where(ledger: Ledger) -> None:
    key = ledger.job("make", makes={"a": "1"})
    run, _, id = key.partition("/")
    verdict = Verdict(
        id="20260102T000000-beef",
        target="a",
        runs=(run,),
        outcome="identical",
        started=1.7e9,
        finished=1.7e9 + 60,
        place=Place("node2", "grace", "3.12"),
        tolerance=Tolerance(),
        jobs=(JobVerdict(id, run, "make", "identical"),),
        outputs=(OutputVerdict("a", id, "identical"),),
    )
    put(ledger.folder / ".snakemake-renku" / "verdicts" / "v.json", encode_verdict(verdict))
    assert "reproduced identically on 2023-11-1" in text(ask(ledger, "a"))
    assert "by grace on node2" in text(ask(ledger, "a"))


def test_a_beginning_of_several_digests_is_refused(ledger: Ledger) -> None:
    refs = tuple(
        FileRef(name, "output", "file", f"sha256:{'d' * 20}{name * 44}", 1) for name in "ab"
    )
    with ledger.run() as run:
        run.write((Step("make", "shell"),), (StepFiles("make", (), refs),), 1.0, 2.0)
    with pytest.raises(NoSuchRun, match="begins several digests"):
        ask(ledger, "sha256:dddddddddd")


def test_what_nobody_recorded_is_refused_with_a_remedy(ledger: Ledger) -> None:
    ledger.job("make", makes={"a": "1"})
    put(ledger.folder / "stray", "9")
    with pytest.raises(NoSuchRun, match="neither a file") as caught:
        ask(ledger, "stray")
    assert caught.value.remedy


def test_a_file_outside_of_the_folder_is_known_by_its_full_path(
    ledger: Ledger, tmp_path: Path
) -> None:
    put(tmp_path / "shared" / "data", "1")
    outside = str(tmp_path / "shared" / "data")
    ledger.job("use", reads=[outside], makes={"b": "2"})
    assert rules(ask(ledger, outside, "down")) == ["use"]
    os.chdir(tmp_path / "shared")
    assert rules(ask(ledger, "data", "down")) == ["use"]
