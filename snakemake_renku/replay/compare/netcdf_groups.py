"""Groups of netCDF files: their dimensions, attributes, and which variables they have.

This module imports netCDF4 and numpy, so only functions import it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import netCDF4
import numpy as np

from snakemake_renku.errors import CompareError
from snakemake_renku.replay.compare.arrays import Spot, compare_arrays
from snakemake_renku.replay.compare.attributes import compare_attributes, shown
from snakemake_renku.replay.compare.netcdf_variables import (
    compare_variables,
    content_bytes,
    describe,
)
from snakemake_renku.replay.compare.slabs import refuse_bombs
from snakemake_renku.replay.compare.tally import Tally

DEEPEST = 100

Group = netCDF4.Dataset  # a Group is one, too


def compare_groups(tally: Tally, recorded: Group, replayed: Group, stored: int) -> None:
    """Compare two groups and all below them; ``stored`` is the size of the smaller file."""
    for group in (recorded, replayed):
        refuse_bombs(sum(content_bytes(var) for var in _all_variables(group)), stored)
    _groups(tally, recorded, replayed, 0)


def _all_variables(group: Group) -> Iterator[netCDF4.Variable[Any]]:
    yield from group.variables.values()
    for below in group.groups.values():
        yield from _all_variables(below)


def _groups(tally: Tally, recorded: Group, replayed: Group, depth: int) -> None:
    if depth > DEEPEST:
        raise CompareError(f"its groups are nested more than {DEEPEST} deep")
    place = "" if recorded.path == "/" else f"group {recorded.path}"
    compare_attributes(tally, values(recorded), values(replayed), place, compare_values)
    _dimensions(tally, recorded, replayed)
    for name, one, other in _matched(tally, "variable", recorded, replayed, "variables"):
        label = f"variable {_below(recorded, name)}"
        compare_attributes(tally, values(one), values(other), label, compare_values)
        compare_variables(tally, one, other, label)
    for _, one, other in _matched(tally, "group", recorded, replayed, "groups"):
        _groups(tally, one, other, depth + 1)


def _below(group: Group, name: str) -> str:
    return name if group.path == "/" else f"{group.path}/{name}"


def _matched(
    tally: Tally, noun: str, recorded: Group, replayed: Group, what: str
) -> Iterator[tuple[str, Any, Any]]:
    """What both have under the same name; what only one has is a difference."""
    one, other = getattr(recorded, what), getattr(replayed, what)
    for name, item in one.items():
        if name not in other:
            words = describe(item) if noun == "variable" else "there"
            tally.differ(f"{noun} {_below(recorded, name)}", (words, "missing"), part="#names")
    for name, item in other.items():
        if name not in one:
            words = describe(item) if noun == "variable" else "there"
            tally.differ(f"{noun} {_below(recorded, name)}", ("missing", words), part="#names")
    yield from ((name, item, other[name]) for name, item in one.items() if name in other)


def _dimensions(tally: Tally, recorded: Group, replayed: Group) -> None:
    one, other = recorded.dimensions, replayed.dimensions
    for name in (*one, *(name for name in other if name not in one)):
        where = f"dimension {_below(recorded, name)}"
        sizes = [len(of[name]) if name in of else None for of in (one, other)]
        if sizes[0] != sizes[1]:
            words = ["missing" if size is None else str(size) for size in sizes]
            amount = None if None in sizes else float(abs((sizes[0] or 0) - (sizes[1] or 0)))
            tally.differ(where, words, amount, part="#dimensions")
        elif one[name].isunlimited() != other[name].isunlimited():
            tally.ignore("whether a dimension is unlimited", name)


def values(item: Group | netCDF4.Variable[Any]) -> dict[str, Any]:
    """The attributes of a group or variable."""
    return {name: item.getncattr(name) for name in item.ncattrs()}


def compare_values(tally: Tally, where: str, recorded: Any, replayed: Any) -> None:
    """Compare the values of an attribute: numbers within the tolerance, texts as they are."""
    one, other = np.atleast_1d(recorded), np.atleast_1d(replayed)
    texts = [array.dtype.kind in "UOS" for array in (one, other)]
    records = one.dtype.names is not None or other.dtype.names is not None
    same_type = one.dtype.newbyteorder("=") == other.dtype.newbyteorder("=")
    comparable = one.shape == other.shape and texts[0] == texts[1]
    if not comparable or (records and not same_type):
        tally.differ(where, (shown(recorded), shown(replayed)), part=where)
        return
    if not texts[0] and not same_type:
        tally.ignore("the type of a number", where)
        wide = np.promote_types(one.dtype, other.dtype)
        one, other = one.astype(wide), other.astype(wide)
    single = one.size == 1
    place = Spot(where, lambda index: where if single else f"{where}[{index[0]}]")
    compare_arrays(
        tally,
        one.astype(object) if texts[0] else one,
        other.astype(object) if texts[0] else other,
        place,
    )
