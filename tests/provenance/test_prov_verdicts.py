"""Verdicts of replays as W3C PROV, with the runs and alone."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path

import pytest
from prov.model import ProvDocument

from snakemake_renku.journal import RunHistory
from snakemake_renku.model import (
    Difference,
    Finding,
    JobVerdict,
    OutputVerdict,
    Place,
    Tolerance,
    Verdict,
)
from snakemake_renku.provenance.prov import document_of_verdict, write_verdict

from .prov_journals import HOSTILE, START, Journal, Told, digest, file, made, told, written

RUN = "20260101T000000.000-0001"
PLACE = Place("laptop", "eve", "3.12.1", "9.28.0", "0.2.0", digest("other packages"), "Linux")

FINDING = Finding(
    "different",
    "netcdf",
    (Difference("variable volume", "1.0", "2.0", 1.0), Difference("variable area")),
    2,
    ("created",),
    largest_absolute=1.0,
    largest_relative=math.inf,
)


def verdict(**more: object) -> Verdict:
    fields = {
        "id": "20260201T000000.000-aaaa",
        "target": "results/a.nc",
        "runs": (RUN,),
        "outcome": "different",
        "started": START + 86400,
        "finished": START + 86500,
        "place": PLACE,
        "tolerance": Tolerance(1e-6, 0.0),
        "jobs": (
            JobVerdict("1.1", RUN, "fit", "identical", wall_s=2.0, recorded_wall_s=1.0),
            JobVerdict("2.1", RUN, "plot", "different", "not the same", ("the image",)),
        ),
        "outputs": (
            OutputVerdict("a", "1.1", "identical", digest("a"), digest("a")),
            OutputVerdict("b", "2.1", "different", digest("b"), digest("other b"), FINDING, "why"),
        ),
        "commit": "c0ffee",
        "notes": ("It ran in another image.",),
    }
    return Verdict(**{**fields, **more})  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> RunHistory:
    journal = Journal(tmp_path)
    journal.job("1.1", [file("in")], [made("a")], (1.0, 2.0), rule="fit")
    journal.job("2.1", [made("a", role="input")], [made("b")], (3.0, 4.0), rule="plot")
    return journal.end()


def alone(found: Verdict, *runs: RunHistory) -> Told:
    return Told(document_of_verdict(found, runs))


def test_a_replay_is_an_activity_with_its_outcome_and_tolerance(run: RunHistory) -> None:
    doc = told(run, verdicts=[verdict()])
    replay = doc.one("Activity", type="Replay")
    assert doc.value(replay, "outcome") == "different"
    assert doc.value(replay, "relativeTolerance") == 1e-6
    assert doc.value(replay, "absoluteTolerance") == 0.0
    assert doc.value(replay, "commit") == "c0ffee"
    assert doc.value(replay, "note") == "It ran in another image."
    assert doc.value(replay, "startTime").timestamp() == START + 86400


def test_a_replay_says_who_made_it_where_and_with_what(run: RunHistory) -> None:
    doc = told(run, verdicts=[verdict()])
    replay = doc.id(doc.one("Activity", type="Replay"))
    agents = [doc.value(one, "agent") for one in doc.all("Association", activity=replay)]
    labels = {doc.value(agent, "label") for agent in doc.all("Agent") if doc.id(agent) in agents}
    assert labels == {
        *("eve", "laptop", "python 3.12.1"),
        *("snakemake-renku 0.2.0", "snakemake 9.28.0"),
    }


def test_a_replay_used_what_was_recorded_and_what_came_out(run: RunHistory) -> None:
    doc = told(run, verdicts=[verdict()])
    replay = doc.id(doc.one("Activity", type="Replay"))
    recorded = doc.all("Usage", activity=replay, role="recorded")
    made_by = {
        doc.value(doc.one("Generation", entity=doc.value(one, "entity")), "activity")
        for one in recorded
    }
    assert made_by == {f"attempt__{RUN}__1.1", f"attempt__{RUN}__2.1"}
    replayed = doc.all("Usage", activity=replay, role="replayed")
    jobs = [
        doc.value(doc.one("Generation", entity=doc.value(one, "entity")), "activity")
        for one in replayed
    ]
    assert jobs == [f"replayed__20260201T000000.000-aaaa__{RUN}__{id}" for id in ("1.1", "2.1")]


def test_the_same_bytes_are_versions_of_one_content(run: RunHistory) -> None:
    doc = told(run, verdicts=[verdict()])
    versions = [doc.id(one) for one in doc.all("Entity", type="Version", path="a")]
    contents = {
        doc.value(doc.one("Specialization", specificEntity=one), "generalEntity")
        for one in versions
    }
    assert (len(versions), len(contents)) == (2, 1)
    alternates = {
        doc.value(one, name)
        for one in doc.all("Alternate")
        for name in ("alternate1", "alternate2")
    }
    assert alternates >= set(versions)


def test_an_output_says_what_the_comparison_found(run: RunHistory) -> None:
    doc = told(run, verdicts=[verdict()])
    usage = doc.one("Usage", role="recorded", outcome="different")
    assert doc.value(usage, "reason") == "why"
    assert doc.value(usage, "comparedAs") == "netcdf"
    assert doc.value(usage, "differences") == 2
    assert doc.value(usage, "firstDifference") == "variable volume: 1.0 became 2.0"
    assert doc.value(usage, "ignored") == "created"
    assert doc.value(usage, "largestAbsoluteDifference") == 1.0


def test_a_replayed_attempt_says_why_it_was_not_the_same(run: RunHistory) -> None:
    doc = told(run, verdicts=[verdict()])
    replayed = doc.one("Activity", type="ReplayedAttempt", outcome="different")
    assert doc.value(replayed, "replayOf") == f"attempt__{RUN}__2.1"
    assert doc.value(replayed, "reason") == "not the same"
    assert doc.value(replayed, "cause") == "the image"
    assert doc.value(replayed, "partOf") == doc.id(doc.one("Activity", type="Replay"))


def test_the_verdict_itself_is_an_entity_that_the_replay_made(run: RunHistory) -> None:
    doc = told(run, verdicts=[verdict()])
    entity = doc.one("Entity", type="Verdict")
    generation = doc.one("Generation", entity=doc.id(entity))
    assert doc.value(generation, "activity") == doc.id(doc.one("Activity", type="Replay"))
    assert doc.value(generation, "time").timestamp() == START + 86500


def test_what_was_not_made_again_is_only_used_as_recorded(run: RunHistory) -> None:
    output = OutputVerdict("a", "1.1", "failed", digest("a"), None, reason="The job failed.")
    doc = told(run, verdicts=[verdict(outputs=(output,), outcome="failed")])
    replay = doc.id(doc.one("Activity", type="Replay"))
    usage = doc.one("Usage", activity=replay)
    assert doc.value(usage, "outcome") == "failed"
    assert doc.value(usage, "reason") == "The job failed."


def test_an_output_of_which_neither_digest_is_known_is_left_out(run: RunHistory) -> None:
    doc = told(run, verdicts=[verdict(outputs=(OutputVerdict("x", "9.1", "not replayable"),))])
    replay = doc.id(doc.one("Activity", type="Replay"))
    assert doc.all("Usage", activity=replay) == []


def test_a_replay_by_a_clock_before_the_run_has_only_its_own_clocks_times(run: RunHistory) -> None:
    doc = told(run, verdicts=[verdict(started=START - 90, finished=START - 80)])
    replay = doc.one("Activity", type="Replay")
    assert doc.values(replay, "startTime") == []
    assert doc.value(replay, "clockStarted").timestamp() == START - 90


def test_a_verdict_is_told_once_and_verdicts_in_the_order_of_their_ids(run: RunHistory) -> None:
    first, second = verdict(id="20260201T000000.000-aaaa"), verdict(id="20260202T000000.000-bbbb")
    assert written([run], "json", verdicts=[second, first, second]) == written(
        [run], "json", verdicts=[first, second]
    )


def test_of_jobs_with_the_same_id_in_two_runs_the_maker_of_the_file_is_meant(
    tmp_path: Path,
) -> None:
    one, two = Journal(tmp_path), Journal(tmp_path, "20260101T010000.000-0002", START + 3600)
    one.job("1.1", [], [made("a")])
    two.job("1.1", [], [made("b")])
    jobs = (
        JobVerdict("1.1", one.run, "rule", "identical"),
        JobVerdict("1.1", two.run, "rule", "identical"),
    )
    outputs = (OutputVerdict("b", "1.1", "identical", digest("b"), digest("b")),)
    both = verdict(runs=(one.run, two.run), jobs=jobs, outputs=outputs)
    doc = told(one.end(), two.end(), verdicts=[both])
    recorded = doc.value(doc.one("Usage", role="recorded"), "entity")
    made_by = doc.value(doc.one("Generation", entity=recorded), "activity")
    assert made_by == f"attempt__{two.run}__1.1"


# Alone


def test_a_verdict_alone_holds_what_it_is_about_and_no_more(run: RunHistory) -> None:
    doc = alone(verdict(), run)
    assert {doc.value(one, "path") for one in doc.all("Entity", type="Version")} == {"a", "b"}
    assert len(doc.all("Activity", type="Attempt")) == 2
    assert doc.all("Derivation") == []


def test_a_verdict_alone_names_things_as_the_export_of_the_run_does(run: RunHistory) -> None:
    single, whole = alone(verdict(), run), told(run)
    for kind in ("Entity", "Activity", "Generation"):
        theirs = {whole.id(one): one for one in whole.all(kind)}
        ours = [single.id(one) for one in single.all(kind)]
        assert set(ours) & set(theirs)
        for one in single.all(kind):
            if single.id(one) in theirs:
                assert one == theirs[single.id(one)]


def test_a_verdict_merges_with_the_export_of_its_run(run: RunHistory) -> None:
    merged = ProvDocument()
    merged.update(told(run).document)
    merged.update(alone(verdict(), run).document)
    Told(merged.unified())  # type: ignore[arg-type]


def test_a_verdict_can_be_written_without_the_journal_of_its_run(run: RunHistory) -> None:
    without, with_run = alone(verdict()), alone(verdict(), run)
    for path in ("a", "b"):
        names = [
            {doc.id(one) for one in doc.all("Entity", type="Version", path=path)}
            for doc in (without, with_run)
        ]
        assert names[0] == names[1]


@pytest.mark.filterwarnings("ignore:Dataset:DeprecationWarning")
@pytest.mark.parametrize("format", ["json", "provn", "xml", "turtle"])
def test_a_verdict_is_written_in_each_format(run: RunHistory, format: str) -> None:
    buffer = BytesIO()
    write_verdict(verdict(target=HOSTILE, notes=(HOSTILE,)), [run], buffer, format=format)  # type: ignore[arg-type]
    buffer.seek(0)
    if format == "turtle":
        read = ProvDocument.deserialize(buffer, format="rdf", rdf_format="turtle")
    else:
        read = ProvDocument.deserialize(buffer, format=format)
    found = [one for one in read.get_records() if "Replay" in str(one.get_asserted_types())]
    assert found
