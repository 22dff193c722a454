"""Places in a variable of a netCDF file, by the names of dimensions and the coordinates there.

This module imports netCDF4 and numpy, so only functions import it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import netCDF4
import numpy as np

from snakemake_renku.replay.compare.arrays import plainly
from snakemake_renku.replay.compare.wording import short


class Places:
    """Words for the places in a variable: ``, time=3 (2003-01-01), glacier=17 (RGI60-11.00897)``.

    A number is the index, counted from 0; in brackets stands the value of the coordinate variable.
    """

    def __init__(self, variable: netCDF4.Variable[Any]) -> None:
        self._dimensions = variable.dimensions
        self._coordinates = [_coordinate(variable, name) for name in variable.dimensions]

    def words(self, index: Sequence[int]) -> str:
        """The words for an index, with a comma before; nothing for a scalar."""
        parts = zip(self._dimensions, self._coordinates, index, strict=False)
        return "".join(f", {name}={at}{_value(coordinate, at)}" for name, coordinate, at in parts)


def _coordinate(variable: netCDF4.Variable[Any], name: str) -> netCDF4.Variable[Any] | None:
    """The coordinate variable of a dimension, unless it is the variable itself."""
    group: Any = variable.group()
    while group is not None:
        if name in group.variables:
            found: netCDF4.Variable[Any] = group.variables[name]
            usable = found.dimensions == (name,) and found.name != variable.name
            return found if usable else None
        group = group.parent
    return None


def _value(coordinate: netCDF4.Variable[Any] | None, at: int) -> str:
    if coordinate is None:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f" ({_words(coordinate, at)})"
    except Exception:  # It only helps the reader to find the place.
        return ""


def _words(coordinate: netCDF4.Variable[Any], at: int) -> str:
    value = coordinate[at]
    if np.ma.is_masked(value):
        return "missing"
    units = str(getattr(coordinate, "units", ""))
    if " since " in units:
        calendar = str(getattr(coordinate, "calendar", "standard"))
        moment = netCDF4.num2date(value, units, calendar)
        return str(moment).removesuffix(" 00:00:00")
    words = value if isinstance(value, str) else plainly(np.asarray(value)[()])
    return short(f"{words} {units}".rstrip() if units not in ("", "1") else words, 40)
