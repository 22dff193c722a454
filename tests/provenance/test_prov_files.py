"""Which entity a file is, who made it, who used it, and from what it was derived."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_renku.model import Failure, FileSpec

from .prov_journals import START, Journal, Told, digest, file, made, told

ERROR = Failure("error", "It failed.", 1)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def later(folder: Path, hours: int = 1) -> Journal:
    return Journal(folder, f"20260101T0{hours}0000.000-000{hours}", START + 3600 * hours)


def version(doc: Told, path: str) -> str:
    return doc.id(doc.one("Entity", type="Version", path=path))


def content(doc: Told, path: str) -> str:
    return doc.id(doc.one("Entity", type="Content", path=path))


def used(doc: Told, attempt: str, run: int = 1) -> list[str]:
    """What an attempt used."""
    return [
        doc.value(one, "entity")
        for one in doc.all("Usage")
        if doc.value(one, "activity").endswith(f"{run}__{attempt}")
    ]


def test_a_file_has_path_digest_size_and_kind(journal: Journal) -> None:
    journal.job("1.1", [file("data/in.txt", "hello")])
    doc = told(journal.end())
    entity = doc.one("Entity", path="data/in.txt")
    assert doc.value(entity, "digest") == digest("hello")
    assert doc.value(entity, "size") == 5
    assert doc.value(entity, "kind") == "file"
    assert "http://purl.org/wf4ever/wfprov#Artifact" in doc.values(entity, "type")


def test_a_usage_has_role_name_time_and_mtime(journal: Journal) -> None:
    journal.job("1.1", [file("in", name="reads", role="script")], at=(1.0, 2.0))
    doc = told(journal.end())
    usage = doc.one("Usage", entity=content(doc, "in"))
    assert doc.value(usage, "role") == "script"
    assert doc.value(usage, "name") == "reads"
    assert doc.value(usage, "time").timestamp() == START + 1
    assert doc.value(usage, "mtime").timestamp() == START - 10


def test_a_generation_has_role_time_and_flags(journal: Journal) -> None:
    flags = {"output": (FileSpec("out", flags=("temp",)),)}
    journal.job("1.1", [], [made("out"), made("log", role="log")], (1.0, 2.0), step=flags)
    doc = told(journal.end())
    generation = doc.one("Generation", entity=version(doc, "out"))
    assert doc.value(generation, "role") == "output"
    assert doc.value(generation, "time").timestamp() == START + 2
    assert doc.value(generation, "flag") == "temp"
    log = doc.one("Generation", entity=version(doc, "log"))
    assert doc.value(log, "role") == "log"


def test_what_one_job_made_is_what_the_next_one_used(journal: Journal) -> None:
    journal.job("1.1", [], [made("a")], (1.0, 2.0))
    journal.job("2.1", [made("a", role="input")], [made("b")], (3.0, 4.0))
    doc = told(journal.end())
    assert used(doc, "2.1") == [version(doc, "a")]
    communication = doc.one("Communication")
    assert doc.value(communication, "informed").endswith("2.1")
    assert doc.value(communication, "informant").endswith("1.1")


def test_an_output_is_derived_from_each_input_by_a_usage_and_a_generation(
    journal: Journal,
) -> None:
    journal.job("1.1", [file("x"), file("y")], [made("out"), made("log", role="log")])
    doc = told(journal.end())
    derivations = doc.all("Derivation")
    assert [doc.value(one, "generatedEntity") for one in derivations] == [version(doc, "out")] * 2
    assert [doc.value(one, "usedEntity") for one in derivations] == [
        content(doc, "x"),
        content(doc, "y"),
    ]
    generation = doc.one("Generation", entity=version(doc, "out"))
    usage = doc.one("Usage", entity=content(doc, "y"))
    assert doc.value(derivations[1], "generation") == doc.id(generation)
    assert doc.value(derivations[1], "usage") == doc.id(usage)
    assert doc.value(derivations[1], "activity") == doc.value(usage, "activity")


def test_paths_are_relative_to_the_working_directory(journal: Journal) -> None:
    journal.job("1.1", [], [made("/recorded/here/results/a", "A")], (1.0, 2.0))
    journal.job("2.1", [file("./results/a", "A"), file("/elsewhere/b")], [], (3.0, 4.0))
    doc = told(journal.end())
    assert used(doc, "2.1") == [version(doc, "results/a"), content(doc, "/elsewhere/b")]


def test_a_file_that_another_run_made_is_the_same_entity(tmp_path: Path) -> None:
    one = Journal(tmp_path)
    one.job("1.1", [], [made("a")])
    two = later(tmp_path)
    two.job("1.1", [made("a", role="input")])
    doc = told(two.end(), one.end())
    assert used(doc, "1.1") == [version(doc, "a")]
    assert doc.value(doc.one("Communication"), "informant").endswith("0001__1.1")


def test_a_source_is_the_same_entity_in_all_runs(tmp_path: Path) -> None:
    one, two = Journal(tmp_path), Journal(tmp_path, "20260101T010000.000-0002", START + 3600)
    one.job("1.1", [file("data")])
    two.job("1.1", [file("data")])
    doc = told(one.end(), two.end())
    assert len(doc.all("Usage", entity=content(doc, "data"))) == 2


def test_a_workflow_moved_elsewhere_reads_the_same_entities(tmp_path: Path) -> None:
    one = Journal(tmp_path)
    two = Journal(tmp_path, "20260101T010000.000-0002", START + 3600, workdir="/moved/there")
    one.job("1.1", [file("/recorded/here/data", "D")])
    two.job("1.1", [file("/moved/there/data", "D")])
    doc = told(one.end(), two.end())
    assert len(doc.all("Usage", entity=content(doc, "data"))) == 2
    assert len(doc.all("Entity", type="http://purl.org/wf4ever/wfdesc#Workflow")) == 1


def test_the_same_bytes_made_again_are_another_version_of_one_content(tmp_path: Path) -> None:
    one, two = Journal(tmp_path), Journal(tmp_path, "20260101T010000.000-0002", START + 3600)
    one.job("1.1", [], [made("a")])
    two.job("1.1", [], [made("a")])
    two.job("2.1", [made("a", role="input")], at=(3.0, 4.0))
    doc = told(one.end(), two.end())
    versions = [doc.id(each) for each in doc.all("Entity", type="Version", path="a")]
    assert len(versions) == 2
    assert used(doc, "2.1", run=2) == versions[1:]
    general = {doc.value(each, "generalEntity") for each in doc.all("Specialization")}
    assert general == {content(doc, "a")}


def test_a_file_is_not_that_which_a_run_made_later(tmp_path: Path) -> None:
    one, two = Journal(tmp_path), Journal(tmp_path, "20260101T010000.000-0002", START + 3600)
    one.job("1.1", [file("a")])
    two.job("1.1", [], [made("a")])
    doc = told(one.end(), two.end())
    assert used(doc, "1.1") == [content(doc, "a")]


def test_a_file_that_was_changed_in_between_is_another_content(journal: Journal) -> None:
    journal.job("1.1", [], [made("a", "as made")], (1.0, 2.0))
    journal.job("2.1", [file("a", "changed by hand")], [], (3.0, 4.0))
    doc = told(journal.end())
    changed = doc.one("Entity", type="Content", digest=digest("changed by hand"))
    assert used(doc, "2.1") == [doc.id(changed)]
    assert len(doc.all("Communication")) == 1


def test_a_file_written_in_place_is_used_before_and_made_after(journal: Journal) -> None:
    journal.job("1.1", [file("a", "before")], [made("a", "after")])
    doc = told(journal.end())
    before = doc.one("Entity", type="Content", digest=digest("before"))
    assert used(doc, "1.1") == [doc.id(before)]
    assert doc.value(doc.one("Derivation"), "usedEntity") == doc.id(before)


def test_a_folder_is_a_collection(journal: Journal) -> None:
    journal.job("1.1", [], [made("d", kind="directory", digest="sha256-tree:00")])
    doc = told(journal.end())
    for kind in ("Version", "Content"):
        folder = doc.one("Entity", type=kind, path="d")
        assert "http://www.w3.org/ns/prov#Collection" in doc.values(folder, "type")


def test_a_file_of_a_folder_that_a_job_made_is_a_member_of_it(journal: Journal) -> None:
    journal.job("1.1", [], [made("d", kind="directory", digest="sha256-tree:00")], (1.0, 2.0))
    journal.job("2.1", [file("d/x", mtime=START + 1.5)], [], (3.0, 4.0))
    doc = told(journal.end())
    member = doc.one("Membership", collection=version(doc, "d"))
    assert doc.value(member, "entity") == content(doc, "d/x")
    assert doc.value(doc.one("Communication"), "informant").endswith("1.1")


def test_a_file_written_into_a_folder_afterwards_is_no_member(journal: Journal) -> None:
    journal.job("1.1", [], [made("d", kind="directory", digest="sha256-tree:00")], (1.0, 2.0))
    journal.job("2.1", [file("d/x", mtime=START + 2.5)], [], (3.0, 4.0))
    doc = told(journal.end())
    assert doc.all("Membership", collection=version(doc, "d")) == []


def test_what_is_missing_is_neither_used_nor_made(journal: Journal) -> None:
    gone = made("gone", kind="missing", digest=None, size=None)
    journal.job("1.1", [file("in", kind="missing", digest=None)], [gone], failure=ERROR)
    doc = told(journal.end())
    assert used(doc, "1.1") == []
    assert doc.all("Generation") == []


def test_what_has_no_content_is_told_without_a_digest(journal: Journal) -> None:
    device = file("dev", kind="special", digest=None, size=None, problem="It is a device.")
    journal.job("1.1", [device])
    doc = told(journal.end())
    entity = doc.one("Entity", path="dev")
    assert doc.value(entity, "kind") == "special"
    assert doc.value(entity, "problem") == "It is a device."
    assert doc.values(entity, "digest") == []


def test_what_a_failed_attempt_left_counts_if_it_stayed(journal: Journal) -> None:
    journal.job("1.1", [], [made("partial")], failure=ERROR)
    doc = told(journal.end("failed"))
    assert doc.value(doc.one("Generation"), "entity") == version(doc, "partial")


def test_what_a_failed_attempt_left_does_not_count_if_it_was_made_again(journal: Journal) -> None:
    journal.job("1.1", [], [made("a", "half"), made("log", role="log")], failure=ERROR)
    journal.job("1.2", [], [made("a", "whole")], (3.0, 4.0))
    doc = told(journal.end())
    assert {doc.value(one, "digest") for one in doc.all("Entity", type="Version")} == {
        digest("whole"),
        digest("log"),
    }


def test_steps_of_a_group_hand_files_over_at_unknown_times(journal: Journal) -> None:
    steps = [("a", [file("in")], [made("a")]), ("b", [made("a")], [made("b")])]
    journal.group("9.1", steps)
    doc = told(journal.end())
    handed = version(doc, "a")
    usage = doc.one("Usage", entity=handed)
    assert doc.values(usage, "time") == []
    assert doc.values(doc.one("Generation", entity=handed), "time") == []
    assert doc.value(doc.one("Generation", entity=version(doc, "b")), "time")
    pairs = {
        (doc.value(one, "generatedEntity"), doc.value(one, "usedEntity"))
        for one in doc.all("Derivation")
    }
    assert pairs == {(handed, content(doc, "in")), (version(doc, "b"), handed)}


def test_the_order_in_which_the_steps_of_a_group_are_recorded_does_not_matter(
    journal: Journal,
) -> None:
    steps = [("b", [made("a")], [made("b")]), ("a", [file("in")], [made("a")])]
    journal.group("9.1", steps)
    doc = told(journal.end())
    assert used(doc, "9.1") == [content(doc, "in"), version(doc, "a")]


def test_a_group_whose_steps_wait_for_one_another_hands_nothing_over(journal: Journal) -> None:
    steps = [("a", [made("b")], [made("a")]), ("b", [made("a")], [made("b")])]
    journal.group("9.1", steps)
    assert used(told(journal.end()), "9.1") == []


def test_a_pipe_within_a_group_is_one_entity(journal: Journal) -> None:
    pipe = made("p", kind="pipe", digest=None, size=None, mtime=None)
    journal.group("9.1", [("a", [], [pipe]), ("b", [pipe], [made("b")])])
    doc = told(journal.end())
    entity = doc.one("Entity", path="p")
    assert doc.value(entity, "kind") == "pipe"
    assert used(doc, "9.1") == [doc.id(entity)]


def test_of_very_many_inputs_and_outputs_no_derivations_are_stated(journal: Journal) -> None:
    journal.job("1.1", [file(f"i{n}") for n in range(101)], [made(f"o{n}") for n in range(100)])
    journal.job("2.1", [file("x")], [made("y")])
    doc = told(journal.end())
    assert len(doc.all("Derivation")) == 1
    assert len(doc.all("Usage", role="input")) == 102
    (many,) = doc.all("Activity", derivationsOmitted=True)
    assert doc.id(many).endswith("__1.1")


# Clocks


def test_a_usage_before_the_generation_by_another_clock_has_no_time(journal: Journal) -> None:
    journal.job("1.1", [], [made("a")], (1.0, 5.0))
    journal.job("2.1", [made("a", role="input"), file("b")], [made("c")], (4.0, 9.0), host="n2")
    doc = told(journal.end())
    assert doc.values(doc.one("Usage", entity=version(doc, "a")), "time") == []
    assert doc.value(doc.one("Usage", entity=content(doc, "b")), "time").timestamp() == START + 4
    attempt = doc.one("Activity", host=doc.id(doc.one("Agent", hostName="n2")), type="Attempt")
    assert doc.value(attempt, "startTime").timestamp() == START + 4


def test_an_attempt_that_ended_before_its_input_was_made_has_only_its_own_clocks_times(
    journal: Journal,
) -> None:
    journal.job("1.1", [], [made("a")], (1.0, 5.0))
    journal.job("2.1", [made("a", role="input")], [made("b")], (2.0, 3.0), host="n2")
    journal.job("3.1", [made("b", role="input")], [made("c")], (6.0, 7.0))
    doc = told(journal.end())
    (attempt,) = [one for one in doc.all("Activity") if doc.id(one).endswith("__2.1")]
    assert doc.values(attempt, "startTime") == []
    assert doc.values(attempt, "endTime") == []
    assert doc.value(attempt, "clockStarted").timestamp() == START + 2
    assert doc.value(attempt, "clockFinished").timestamp() == START + 3
    assert doc.values(doc.one("Generation", entity=version(doc, "b")), "time") == []
    assert doc.value(doc.one("Usage", entity=version(doc, "b")), "time").timestamp() == START + 6


def test_what_follows_an_attempt_without_times_cannot_end_before_that_ones_inputs(
    journal: Journal,
) -> None:
    journal.job("1.1", [], [made("a")], (1.0, 9.0))
    journal.job("2.1", [made("a", role="input")], [made("b")], (2.0, 3.0), host="n2")
    journal.job("3.1", [made("b", role="input")], [made("c")], (4.0, 5.0), host="n2")
    doc = told(journal.end())
    clocks = [doc.id(one)[-3:] for one in doc.all("Activity") if doc.values(one, "clockStarted")]
    assert clocks == ["2.1", "3.1"]


def test_a_clock_that_was_set_back_gives_no_times(journal: Journal) -> None:
    journal.job("1.1", at=(5.0, 4.0))
    doc = told(journal.end(after=-1.0))
    attempt = doc.one("Activity", type="Attempt")
    assert doc.values(attempt, "startTime") == []
    run = doc.one("Activity", run="20260101T000000.000-0001")
    assert doc.values(run, "endTime") == []
