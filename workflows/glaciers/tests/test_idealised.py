"""Idealised glaciers, from the seed to the plots."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray
from conftest import FINAL, IDEALISED, PLOTS, Project, contents

from glacierbatch.idealised import draw_valley, run_idealised
from glacierbatch.record import Record


def test_a_run_gives_all_outputs(idealised: Project) -> None:
    assert all((idealised.results / name).stat().st_size for name in [*FINAL, *PLOTS])


def test_a_finished_run_has_nothing_left_to_do(idealised: Project) -> None:
    assert "Nothing to be done" in idealised.succeed()


def test_the_dataset_follows_the_cf_conventions(idealised: Project) -> None:
    with xarray.open_dataset(idealised.results / "glaciers.nc") as dataset:
        assert dataset.attrs["Conventions"].startswith("CF-")
        assert dataset.volume.dims == ("time", "rgi_id")
        assert dataset.sizes == {"time": 99, "rgi_id": 4}
        assert dataset.rgi_id.attrs["cf_role"] == "timeseries_id"
        for name, units in (("volume", "m3"), ("area", "m2"), ("length", "m")):
            assert dataset[name].dtype == np.float64
            assert dataset[name].attrs["units"] == units
            assert dataset[name].attrs["long_name"]
        assert [int(n) for n in np.bincount(dataset.run)] == [12, 87]


def test_glaciers_shrink_as_the_equilibrium_line_rises(idealised: Project) -> None:
    with xarray.open_dataset(idealised.results / "glaciers.nc") as dataset:
        assert (dataset.volume.isel(time=-1) < 0.9 * dataset.volume.isel(time=0)).all()


def test_a_glacier_depends_on_its_own_number_and_the_seed_only() -> None:
    assert draw_valley(1, 3) == draw_valley(1, 3)
    assert draw_valley(1, 3) != draw_valley(2, 3)
    assert draw_valley(1, 3) != draw_valley(1, 4)


def test_a_glacier_that_fails_is_listed_and_the_other_goes_on(tmp_path: Path) -> None:
    run_idealised(["IDEAL-00.broken", "IDEAL-00.00001"], 1, tmp_path / "record.json")
    records, failures = Record.read_chunk(tmp_path / "record.json")
    assert [record.rgi_id for record in records] == ["IDEAL-00.00001"]
    assert [(f.rgi_id, f.step, f.error) for f in failures] == [("IDEAL-00.broken", "flow", "ValueError")]


def test_a_run_killed_halfway_is_resumed_and_ends_with_the_same_bytes(
    idealised: Project, new_project: Callable[..., Project]
) -> None:
    project = new_project(**IDEALISED)
    started = project.results / "logs" / "idealised" / "000.log"
    with subprocess.Popen(
        project.command(),
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as run:
        deadline = time.monotonic() + 120
        while not started.exists():
            assert run.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "the run started no chunk"
            time.sleep(0.05)
        _kill_with_children(run.pid)
    assert not (project.results / "glaciers.nc").exists()
    project.succeed("--unlock")
    project.succeed("--rerun-incomplete")
    assert contents(project.results) == contents(idealised.results)


def _kill_with_children(pid: int) -> None:
    """Kill a process and all below it, found by their parent ids (Linux)."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        _kill_with_children(int(child))


def test_numbers_are_those_of_the_dataset(idealised: Project) -> None:
    numbers = json.loads((idealised.results / "numbers.json").read_text())
    with xarray.open_dataset(idealised.results / "glaciers.nc") as dataset:
        for rgi_id, glacier in numbers["glaciers"].items():
            volume = dataset.volume.sel(rgi_id=rgi_id)
            assert float(volume[-1]) * 1e-9 == glacier["volume_2101_km3"]
