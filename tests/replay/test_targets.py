"""What a word on the command line means, and which jobs are replayed for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from snakemake_renku.model import Verdict
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
    """A dataset in which one run made what another read; ``dataset`` is one's own."""

    dataset: Dataset
    first: str
    second: str
    before_second: str

    def commit_of(self, rule: str) -> str:
        found = git(self.dataset.root, "log", "--format=%H", f"--grep=RUNCMD. {rule}")
        return found.split()[0]


@pytest.fixture(scope="module")
def twice_recorded(tmp_path_factory: pytest.TempPathFactory) -> Twice:
    dataset = new_dataset(tmp_path_factory.mktemp("twice") / "dataset")
    dataset.write("Snakefile", SNAKEFILE)
    dataset.save()
    first = dataset.run("results/first.txt", "results/other.txt").info.run
    middle = dataset.head
    second = dataset.run("results/third.txt").info.run
    return Twice(dataset, first, second, middle)


@pytest.fixture
def twice(twice_recorded: Twice, tmp_path: Path) -> Twice:
    before = twice_recorded
    dataset = copy_of(before.dataset, tmp_path / "dataset")
    return Twice(dataset, before.first, before.second, before.before_second)


def jobs(verdict: Verdict) -> set[tuple[str, str]]:
    return {(job.run, job.rule) for job in verdict.jobs}


def test_a_file_means_all_that_it_comes_from_through_all_runs(twice: Twice) -> None:
    found = twice.dataset.replay("results/third.txt")
    assert jobs(found.verdict) == {
        (twice.first, "first"),
        (twice.first, "other"),
        (twice.second, "second"),
        (twice.second, "third"),
    }
    assert found.verdict.outcome == "identical"
    assert found.verdict.runs == (twice.first, twice.second)


def test_only_the_last_job_takes_its_inputs_as_recorded_but_for_temporary_ones(
    twice: Twice,
) -> None:
    found = twice.dataset.replay("results/third.txt", "--job-only")
    assert jobs(found.verdict) == {(twice.second, "second"), (twice.second, "third")}
    assert found.verdict.outcome == "identical"


def test_a_run_takes_what_other_runs_made_as_recorded(twice: Twice) -> None:
    found = twice.dataset.replay(twice.second)
    assert found.rules == ["second", "third"]
    assert found.verdict.outcome == "identical"
    assert [job.causes for job in found.verdict.jobs] == [(), ()]


def test_the_latest_run_is_replayed_if_nothing_is_named(twice: Twice) -> None:
    assert twice.dataset.replay().verdict.runs == (twice.second,)


def test_the_beginning_of_a_runs_id_is_enough(twice: Twice) -> None:
    assert twice.dataset.replay(twice.first[:-1]).verdict.runs == (twice.first,)


def test_a_commit_means_the_job_that_it_records(twice: Twice) -> None:
    commit = twice.commit_of("first")
    found = twice.dataset.replay(commit[:10])
    assert jobs(found.verdict) == {(twice.first, "first")}
    assert found.verdict.commit == commit


def test_the_commit_of_a_journal_means_its_run(twice: Twice) -> None:
    commit = git(twice.dataset.root, "log", "--format=%H", f"--grep=Record of run {twice.first}")
    found = twice.dataset.replay(commit.split()[0])
    assert found.rules == ["first", "other"]


def test_another_commit_is_refused(twice: Twice) -> None:
    first = git(twice.dataset.root, "rev-list", "--max-parents=0", "HEAD").split()[0]
    assert "is not the record of a run or of a job" in twice.dataset.refuse(first)


def test_since_means_all_jobs_recorded_after_a_commit(twice: Twice) -> None:
    found = twice.dataset.replay("--since", twice.before_second)
    assert jobs(found.verdict) == {(twice.second, "second"), (twice.second, "third")}


def test_a_file_in_a_folder_that_a_job_made_means_that_job(twice: Twice) -> None:
    found = twice.dataset.replay("results/parts/a/all", "--job-only")
    assert found.output("results/parts").outcome == "identical"


def test_several_files_are_replayed_together(twice: Twice) -> None:
    found = twice.dataset.replay("results/first.txt", "./results/other.txt")
    assert found.rules == ["first", "other"]


def test_a_digest_means_the_file_that_has_it(twice: Twice) -> None:
    digest = twice.dataset.replay("results/other.txt").output("results/other.txt").recorded
    assert twice.dataset.replay(str(digest)).rules == ["other"]


def test_a_word_that_may_mean_two_things_is_told(twice: Twice) -> None:
    git(twice.dataset.root, "branch", "results/other.txt")
    told = twice.dataset.refuse("results/other.txt")
    assert "may mean several things: commit:results/other.txt, file:results/other.txt" in told
    assert twice.dataset.replay("file:results/other.txt").rules == ["other"]


def test_what_nobody_made_is_told(twice: Twice) -> None:
    assert "a file that no recorded job made" in twice.dataset.refuse("data/1.txt")
    assert "neither a run, a commit nor a file" in twice.dataset.refuse("nothing")


def test_a_run_that_is_not_recorded_is_told_with_what_to_do(twice: Twice) -> None:
    run = twice.dataset.run("--force", "results/other.txt", record=False).info.run
    told = twice.dataset.refuse(run)
    assert f"Run `snakemake-renku record {run}` first." in told
    assert f"The run {run} is newer" in "\n".join(twice.dataset.replay().verdict.notes)


def test_a_repository_without_a_record_is_told(tmp_path: Path) -> None:
    dataset = new_dataset(tmp_path / "dataset", annex=False)
    dataset.save()
    assert "No run is recorded" in dataset.refuse()
    assert "Git failed" in Dataset(tmp_path).refuse()


def test_another_commit_lends_its_code_to_the_recorded_jobs(twice: Twice) -> None:
    dataset = twice.dataset
    dataset.write("data/1.txt", "not as it was\n")
    broken = dataset.save("another input")
    dataset.write("data/2.txt", "nor this\n")
    dataset.save("one more")
    found = dataset.replay(twice.first, "--at", broken, status=1)
    assert found.verdict.commit == broken
    assert found.output("results/first.txt").outcome == "different"


def test_recorded_contents_are_found_in_the_commit_of_their_job(twice: Twice) -> None:
    dataset = twice.dataset
    dataset.write("results/first.txt", "written by hand since\n")
    dataset.write("data/1.txt", "not as it was\n")
    dataset.save()
    output = dataset.replay(twice.first, status=1).output("results/first.txt")
    assert output.outcome == "different"
    assert output.finding is not None
    assert output.finding.differences[0].recorded == "4"


def test_unlocked_files_are_fetched_and_compared(twice: Twice) -> None:
    dataset = twice.dataset
    git(dataset.root, "annex", "unlock", "--quiet", "data/1.txt", "results/first.txt")
    git(dataset.root, "commit", "--quiet", "--all", "--message", "unlocked")
    assert dataset.replay("results/first.txt").verdict.outcome == "identical"
    dataset.write("data/1.txt", "not as it was\n")
    git(dataset.root, "commit", "--quiet", "--all", "--message", "and changed")
    output = dataset.replay("results/first.txt", status=1).output("results/first.txt")
    assert output.finding is not None
