"""Attributes of netCDF and zarr: those that only tell when and by what a file was written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.wording import short

_TOOLS = (
    "cdo|cftime|dask|esmf|esmpy|gdal|h5netcdf|h5py|hdf5|hdf5_?lib|hdf5_library|matlab|matplotlib"
    "|ncl|nco|netcdf|netcdf4|netcdf_?lib|netcdf_library|numpy|oggm|pandas|pyproj|python|rasterio"
    "|salem|scipy|software|xarray|xesmf|zarr"
)

_ABOUT_WRITING = re.compile(
    r"history|history_of_appended_files"
    r"|(date|time)_?(created|modified|written|stamp)"
    r"|date_metadata_(created|modified)"
    r"|(creation|modification|processing|production)_?(date|time)"
    r"|(created|modified)(_?(on|at))?"
    r"|timestamp|last_?(modified|updated?)"
    r"|tracking_id|uuid|_ncproperties"
    r"|nco|cdo|cdi|nco_openmp_thread_number|cdo_openmp_thread_number"
    rf"|({_TOOLS})_?version(_id)?",
    re.IGNORECASE,
)
"""Names in full: those of the Attribute Convention for Data Discovery (ACDD 1.3) and of CMIP, those
that CDO and NCO write, and versions of software. Versions of data (``rgi_version``) do count."""


def about_writing(name: str) -> bool:
    """Whether an attribute tells of the writing of the file only, and not of its content."""
    return _ABOUT_WRITING.fullmatch(name) is not None


def compare_attributes(
    tally: Tally,
    recorded: Mapping[str, Any],
    replayed: Mapping[str, Any],
    place: str,
    compare: Callable[[Tally, str, Any, Any], None],
) -> None:
    """Compare attributes by name; ``place`` is empty for those of the whole file.

    ``compare`` is given the values of one, and the words for where it is.
    """
    of = f" of {place}" if place else ""
    values = tally.values
    for name in (*recorded, *(name for name in replayed if name not in recorded)):
        known = Tally(tally.tolerance) if about_writing(name) else tally
        where = f"attribute {name}{of}"
        if name in recorded and name in replayed:
            compare(known, where, recorded[name], replayed[name])
        elif name in recorded:
            known.differ(where, (shown(recorded[name]), "missing"), part=place)
        else:
            known.differ(where, ("missing", shown(replayed[name])), part=place)
        if known is not tally and known.count:
            tally.ignore(f"attribute {name}", place or None)
    tally.values = values  # which are those of variables


def shown(value: Any) -> str:
    """The value of an attribute in words."""
    return short(value if isinstance(value, str) else str(value).replace("\n", " "))
