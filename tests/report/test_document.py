"""What a report says of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from snakemake_renku.journal import read_run
from snakemake_renku.model import (
    Failure,
    JobVerdict,
    OutputVerdict,
    RunStatus,
    StepFiles,
    Usage,
)
from snakemake_renku.report.document import encode
from snakemake_renku.report.jobs import MOST_OUTPUT

from .journals import HOSTILE, Journal, digest, found, step, varied, verdict


def document(path: Path, *verdicts: Any) -> Any:
    return json.loads(encode(read_run(path), verdicts, ()))


class Read:
    """Looks things up in a document, as the page does."""

    def __init__(self, path: Path, *verdicts: Any) -> None:
        self.document = document(path, *verdicts)
        self.strings = self.document["strings"]
        self.jobs = self.document["jobs"]["id"]

    def column(self, table: str, name: str) -> list[Any]:
        values = self.document[table][name]
        count = {"jobs": len(self.jobs), "files": len(self.document["files"]["name"])}.get(table)
        if isinstance(values, dict):
            return [values["all"]] * (count or len(self.document[table]["inputs"]))
        return list(values)

    def texts(self, table: str, name: str) -> list[str]:
        return [self.strings[number] for number in self.column(table, name)]

    @property
    def paths(self) -> list[str]:
        parts = zip(self.texts("files", "folder"), self.texts("files", "name"), strict=True)
        return [folder + name for folder, name in parts]

    @property
    def edges(self) -> int:
        return len(self.document["graph"]["edges"])

    def sparse(self, name: str) -> dict[str, Any]:
        return {self.jobs[place]: value for place, value in self.document["jobs"][name]}


@pytest.mark.parametrize("status", ["success", "failed", "interrupted", "running"])
def test_the_status_is_that_of_the_run(tmp_path: Path, status: RunStatus) -> None:
    path = varied(tmp_path, status)
    assert document(path)["run"]["status"] == status


def test_of_a_jobs_attempts_the_last_one_counts(tmp_path: Path) -> None:
    run = document(varied(tmp_path))["run"]
    assert run["counts"] == {"failed": 2, "interrupted": 2, "success": 3}


def test_a_run_without_jobs_can_be_told(tmp_path: Path) -> None:
    found = document(Journal(tmp_path).end())
    assert found["jobs"]["id"] == []
    assert found["run"]["counts"] == {}
    assert found["graph"]["nodes"] == []


def test_a_job_that_never_ended_shows_what_it_was_to_make(tmp_path: Path) -> None:
    read = Read(varied(tmp_path))
    number = read.paths.index("results/paper.pdf")
    assert read.column("files", "kind")[number] is None
    assert read.texts("jobs", "state")[read.jobs.index("7.1")] == "interrupted"


def test_what_a_job_that_never_ran_would_read_is_the_file_that_was_made(tmp_path: Path) -> None:
    assert Read(varied(tmp_path)).paths.count("results/joined.csv") == 1


def test_paths_inside_the_folder_of_the_run_are_relative(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.job("1.1", step("a", ["/data/ice-model/x.txt", "/elsewhere/y.txt"], ["./out//z.txt"]))
    assert Read(journal.end()).paths == ["x.txt", "/elsewhere/y.txt", "out/z.txt"]


def test_a_path_with_two_contents_is_two_files(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number, text in enumerate(("old", "new"), start=1):
        files = StepFiles("a", (found("in.txt", text=text),), ())
        journal.job(f"{number}.1", step("a", ["in.txt"]), files=(files,))
    assert Read(journal.end()).paths == ["in.txt", "in.txt"]


def test_a_file_below_a_folder_is_made_by_who_made_the_folder(tmp_path: Path) -> None:
    read = Read(varied(tmp_path))
    makers = read.column("files", "maker")
    inside, folder = read.paths.index("work/parts/x.txt"), read.paths.index("work/parts")
    assert makers[inside] == makers[folder] is not None


def test_the_rules_are_joined_by_what_one_made_and_the_other_read(tmp_path: Path) -> None:
    read = Read(varied(tmp_path))
    rules = [node["rule"] for node in read.document["graph"]["nodes"]]
    assert rules == ["prepare", "model", "split", "join", "slow", "odd", "plot", "paper"]
    # prepare → model → split → join → odd, plot → paper; split → slow
    assert read.edges == 7


def test_a_rule_that_reads_its_own_outputs_is_no_circle(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.job("1.1", step("grow", ["0.txt"], ["1.txt"]))
    journal.job("2.1", step("grow", ["1.txt"], ["2.txt"]))
    assert Read(journal.end()).edges == 0


def test_a_job_that_snakemake_did_not_accept_has_failed(tmp_path: Path) -> None:
    read = Read(varied(tmp_path))
    assert read.sparse("failure")["5.1"] == [
        "missing_output",
        "It did not make: results/odd.csv.",
    ]


def test_a_group_has_the_steps_of_its_rules(tmp_path: Path) -> None:
    read = Read(varied(tmp_path))
    assert read.column("jobs", "steps")[read.jobs.index("3.1")] == 2
    assert list(read.sparse("group")) == ["3.1"]


def test_what_was_used_is_told_by_rule(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number, (wall, rss) in enumerate([(1.0, 10), (3.0, 40), (2.0, 0)], start=1):
        journal.job(
            f"{number}.1",
            step("a"),
            usage=Usage(wall, wall, wall, rss * 1_000_000),
            exceeded=("mem_mb",) if rss == 40 else (),
        )
    (usage,) = document(journal.end())["usage"]
    assert usage["wall"]["used"] == [1.0, 1.0, 2.0, 3.0, 3.0]
    assert usage["wall"]["asked"] == [600.0] * 5
    assert usage["cores"]["used"] == [2.0] * 5
    # A memory of 0 is one that nobody saw.
    assert usage["memory"]["used"] == [10e6, 10e6, 10e6, 40e6, 40e6]
    assert usage["memory"]["measured"] == 2
    assert usage["memory"]["exceeded"] == 1
    assert usage["wall"]["exceeded"] == 0


def test_a_rule_that_asked_for_nothing_has_nothing_asked(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.job("1.1", step("a"), resources={"tmpdir": "/tmp"})
    (usage,) = document(journal.end())["usage"]
    assert usage["memory"]["asked"] is None


def test_what_failed_jobs_printed_is_cut_where_it_is_much(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    failure = Failure("error", "It failed.", 1)
    tail = "".join(f"line {number:04}\n" for number in range(800))
    for number in range(400):
        journal.job(f"{number}.1", step("a"), failure=failure, stderr_tail=tail, exit_code=1)
    printed = Read(journal.end()).sparse("printed")
    assert sum(len(err) for _, err, _ in printed.values()) <= MOST_OUTPUT
    assert all(
        err.startswith("line ") and err.endswith("line 0799\n") for _, err, _ in printed.values()
    )
    assert all(cut for _, _, cut in printed.values())


def test_short_outputs_stay_whole_beside_long_ones(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(100):
        journal.job(f"{number}.1", step("a"), stderr_tail="word " * 2000)
    journal.job("100.1", step("a"), stdout_tail="short\n")
    printed = Read(journal.end()).sparse("printed")
    assert printed["100.1"] == ["short\n", "", 0]
    assert printed["0.1"][2] == 1


def test_a_verdict_tells_of_each_output(tmp_path: Path) -> None:
    read = Read(varied(tmp_path), verdict())
    (one,) = read.document["verdicts"]
    assert one["counts"] == {"different": 1, "equivalent": 1, "identical": 1, "not replayable": 1}
    assert [other["outcome"] for other in one["others"]] == [
        "different",
        "not replayable",
        "equivalent",
    ]
    assert read.document["lists"][one["identical"]] == [read.paths.index("work/a.txt")]
    assert read.jobs[one["others"][0]["job"]] == "2.2"


def test_the_latest_verdict_stands_first(tmp_path: Path) -> None:
    path = varied(tmp_path)
    found = document(path, verdict(id="1"), verdict(id="2"))["verdicts"]
    assert [each["id"] for each in found] == ["2", "1"]


def test_a_verdict_on_another_runs_job_of_the_same_name_is_not_taken_for_ours(
    tmp_path: Path,
) -> None:
    theirs = verdict(
        jobs=(JobVerdict("1.1", "another-run", "prepare", "different"),),
        outputs=(OutputVerdict("work/a.txt", "1.1", "different", digest("work/a.txt")),),
    )
    (one,) = document(varied(tmp_path), theirs)["verdicts"]
    assert (one["others"][0]["job"], one["others"][0]["file"]) == (None, None)


def test_names_of_all_kinds_come_through(tmp_path: Path) -> None:
    assert HOSTILE in Read(varied(tmp_path)).paths
