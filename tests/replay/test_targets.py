"""What a word on the command line means, and which jobs are replayed for it."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from snakemake_renku.errors import ReplayError
from snakemake_renku.replay.plan import Plan, make_plan
from snakemake_renku.replay.repository import open_repository
from snakemake_renku.replay.target import Request
from tests.replay.conftest import Dataset, copy_of, git, new_dataset

SNAKEFILE = """
rule first:
    input: "data/1.txt"
    output: "results/first.txt"
    shell: "sort -r {input} > {output}"

rule other:
    output: "results/other.txt", directory("results/parts")
    shell: "echo other > {output[0]}; mkdir -p {output[1]}/a; cp {output[0]} {output[1]}/a/all"

rule second:
    input: "results/first.txt", "data/2.txt"
    output: temp("results/second.tmp")
    shell: "cat {input} > {output}"

rule third:
    input: "results/second.tmp", "results/parts"
    output: "results/third.txt"
    shell: "tac {input[0]} > {output}; cat {input[1]}/a/all >> {output}"
"""


@dataclass
class Twice:
    """A dataset in which one run made what another read."""

    dataset: Dataset
    first: str
    second: str
    before_second: str

    def commit(self, subject: str) -> str:
        """The newest commit whose message has this."""
        return git(self.dataset.root, "log", "--format=%H", f"--grep={subject}").split()[0]

    def plan(self, *targets: str, **options: Any) -> Plan:
        request = Request(targets, here=self.dataset.root, **options)
        with TemporaryDirectory() as folder:
            return make_plan(open_repository(self.dataset.root), request, Path(folder))

    def jobs(self, *targets: str, **options: Any) -> set[tuple[str, str]]:
        """The runs and rules of what is chosen for a target."""
        chosen = self.plan(*targets, **options).jobs()
        return {(job.spec.run, job.spec.rule) for _, job in chosen}

    def all_that_third_comes_from(self) -> set[tuple[str, str]]:
        by_first = {(self.first, rule) for rule in ("first", "other")}
        return by_first | {(self.second, rule) for rule in ("second", "third")}


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Twice:
    dataset = new_dataset(tmp_path_factory.mktemp("twice") / "dataset")
    dataset.write("Snakefile", SNAKEFILE)
    dataset.save()
    first = dataset.run("results/first.txt", "results/other.txt").info.run
    middle = dataset.head
    second = dataset.run("results/third.txt").info.run
    return Twice(dataset, first, second, middle)


@pytest.fixture
def own(twice: Twice, tmp_path: Path) -> Twice:
    """The same, to be changed and to be replayed."""
    dataset = copy_of(twice.dataset, tmp_path / "dataset")
    return Twice(dataset, twice.first, twice.second, twice.before_second)


def test_a_file_means_all_that_it_comes_from_through_all_runs(twice: Twice) -> None:
    assert twice.jobs("results/third.txt") == twice.all_that_third_comes_from()


def test_only_the_last_job_takes_its_inputs_as_recorded_but_for_temporary_ones(
    twice: Twice,
) -> None:
    chosen = twice.jobs("results/third.txt", job_only=True)
    assert chosen == {(twice.second, "second"), (twice.second, "third")}


def test_the_latest_run_is_meant_if_nothing_is_named(twice: Twice) -> None:
    chosen = {(twice.second, "second"), (twice.second, "third")}
    assert twice.jobs() == twice.jobs("latest") == twice.jobs(twice.second) == chosen


def test_the_beginning_of_a_runs_id_is_enough(twice: Twice) -> None:
    assert twice.plan(twice.first[:-1]).target == f"run {twice.first}"
    with pytest.raises(
        ReplayError, match=f"Several runs begin with|several things: run:{twice.first}"
    ):
        twice.plan(twice.first[:8])


def test_a_commit_means_the_job_that_it_records(twice: Twice) -> None:
    commit = twice.commit("RUNCMD. first")
    assert twice.jobs(commit[:10]) == {(twice.first, "first")}
    assert twice.plan(commit[:10]).commit == commit


def test_the_commit_of_a_journal_means_its_run(twice: Twice) -> None:
    commit = twice.commit(f"Record of run {twice.first}")
    assert twice.jobs(commit) == {(twice.first, "first"), (twice.first, "other")}


def test_another_commit_is_refused(twice: Twice) -> None:
    with pytest.raises(ReplayError, match="is not the record of a run or of a job"):
        twice.plan(twice.commit("a change"))


def test_since_means_all_jobs_recorded_after_a_commit(twice: Twice) -> None:
    chosen = twice.jobs(since=twice.before_second)
    assert chosen == {(twice.second, "second"), (twice.second, "third")}


def test_a_file_in_a_folder_that_a_job_made_means_that_job(twice: Twice) -> None:
    assert twice.jobs("results/parts/a/all") == {(twice.first, "other")}


def test_several_files_are_replayed_together(twice: Twice) -> None:
    chosen = twice.jobs("results/first.txt", "./results/other.txt")
    assert chosen == {(twice.first, "first"), (twice.first, "other")}


def test_a_digest_means_the_file_that_has_it(twice: Twice) -> None:
    content = (twice.dataset.root / "results/other.txt").read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert twice.jobs(digest) == {(twice.first, "other")}


def test_what_nobody_made_is_told(twice: Twice) -> None:
    with pytest.raises(ReplayError, match="a file that no recorded job made"):
        twice.plan("data/1.txt")
    with pytest.raises(ReplayError, match="neither a run, a commit nor a file"):
        twice.plan("nothing")


def test_a_word_that_may_mean_two_things_is_told(own: Twice) -> None:
    git(own.dataset.root, "branch", "results/other.txt")
    told = "may mean several things: commit:results/other.txt, file:results/other.txt"
    with pytest.raises(ReplayError, match=told):
        own.plan("results/other.txt")
    assert own.jobs("file:results/other.txt") == {(own.first, "other")}


def test_a_run_that_is_not_recorded_is_told_with_what_to_do(own: Twice) -> None:
    journals = own.dataset.root / ".snakemake/renku/runs"
    run = f"9{own.first[1:]}"
    shutil.copyfile(journals / f"{own.first}.jsonl", journals / f"{run}.jsonl")
    with pytest.raises(ReplayError, match="is not recorded in git") as caught:
        own.plan(run)
    assert f"`snakemake-renku record {run}`" in str(caught.value.remedy)
    assert f"The run {run} is newer" in "".join(own.plan().notes)
    assert f"made again by the run {run}" in "".join(own.plan("results/other.txt").notes)


def test_a_repository_without_a_record_is_told(tmp_path: Path) -> None:
    dataset = new_dataset(tmp_path / "dataset", annex=False)
    dataset.save()
    assert "No run is recorded" in dataset.refuse()
    assert "Git failed" in Dataset(tmp_path).refuse()


def test_files_made_by_several_runs_are_replayed_together(own: Twice) -> None:
    verdict = own.dataset.replay("results/third.txt").verdict
    assert {(job.run, job.rule) for job in verdict.jobs} == own.all_that_third_comes_from()
    assert verdict.outcome == "identical"
    assert verdict.runs == (own.first, own.second)


def test_a_run_takes_what_other_runs_made_as_recorded(own: Twice) -> None:
    found = own.dataset.replay(own.second)
    assert found.rules == ["second", "third"]
    assert found.verdict.outcome == "identical"
    assert [job.causes for job in found.verdict.jobs] == [(), ()]


def test_another_commit_lends_its_code_to_the_recorded_jobs(own: Twice) -> None:
    dataset = own.dataset
    dataset.write("data/1.txt", "not as it was\n")
    broken = dataset.save("another input")
    dataset.write("data/2.txt", "nor this\n")
    dataset.save("one more")
    found = dataset.replay(own.first, "--at", broken, status=1)
    assert found.verdict.commit == broken
    assert found.output("results/first.txt").outcome == "different"


def test_recorded_contents_are_found_in_the_commit_of_their_job(own: Twice) -> None:
    dataset = own.dataset
    dataset.write("results/first.txt", "written by hand since\n")
    dataset.write("data/1.txt", "not as it was\n")
    dataset.save()
    output = dataset.replay(own.first, status=1).output("results/first.txt")
    assert output.outcome == "different"
    assert output.finding is not None
    assert output.finding.differences[0].recorded == "4"


def test_unlocked_files_are_fetched_and_compared(own: Twice) -> None:
    dataset = own.dataset
    git(dataset.root, "annex", "unlock", "--quiet", "data/1.txt", "results/first.txt")
    git(dataset.root, "commit", "--quiet", "--all", "--message", "unlocked")
    assert dataset.replay("results/first.txt").verdict.outcome == "identical"
    dataset.write("data/1.txt", "not as it was\n")
    git(dataset.root, "commit", "--quiet", "--all", "--message", "and changed")
    output = dataset.replay("results/first.txt", status=1).output("results/first.txt")
    assert output.finding is not None
