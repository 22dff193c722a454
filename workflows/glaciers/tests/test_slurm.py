"""The workflow on a real Slurm: the same results as on this machine."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import DATA, Project, contents, needs_data

PROFILES = Path(__file__).parents[3] / "profiles"

pytestmark = [
    needs_data,
    pytest.mark.skipif("RENKU_TEST_SLURM" not in os.environ, reason="needs Slurm (make clusters)"),
    pytest.mark.skipif(
        importlib.util.find_spec("dask_jobqueue") is None, reason="needs snakemake-renku[slurm]"
    ),
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("profile", "workers"), [("slurm", 2), ("slurm-pool", 0)])
def test_the_results_are_those_of_this_machine(
    oetztal: Project, new_project: Callable[..., Project], profile: str, workers: int
) -> None:
    config = {"source": "oetztal", "data": DATA, "chunk_size": 6}
    project = new_project(**config, dask_workers=workers)
    printed = project.succeed("--profile", str(PROFILES / profile))
    ours, theirs = contents(project.results), contents(oetztal.results)
    assert [name for name in ours if ours[name] != theirs[name]] == [], printed
    creep = (project.results / "creep.json").read_bytes()
    assert creep == (oetztal.results / "creep.json").read_bytes()
