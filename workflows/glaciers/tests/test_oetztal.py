"""The real glaciers: their numbers, and what becomes of one that fails."""

import csv
import json
from pathlib import Path

import pytest
import xarray
from conftest import DATA, Project, needs_data

REFERENCE = json.loads((Path(__file__).parent / "data" / "oetztal_reference.json").read_text())

pytestmark = needs_data

NUMBERS = {
    "volume_2003_km3": "volume_2003_km3",
    "volume_2014_km3": "volume_2014_km3",
    "volume_2101_km3": "volume_rcp26_2101_km3",
    "area_2014_km2": "area_2014_km2",
    "area_2101_km2": "area_rcp26_2101_km2",
    "length_2003_m": "length_2003_m",
    "length_2014_m": "length_2014_m",
    "length_2101_m": "length_rcp26_2101_m",
    "melt_f": "melt_f",
    "temp_bias": "temp_bias",
    "glen_a": "inversion_glen_a",
    "fs": "inversion_fs",
}


def test_every_glacier_has_the_numbers_of_plain_oggm(oetztal: Project) -> None:
    glaciers = json.loads((oetztal.results / "numbers.json").read_text())["glaciers"]
    assert set(glaciers) == set(REFERENCE["glaciers"])
    for rgi_id, expected in REFERENCE["glaciers"].items():
        for ours, theirs in NUMBERS.items():
            assert glaciers[rgi_id][ours] == pytest.approx(expected[theirs], rel=1e-6, abs=0), (rgi_id, ours)


def test_the_dataset_holds_the_sums_of_plain_oggm(oetztal: Project) -> None:
    with xarray.open_dataset(oetztal.results / "glaciers.nc") as dataset:
        total = dataset.volume.sum("rgi_id") * 1e-9
        for year, run, key in ((2003, "hist", "start"), (2014, "hist", "end"), (2101, "rcp26", "end")):
            expected = REFERENCE["total"][run][f"volume_{key}_km3"]
            assert float(total.sel(time=f"{year}-01-01")) == pytest.approx(expected, rel=1e-6)


def test_the_creep_factor_is_fitted_to_all_chunks_together(oetztal: Project) -> None:
    creep = json.loads((oetztal.results / "creep.json").read_text())
    (expected,) = {g["inversion_glen_a"] for g in REFERENCE["glaciers"].values()}
    assert creep["glaciers"] == 18
    assert creep["glen_a"] == pytest.approx(expected, rel=1e-9)


def test_the_home_of_the_user_stays_untouched(oetztal: Project) -> None:
    assert not [
        path for path in oetztal.home.iterdir() if "oggm" in path.name.lower() or "salem" in path.name
    ]


def test_nothing_temporary_is_left_behind(oetztal: Project) -> None:
    assert not list(oetztal.results.rglob("*.tar"))
    assert not list((oetztal.folder / "tmp").glob("glacierbatch-*"))


def test_outputs_do_not_name_the_folder_that_they_were_made_in(oetztal: Project) -> None:
    for path in [*oetztal.results.glob("*"), *oetztal.results.glob("records/*")]:
        if path.is_file():
            assert str(oetztal.folder).encode() not in path.read_bytes(), path


def test_a_glacier_outside_the_terrain_model_is_listed_and_the_other_goes_on(copied: Project) -> None:
    copied.configure(data=DATA, glaciers=["RGI60-11.00787", "RGI60-11.00648"], chunk_size=2)
    copied.succeed()
    (failed,) = csv.DictReader((copied.results / "failed.csv").open(newline=""))
    assert failed["rgi_id"] == "RGI60-11.00648"
    assert failed["step"] == "simple_glacier_masks"
    assert failed["error"] == "InvalidDEMError"
    assert failed["message"]
    assert list(json.loads((copied.results / "numbers.json").read_text())["glaciers"]) == ["RGI60-11.00787"]
    assert "RGI60-11.00648" in (copied.results / "summary.html").read_text()


def test_a_run_in_which_all_glaciers_fail_says_why(copied: Project) -> None:
    copied.configure(data=DATA, glaciers=["RGI60-11.00648"])
    done = copied.run()
    assert done.returncode != 0
    assert "NoGlacierLeft: all 1 glaciers failed" in done.stdout
    assert "RGI60-11.00648 at simple_glacier_masks: InvalidDEMError" in done.stdout
    assert "RGI60-11.00648" in (copied.results / "failed.csv").read_text()
    assert not (copied.results / "glaciers.nc").exists()
