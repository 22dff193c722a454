"""What a cluster says of itself, judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from snakemake_renku.backends.slurm.client import Node
from snakemake_renku.doctor import Check, Question, Report, Request, examine
from snakemake_renku.settings import load_settings
from tests.doctor.here import CLUSTER, Here


def look(folder: Path, request: Request | None = None, **changes: Any) -> Report:
    client = Here(description=msgspec.structs.replace(CLUSTER, **changes))
    question = Question(request or Request(), job=False)
    return examine(client, question, load_settings(folder).slurm, folder)


def check(report: Report, name: str) -> Check:
    return next(each for each in report.checks if each.name == name)


def test_no_accounting_is_a_note(tmp_path: Path) -> None:
    assert check(look(tmp_path), "accounting").verdict == "note"
    assert check(look(tmp_path, accounting=True), "accounting").verdict == "ok"


def test_arrays(tmp_path: Path) -> None:
    assert check(look(tmp_path), "arrays").words == "of up to 1000 jobs"
    assert check(look(tmp_path, max_array_size=1), "arrays").verdict == "note"


def test_nodes_that_are_down_are_named(tmp_path: Path) -> None:
    broken = Node("n2", ("IDLE", "DRAIN"), reason="disk")
    found = check(look(tmp_path, nodes=(*CLUSTER.nodes, broken)), "nodes")
    assert (found.verdict, found.words) == ("note", "1 of 2 are up; not: n2 (disk)")
    assert check(look(tmp_path, nodes=(broken,)), "nodes").verdict == "problem"


def test_a_job_without_a_place_is_a_problem(tmp_path: Path) -> None:
    report = look(tmp_path, Request(time_min=61))
    assert not report.ok
    assert "at most 60 min, 61 are asked for" in check(report, "partition").words


def test_the_order_of_the_settings_counts(tmp_path: Path) -> None:
    (tmp_path / "renku.toml").write_text('[slurm]\npartitions = ["gone", "all"]\n')
    report = look(tmp_path)
    assert [each.partition for each in report.choice.considered] == ["gone", "all"]
    assert report.choice.partition == "all"
