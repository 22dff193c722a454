"""What is made of what the small job saw."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest

from snakemake_renku.doctor.node import node_checks
from snakemake_renku.doctor.report import Check, Facts, Pace, Trial

VERSIONS = {name: version(name) for name in ("snakemake", "snakemake_renku")}
FACTS = Facts(
    host="h",
    node="n1",
    python="/p/python",
    version=platform.python_version(),
    modules=VERSIONS,
    word="w",
    inode=1,
    tmp="/tmp",
    tmp_free_mb=5000,
    container="/usr/bin/apptainer",
)
GOOD = Trial(7, 1.0, FACTS, True, Pace(0.01, 0.05, 0.1, 0.2))


def checks(**changes: Any) -> dict[str, Check]:
    return {each.name: each for each in node_checks(made(**changes), Path("/project"))}


def made(**changes: Any) -> Trial:
    facts = {name: value for name, value in changes.items() if name in Facts.__struct_fields__}
    rest = {name: value for name, value in changes.items() if name not in facts}
    return msgspec.structs.replace(GOOD, facts=msgspec.structs.replace(FACTS, **facts), **rest)


def test_all_is_well() -> None:
    assert {each.verdict for each in checks().values()} == {"ok"}
    assert checks()["job"].words == "7 ran on n1 after 1.0 s"


@pytest.mark.parametrize(
    ("changes", "name", "verdict", "words"),
    [
        ({"version": "3.9.1"}, "python", "problem", "3.9.1, /p/python; here it is"),
        ({"modules": {**VERSIONS, "snakemake": "8.0"}}, "snakemake", "problem", "8.0 on the node"),
        (
            {"modules": {**VERSIONS, "snakemake_renku": "!ImportError: gone"}},
            "renku",
            "problem",
            "snakemake_renku cannot be imported on the node: ImportError: gone",
        ),
        ({"same_folder": False}, "folder", "problem", "may not be the same"),
        ({"pace": None}, "files", "problem", "not seen on the node within a minute"),
        ({"pace": Pace(0, 0, 12.0, 0.1)}, "files", "problem", "after 12.0 s"),
        ({"pace": Pace(-9.0, 0.5, 0, 0)}, "clocks", "problem", "differs by -9.00 s"),
        ({"pace": Pace(3.0, 2.0, 3, 1)}, "clocks", "ok", "+3.00 s"),
        ({"tmp_free_mb": None}, "tmpdir", "problem", "/tmp cannot be written to"),
        ({"tmp_free_mb": 10}, "tmpdir", "note", "10 MB free"),
        ({"container": None}, "apptainer", "note", "is not there"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], name: str, verdict: str, words: str) -> None:
    check = checks(**changes)[name]
    assert (check.verdict, words in check.words) == (verdict, True)


def test_a_slow_file_system_gets_a_longer_wait() -> None:
    assert checks(pace=Pace(0, 0, 12.0, 0.1))["files"].remedy == "Give Snakemake --latency-wait 25."


def test_a_job_that_failed_is_the_only_check() -> None:
    (check,) = node_checks(Trial(7, failure="It never starts."), Path("/project"))
    assert (check.name, check.verdict, check.words) == ("job", "problem", "It never starts.")
