"""The small job."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_renku.backends.slurm.client import Request
from snakemake_renku.doctor import trial
from snakemake_renku.doctor.report import Trial
from snakemake_renku.doctor.trial import pace, try_job
from tests.doctor.here import Here


def try_here(client: Here, folder: Path, timeout: float = 20.0) -> tuple[Trial, list[str]]:
    told: list[str] = []
    return try_job(client, Request(time_min=5), folder, timeout, told.append), told


def test_a_job_tells_what_it_sees_and_how_fast_files_are_seen(tmp_path: Path) -> None:
    found, _ = try_here(Here(), tmp_path)
    assert found.failure is None
    assert found.facts is not None
    assert found.same_folder
    assert found.facts.modules["snakemake_renku"][0] != "!"
    assert found.pace is not None
    assert abs(found.pace.clock) <= found.pace.uncertain + 0.01
    assert 0 <= found.pace.to_node < 5
    assert 0 <= found.pace.from_node < 5


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    client = Here()
    try_here(client, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert client.cancelled == [(7, None)]


def test_folders_that_were_there_stay(tmp_path: Path) -> None:
    (tmp_path / ".snakemake").mkdir()
    try_here(Here(waits_for="BadConstraints"), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [".snakemake"]


def test_a_job_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial.sys, "executable", "/nowhere/python")
    found, _ = try_here(Here(), tmp_path)
    assert found.failure is not None
    assert "FAILED) on n1, and printed:" in found.failure
    assert "/nowhere/python" in found.failure


def test_a_folder_that_is_not_shared_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "FAILED_WITHIN_S", 0.0)
    # The job fails there, as on a node that does not have the folder, and leaves nothing here.
    monkeypatch.setattr(trial.sys, "executable", "/nowhere/python")
    found, _ = try_here(Here(loses=("output",)), tmp_path)
    assert found.failure is not None
    assert "is not the same folder there" in found.failure


def test_a_job_that_can_never_start_is_given_up_at_once(tmp_path: Path) -> None:
    client = Here(waits_for="PartitionTimeLimit")
    found, _ = try_here(client, tmp_path)
    assert found.failure is not None
    assert found.failure.startswith("It never starts: It asks for more time")
    assert client.cancelled == [(7, None)]


def test_a_job_that_waits_is_told_of_once_and_given_up_in_the_end(tmp_path: Path) -> None:
    found, told = try_here(Here(waits_for="Resources"), tmp_path, timeout=0.3)
    assert told == ["It waits for cores, memory or nodes to become free."]
    assert found.failure is not None
    assert found.failure.startswith("It did not start in time.")


def test_a_package_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "bad" / "snakemake").mkdir(parents=True)
    (tmp_path / "bad" / "snakemake" / "__init__.py").write_text("raise ImportError('gone')")
    work = tmp_path / "work"
    work.mkdir()
    found, _ = try_here(Here(environment={"PYTHONPATH": str(tmp_path / "bad")}), work)
    assert found.facts is not None
    assert found.facts.modules["snakemake"] == "!ImportError: gone"


def test_a_tmpdir_that_cannot_be_written_to_is_told_of(tmp_path: Path) -> None:
    found, _ = try_here(Here(environment={"TMPDIR": str(tmp_path / "none")}), tmp_path)
    assert found.facts is not None
    assert found.facts.tmp_free_mb is None


def test_clocks_are_compared_by_the_fastest_round() -> None:
    # The node is 100 s ahead; 1 s there and 1 s back at best, once 5 s there and 3 s back.
    rounds = [(0.0, 105.0, 105.5, 8.5), (10.0, 111.0, 111.5, 12.5)]
    found = pace(rounds)
    assert (found.clock, found.uncertain) == (100.0, 1.0)
    assert (found.to_node, found.from_node) == (5.0, 3.0)
