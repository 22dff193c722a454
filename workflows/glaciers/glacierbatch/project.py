"""From the inversion to 2101: the second half of the chain, one chunk at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from glacierbatch.archive import pack, unpack
from glacierbatch.creep import Creep
from glacierbatch.failures import Failure, run_steps
from glacierbatch.gcm import process_gcm
from glacierbatch.record import Record, Series
from glacierbatch.session import GCM_PRCP, GCM_TEMP, oggm_session

HISTORY = (2003, 2014)
SCENARIO = "rcp26"

Steps = list[tuple[str, Callable[[Any], object]]]


def run_history(prepared: str, creep_file: str, data: Path, target: Path) -> None:
    """Invert the ice thickness with the given creep factor, and run 2003 to 2014; writes one tar."""
    with oggm_session(data) as work:
        survivors, failures = _continue(prepared, work, _history_steps(Creep.read(creep_file)))
        pack(work, [Path(gdir.dir) for gdir in survivors], failures, target)


def _history_steps(creep: Creep) -> Steps:
    from oggm import tasks

    def mass_conservation_inversion(gdir: Any) -> None:
        tasks.mass_conservation_inversion(gdir, glen_a=creep.glen_a, fs=creep.fs)

    def run_history(gdir: Any) -> None:
        tasks.run_from_climate_data(gdir, ys=HISTORY[0], ye=HISTORY[1], output_filesuffix="_hist")

    return [
        ("prepare_for_inversion", tasks.prepare_for_inversion),
        ("mass_conservation_inversion", mass_conservation_inversion),
        ("filter_inversion_output", tasks.filter_inversion_output),
        ("init_present_time_glacier", tasks.init_present_time_glacier),
        ("run_from_climate_data_hist", run_history),
    ]


def run_projection(history: str, data: Path, target: Path, record_file: Path) -> None:
    """Correct the climate of CCSM4 and run 2014 to 2101 under rcp26; writes a tar and the record."""
    records: list[Record] = []
    with oggm_session(data) as work:
        steps = [*_projection_steps(data), ("read_diagnostics", lambda gdir: records.append(_record(gdir)))]
        survivors, failures = _continue(history, work, steps)
        pack(work, [Path(gdir.dir) for gdir in survivors], failures, target)
        Record.write_chunk(records, failures, record_file)


def _projection_steps(data: Path) -> Steps:
    from oggm import tasks

    climate = f"_CCSM4_{SCENARIO}"

    def correct_climate(gdir: Any) -> None:
        process_gcm(gdir, data / GCM_TEMP, data / GCM_PRCP, climate)

    def run_projection(gdir: Any) -> None:
        tasks.run_from_climate_data(
            gdir,
            climate_filename="gcm_data",
            climate_input_filesuffix=climate,
            init_model_filesuffix="_hist",
            output_filesuffix=f"_{SCENARIO}",
        )

    return [
        ("process_gcm_data", correct_climate),
        (f"run_from_climate_data_{SCENARIO}", run_projection),
    ]


def _continue(tar: str, work: Path, steps: Steps) -> tuple[list[Any], list[Failure]]:
    from oggm import GlacierDirectory

    ids, earlier = unpack(tar, work)
    items = [(rgi_id, GlacierDirectory(rgi_id)) for rgi_id in ids]
    survivors, failures = run_steps(items, steps)
    return survivors, earlier + failures


def _record(gdir: Any) -> Record:
    calibration, diagnostics = gdir.read_json("mb_calib"), gdir.get_diagnostics()
    return Record(
        rgi_id=gdir.rgi_id,
        name=gdir.name or "",
        longitude=float(gdir.cenlon),
        latitude=float(gdir.cenlat),
        inventory_area_km2=float(gdir.rgi_area_km2),
        parameters={
            "calibrated_on": str(diagnostics["calibrated_on"]),
            "melt_f": float(calibration["melt_f"]),
            "temp_bias": float(calibration["temp_bias"]),
            "prcp_fac": float(calibration["prcp_fac"]),
            "glen_a": float(diagnostics["inversion_glen_a"]),
            "fs": float(diagnostics["inversion_fs"]),
        },
        history=_series(gdir, "_hist"),
        projection=_series(gdir, f"_{SCENARIO}"),
    )


def _series(gdir: Any, suffix: str) -> Series:
    import xarray

    # The compiled output of OGGM has 32-bit numbers, these files have 64-bit ones.
    with xarray.open_dataset(gdir.get_filepath("model_diagnostics", filesuffix=suffix)) as dataset:
        return Series(
            year=[int(year) for year in dataset.time.values],
            volume=dataset.volume_m3.values.tolist(),
            area=dataset.area_m2.values.tolist(),
            length=dataset.length_m.values.tolist(),
        )
