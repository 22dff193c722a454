"""The creep fit on a dask cluster of its own gives what it gives in one process."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import DATA, Project, needs_data

from glacierbatch.errors import ConfigError
from glacierbatch.parts import Parts, own_cluster

needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None or importlib.util.find_spec("snakemake_renku") is None,
    reason="snakemake-renku and dask are not installed",
)


@needs_data
@needs_dask
def test_the_creep_factor_is_the_same_with_workers_and_without(new_project: Callable[..., Project]) -> None:
    config = {"data": DATA, "glaciers": [f"RGI60-11.00{n}" for n in ("648", "787", "897")], "chunk_size": 1}
    project = new_project(**config, dask_workers=0)
    project.succeed("results/creep.json", "--notemp")
    alone = (project.results / "creep.json").read_bytes()
    assert json.loads(alone)["glaciers"] == 3
    (project.results / "creep.json").unlink()
    project.configure(**config, dask_workers=2)
    printed = project.succeed("results/creep.json", "--notemp", "--rerun-triggers", "mtime")
    assert "dask_workers=2" in printed
    assert (project.results / "creep.json").read_bytes() == alone
    assert not list((project.folder / ".snakemake").glob("renku/step_clusters/*"))


def test_without_the_option_nothing_of_dask_is_needed() -> None:
    with own_cluster(SimpleNamespace(resources={"mem_mb": 1000})) as client:
        assert client is None


def test_a_task_that_no_part_answers_is_refused() -> None:
    def other_task() -> None: ...

    parts = Parts(None, [], [], Path())
    with pytest.raises(ConfigError, match="other_task"):
        parts._volumes(other_task, [])
