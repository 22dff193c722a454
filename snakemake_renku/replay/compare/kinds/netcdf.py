"""netCDF, classic (3) and 4, by the netCDF library (the package netCDF4).

Groups, dimensions, variables, types and attributes are matched by their names. Chunking,
compression, byte order, the version of the format, and whether a dimension is unlimited are no
content. Of a plain HDF5 file the library does not show all, so that one is never equivalent.
"""

from __future__ import annotations

import mmap
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.pair import Fit, Pair
from snakemake_renku.replay.compare.tally import Tally

if TYPE_CHECKING:
    import netCDF4

NAME = "netcdf"
ISOLATED = True
TEXT = False

MAGICS = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF\r\n\x1a\n")
"""NetCDF classic format specification, and HDF5 format specification III.A."""

_MARKS = re.compile(rb"_NCProperties|_Netcdf4Dimid|_nc3_strict|_Netcdf4Coordinates")
"""Names of attributes that only the netCDF-4 libraries write into HDF5 files."""

_WRITTEN_BY = re.compile(rb"version=\d[|,][ -~]{3,200}")


def suits(head: bytes, name: str) -> Fit:
    """By the first bytes."""
    return Fit.SURE if head.startswith(MAGICS) else Fit.NO


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare all that the netCDF library shows of both."""
    from snakemake_renku.replay.compare.netcdf_groups import compare_groups

    tally = Tally(tolerance)
    with open_dataset(pair.recorded) as recorded, open_dataset(pair.replayed) as replayed:
        if recorded.data_model != replayed.data_model:
            formats = f"{recorded.data_model} and {replayed.data_model}"
            tally.ignore(f"the version of the format ({formats})")
        compare_groups(tally, recorded, replayed, min(pair.sizes()))
    _compare_origins(tally, pair)
    return tally.finding(NAME, "how the content is stored in the file")


def open_dataset(path: Path) -> netCDF4.Dataset:
    """Open for reading; a type that cannot be read is an error, rather than a variable less."""
    import netCDF4

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return netCDF4.Dataset(path)


def _compare_origins(tally: Tally, pair: Pair) -> None:
    origins = [_origin(path) for path in pair.both]
    if None in origins and not tally.count:
        what = "not shown by the netCDF library, or how it is stored"
        tally.differ("something in a plain HDF5 file", (what, what))
    elif origins[0] != origins[1]:
        tally.ignore("attribute _NCProperties")


def _origin(path: Path) -> bytes | None:
    """Which libraries wrote a file; None for an HDF5 file that is none of netCDF.

    Sought in the bytes, since the netCDF library (4.10.1) breaks its memory when it is asked.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[:3] == b"CDF":
            return b""
        mark = _MARKS.search(content)
        if mark is None:
            return None
        written = _WRITTEN_BY.search(content, mark.start(), mark.start() + 1000)
        return written.group() if written else b""
