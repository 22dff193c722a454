"""A verdict lasts: as a file, and as a commit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from snakemake_renku.journal import read_verdict, verdict_paths, verdicts_on
from tests.replay.conftest import Dataset, copy_of, git, new_dataset


@pytest.fixture(scope="module")
def once_made(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset = new_dataset(tmp_path_factory.mktemp("made") / "dataset")
    dataset.write("Snakefile", 'rule one:\n    output: "one.txt"\n    shell: "echo 1 > {output}"')
    dataset.save()
    dataset.run()
    return dataset


@pytest.fixture
def made(once_made: Dataset, tmp_path: Path) -> Dataset:
    """A dataset with a job that makes a file of nothing."""
    return copy_of(once_made, tmp_path / "dataset")


def test_a_recorded_verdict_is_one_commit_of_two_files(made: Dataset) -> None:
    before = made.head
    verdict = made.replay("--record").verdict
    assert git(made.root, "rev-parse", "HEAD^").strip() == before
    changed = git(made.root, "diff", "--name-only", "HEAD^", "HEAD").split()
    place = f".snakemake-renku/verdicts/{verdict.id}"
    assert sorted(changed) == [f"{place}.json", f"{place}.prov.json"]
    assert read_verdict(made.root / f"{place}.json") == verdict
    message = git(made.root, "log", "-1", "--format=%B")
    assert message.startswith(f"Replay of run {verdict.runs[0]}: identical\n\n1 job: 1 identical.")
    assert verdict.place.host in message
    assert f"Snakemake {verdict.place.snakemake}" in message


def test_the_prov_of_a_verdict_can_be_read_and_names_it(made: Dataset) -> None:
    from prov.model import ProvDocument

    verdict = made.replay("--record").verdict
    path = made.root / f".snakemake-renku/verdicts/{verdict.id}.prov.json"
    document = ProvDocument.deserialize(content=path.read_text(), format="json")
    assert len(list(document.get_records())) > 3
    assert verdict.id in path.read_text()


def test_recording_touches_nothing_else(made: Dataset) -> None:
    (made.root / "unrelated").write_text("not in git")
    (made.root / "staged").write_text("in the index")
    git(made.root, "add", "staged")
    before = git(made.root, "status", "--porcelain")
    made.replay("--record")
    assert git(made.root, "status", "--porcelain") == before


def test_recorded_verdicts_travel_with_the_repository(
    made: Dataset, clone_of: Callable[..., Dataset]
) -> None:
    verdict = made.replay("--record").verdict
    there = clone_of(made)
    assert verdicts_on(there.workdir, verdict.runs[0]) == [verdict]


def test_every_verdict_is_kept_but_not_in_git(made: Dataset) -> None:
    verdict = made.replay().verdict
    kept = made.workdir / f".snakemake/renku/verdicts/{verdict.id}.json"
    assert read_verdict(kept) == verdict
    assert verdict_paths(made.workdir) == []


def test_a_verdict_is_written_where_the_user_wants_it(made: Dataset, tmp_path: Path) -> None:
    verdict = made.replay("--output", str(tmp_path / "verdict.json")).verdict
    assert read_verdict(tmp_path / "verdict.json") == verdict
    told = made.refuse("--output", str(tmp_path / "nowhere" / "verdict.json"))
    assert "There is no folder" in told


def test_what_cannot_be_committed_is_told_before_anything_runs(made: Dataset) -> None:
    git(made.root, "checkout", "--quiet", "--detach")
    assert "No branch is checked out" in made.refuse("--record")


def test_people_are_told_where_it_starts(dataset: Dataset) -> None:
    dataset.write("data/1.txt", "nothing as it was\n")
    dataset.save("break it")
    done = dataset.call("results/sum.json")
    assert done.returncode == 1
    starts = [line for line in done.stdout.splitlines() if "starts at" in line]
    assert len(starts) == 1
    assert "(double): input data/1.txt is not the recorded one" in starts[0]


def test_the_verdict_is_the_last_line_for_people(made: Dataset) -> None:
    done = made.call()
    run = made.replay().verdict.runs[0]
    last = f"IDENTICAL: run {run}: 1 output of 1 job (1 identical)"
    assert done.stdout.splitlines()[-1] == last
    assert json.loads(made.call("--json").stdout)["outcome"] == "identical"
