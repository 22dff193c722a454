"""A verdict lasts: as a file, and as a commit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from snakemake_renku.journal import read_verdict, verdict_paths, verdicts_on
from tests.replay.conftest import Dataset, git

ONE = "results/double/1.csv"


def test_a_recorded_verdict_is_one_commit_of_two_files(dataset: Dataset) -> None:
    before = dataset.head
    verdict = dataset.replay(ONE, "--record").verdict
    assert git(dataset.root, "rev-parse", "HEAD^").strip() == before
    changed = git(dataset.root, "diff", "--name-only", "HEAD^", "HEAD").split()
    place = f".snakemake-renku/verdicts/{verdict.id}"
    assert sorted(changed) == [f"{place}.json", f"{place}.prov.json"]
    assert read_verdict(dataset.root / f"{place}.json") == verdict
    message = git(dataset.root, "log", "-1", "--format=%B")
    assert message.startswith(f"Replay of file {ONE}: identical\n\n1 job: 1 identical.")
    assert verdict.place.host in message
    assert f"Snakemake {verdict.place.snakemake}" in message


def test_the_prov_of_a_verdict_can_be_read_and_names_it(dataset: Dataset) -> None:
    from prov.model import ProvDocument

    verdict = dataset.replay(ONE, "--record").verdict
    path = dataset.root / f".snakemake-renku/verdicts/{verdict.id}.prov.json"
    document = ProvDocument.deserialize(content=path.read_text(), format="json")
    assert len(list(document.get_records())) > 3
    assert verdict.id in path.read_text()


def test_recording_touches_nothing_else(dataset: Dataset) -> None:
    (dataset.root / "unrelated").write_text("not in git")
    (dataset.root / "staged").write_text("in the index")
    git(dataset.root, "add", "staged")
    before = git(dataset.root, "status", "--porcelain")
    dataset.replay(ONE, "--record")
    assert git(dataset.root, "status", "--porcelain") == before


def test_recorded_verdicts_travel_with_the_repository(
    dataset: Dataset, clone_of: Callable[..., Dataset]
) -> None:
    verdict = dataset.replay(ONE, "--record").verdict
    there = clone_of(dataset)
    assert verdicts_on(there.workdir, verdict.runs[0]) == [verdict]


def test_every_verdict_is_kept_but_not_in_git(dataset: Dataset) -> None:
    verdict = dataset.replay(ONE).verdict
    kept = dataset.workdir / f".snakemake/renku/verdicts/{verdict.id}.json"
    assert read_verdict(kept) == verdict
    assert verdict_paths(dataset.workdir) == []


def test_a_verdict_is_written_where_the_user_wants_it(dataset: Dataset, tmp_path: Path) -> None:
    verdict = dataset.replay(ONE, "--output", str(tmp_path / "verdict.json")).verdict
    assert read_verdict(tmp_path / "verdict.json") == verdict
    told = dataset.refuse("--output", str(tmp_path / "nowhere" / "verdict.json"))
    assert "There is no folder" in told


def test_what_cannot_be_committed_is_told_before_anything_runs(dataset: Dataset) -> None:
    git(dataset.root, "checkout", "--quiet", "--detach")
    assert "No branch is checked out" in dataset.refuse("--record")


def test_people_are_told_where_it_starts(dataset: Dataset) -> None:
    dataset.write("data/1.txt", "nothing as it was\n")
    dataset.save("break it")
    done = dataset.call("results/sum.json")
    assert done.returncode == 1
    starts = [line for line in done.stdout.splitlines() if "starts at" in line]
    assert len(starts) == 1
    assert "(double): input data/1.txt is not the recorded one" in starts[0]


def test_the_verdict_is_the_last_line_for_people(dataset: Dataset) -> None:
    done = dataset.call(ONE)
    last = f"IDENTICAL: file {ONE}: 1 output of 1 job (1 identical)"
    assert done.stdout.splitlines()[-1] == last
