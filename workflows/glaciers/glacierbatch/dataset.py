"""One dataset of all glaciers, in netCDF after the CF conventions (1.11, cfconventions.org)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glacierbatch.errors import ChunkError, NoGlacierLeft
from glacierbatch.failures import Failure
from glacierbatch.record import Record

TITLES = {
    "oetztal": "Projection of glaciers of the Oetztal Alps to 2101 (OGGM, CCSM4, rcp26)",
    "idealised": "Projection of idealised glaciers to 2101 (OGGM flow model, linear mass balance)",
}
REFERENCES = "Maussion et al. (2019), doi:10.5194/gmd-12-909-2019"

VARIABLES = {
    "volume": ("m3", "volume of glacier ice"),
    "area": ("m2", "area covered by glacier ice"),
    "length": ("m", "length of the glacier along its flowline"),
}


def build_dataset(records: Sequence[Record], failures: Sequence[Failure], source: str) -> Any:
    """Join history and projection of each glacier to one `xarray.Dataset` (time, rgi_id).

    Values hold for 1 January of each year. Up to the last year of the history they are from the
    history, after it from the projection, which starts from that state.
    Raises NoGlacierLeft without any record, ChunkError if glaciers differ in their years.
    """
    import xarray

    if not records:
        raise NoGlacierLeft(_all_failed(failures))
    years, split = _years(records)
    time = [np.datetime64(f"{year:04d}-01-01", "ns") for year in years]
    ids = [record.rgi_id for record in records]
    dataset = xarray.Dataset(coords={"time": ("time", time), "rgi_id": ("rgi_id", ids)})
    for name, (units, long_name) in VARIABLES.items():
        columns = [[*getattr(r.history, name), *getattr(r.projection, name)[1:]] for r in records]
        attributes = {"units": units, "long_name": long_name, "cell_methods": "time: point",
                      "coordinates": "longitude latitude name"}  # fmt: skip
        dataset[name] = (("time", "rgi_id"), np.array(columns, dtype=np.float64).T, attributes)
    dataset["run"] = ("time", np.where(np.array(years) <= split, 0, 1).astype(np.int8))
    dataset["year"] = ("time", np.array(years, dtype=np.int32))
    dataset["inventory_area"] = ("rgi_id", np.array([r.inventory_area_km2 * 1e6 for r in records]))
    dataset["longitude"] = ("rgi_id", np.array([r.longitude for r in records]))
    dataset["latitude"] = ("rgi_id", np.array([r.latitude for r in records]))
    dataset["name"] = ("rgi_id", np.array([r.name for r in records], dtype=object))
    _describe(dataset)
    dataset.attrs = {
        "Conventions": "CF-1.11",
        "title": TITLES[source],
        "source": "OGGM 1.6.3, elevation-band flowlines, semi-implicit solver; run by glacierbatch",
        "references": REFERENCES,
        "comment": f"{len(records)} glaciers; {len(failures)} more failed"
        + (f": {', '.join(failure.rgi_id for failure in failures)}" if failures else ""),
    }
    return dataset


def _describe(dataset: Any) -> None:
    attributes = {
        "time": {"standard_name": "time", "axis": "T", "long_name": "start of the calendar year"},
        "rgi_id": {"cf_role": "timeseries_id", "long_name": "id in the Randolph Glacier Inventory"},
        "run": {"long_name": "run that the values are from", "flag_values": np.array([0, 1], dtype=np.int8),
                "flag_meanings": "history projection"},
        "year": {"long_name": "calendar year", "units": "1"},
        "inventory_area": {"units": "m2", "long_name": "area of the outline in the inventory"},
        "longitude": {"standard_name": "longitude", "units": "degrees_east", "long_name": "longitude"},
        "latitude": {"standard_name": "latitude", "units": "degrees_north", "long_name": "latitude"},
        "name": {"long_name": "name of the glacier, or empty"},
    }  # fmt: skip
    for name, content in attributes.items():
        dataset[name].attrs.update(content)


def _years(records: Sequence[Record]) -> tuple[list[int], int]:
    first = records[0]
    for record in records:
        same = record.history.year == first.history.year and record.projection.year == first.projection.year
        if not same:
            raise ChunkError(f"{record.rgi_id} has other years than {first.rgi_id}: rerun from the outlines")
    if first.projection.year[0] != first.history.year[-1]:
        raise ChunkError(f"the projection starts in {first.projection.year[0]}, the history ends before it")
    return [*first.history.year, *first.projection.year[1:]], first.history.year[-1]


def _all_failed(failures: Sequence[Failure]) -> str:
    lines = [f"  - {f.rgi_id} at {f.step}: {f.error}: {f.message}" for f in failures[:10]]
    more = [f"  ... and {len(failures) - 10} more"] if len(failures) > 10 else []
    head = f"all {len(failures)} glaciers failed, so there is nothing to compile (see failed.csv):"
    return "\n".join([head, *lines, *more])


def write_dataset(dataset: Any, path: Path) -> None:
    """Write as netCDF-4, compressed, whole or not at all; equal datasets give equal files."""
    packed = {name: {"zlib": True, "complevel": 4, "_FillValue": None} for name in VARIABLES}
    plain = {name: {"_FillValue": None} for name in ("longitude", "latitude", "inventory_area")}
    first = str(dataset.time.values[0])[:10]
    time = {"time": {"units": f"days since {first}", "calendar": "standard", "dtype": "i4"}}
    # Fixed-width characters, as not every reader of netCDF knows the string type.
    text = {"rgi_id": {"dtype": "S1"}, "name": {"dtype": "S1"}}
    aside = path.with_name(f".{path.name}.part")
    dataset.to_netcdf(aside, format="NETCDF4", engine="netcdf4", encoding={**packed, **plain, **time, **text})
    aside.replace(path)


def open_dataset(path: Path | str) -> Any:
    """Read what `write_dataset` wrote, into memory."""
    import xarray

    with xarray.open_dataset(path) as dataset:
        return dataset.load()
