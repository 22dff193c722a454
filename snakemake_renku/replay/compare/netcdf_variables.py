"""Variables of netCDF files, read in blocks.

This module imports netCDF4 and numpy, so only functions import it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np

from snakemake_renku.replay.compare.arrays import Array, Index, Spot, compare_arrays, plainly
from snakemake_renku.replay.compare.netcdf_places import Places
from snakemake_renku.replay.compare.numbers import EXACT
from snakemake_renku.replay.compare.slabs import Block, blocks
from snakemake_renku.replay.compare.tally import Tally

if TYPE_CHECKING:
    Variable = netCDF4.Variable[Any]  # only its stubs are generic

_TEXT_BYTES = 256
"""Assumed for an element of which each has a size of its own."""


def content_bytes(variable: Variable) -> int:
    """About how much memory all values would take."""
    return math.prod(variable.shape) * _itemsize(variable)


def _itemsize(variable: Variable) -> int:
    own_size = _is_text(variable) or isinstance(variable.datatype, netCDF4.VLType)
    return _TEXT_BYTES if own_size else int(np.dtype(variable.dtype).itemsize)


def _is_text(variable: Variable) -> bool:
    dtype: Any = variable.dtype  # which is the class, not a numpy type, for strings
    return dtype is str


def describe(variable: Variable) -> str:
    """Its type and dimensions in words."""
    sizes = (f"{d}={n}" for d, n in zip(variable.dimensions, variable.shape, strict=True))
    return f"{_type(variable)} ({', '.join(sizes)})"


def _type(variable: Variable) -> str:
    """The type in words, without the byte order."""
    kind = variable.datatype
    if _is_text(variable):
        return "string"
    if isinstance(kind, netCDF4.EnumType):
        members = sorted((int(value), name) for name, value in kind.enum_dict.items())
        return f"enum {kind.dtype} " + ", ".join(f"{name}={value}" for value, name in members)
    if isinstance(kind, netCDF4.VLType):
        return f"lists of {np.dtype(kind.dtype).newbyteorder('=')}"
    return str(np.dtype(variable.dtype).newbyteorder("="))


def compare_variables(tally: Tally, recorded: Variable, replayed: Variable, label: str) -> None:
    """Compare types, dimensions and values; ``label`` names the variable in what is found."""
    _storage(tally, recorded, replayed, label)
    words = describe(recorded), describe(replayed)
    if words[0] != words[1]:
        tally.differ(label, words, part=label)
        return
    for variable in (recorded, replayed):
        # Masks would hide values that a valid range excludes; packed numbers are unpacked.
        variable.set_auto_mask(False)
        variable.set_auto_scale(True)
        variable.set_auto_chartostring(False)
    tolerance = EXACT if isinstance(recorded.datatype, netCDF4.EnumType) else None
    places, fill = Places(recorded), _fill(recorded)
    show = _shower(recorded, fill)
    for block in blocks(recorded.shape, _itemsize(recorded), _chunk(recorded)):
        spot = Spot(label, _where(label, places, block), show, fill)
        compare_arrays(tally, _read(recorded, block), _read(replayed, block), spot, tolerance)


def _chunk(variable: Variable) -> list[int] | None:
    chunk = variable.chunking()
    return chunk if isinstance(chunk, list) else None


def _read(variable: Variable, block: Block) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of attributes that make no sense, which are compared
        values = variable[block or ...]
    if _is_text(variable) or isinstance(variable.datatype, netCDF4.VLType):
        shape = tuple(part.stop - part.start for part in block)
        return _objects(values, shape)
    return np.asarray(values)


def _objects(values: Any, shape: tuple[int, ...]) -> Array:
    if isinstance(values, np.ndarray) and values.shape == shape and values.dtype == object:
        return values
    made = np.empty(1, dtype=object)  # a single text, or a single list of numbers
    # A list of one number comes without its dimension.
    made[0] = np.atleast_1d(values) if isinstance(values, np.ndarray) else values
    return made.reshape(shape)


def _where(label: str, places: Places, block: Block) -> Callable[[Index], str]:
    def where(index: Index) -> str:
        at = [part.start + i for part, i in zip(block, index, strict=False)]
        inner = index[len(block) :]  # of an array inside of a record
        return f"{label}{places.words(at)}{f', element {list(inner)}' if inner else ''}"

    return where


def _shower(variable: Variable, fill: Any) -> Callable[[Any], str]:
    """Words for a value: missing where it is the fill value, its name if it has one."""
    if isinstance(variable.datatype, netCDF4.EnumType):
        names = {int(value): name for name, value in variable.datatype.enum_dict.items()}
        return lambda value: f"{value} ({names.get(int(value), 'no member')})"

    def show(value: Any) -> str:
        words = plainly(value)
        missing = fill is not None and isinstance(value, np.number) and value == fill
        return f"{words} (fill value)" if missing else words

    return show


def _fill(variable: Variable) -> Any:
    """The fill value of a variable of numbers as values are read, which are unpacked."""
    lists = isinstance(variable.datatype, netCDF4.VLType)
    if (
        lists
        or np.dtype(variable.dtype).kind not in "iuf"
        or "_FillValue" not in variable.ncattrs()
    ):
        return None
    try:
        scale, offset = (
            getattr(variable, n, d) for n, d in (("scale_factor", 1), ("add_offset", 0))
        )
        return variable.getncattr("_FillValue") * scale + offset
    except (TypeError, ValueError):
        return None


def _storage(tally: Tally, recorded: Variable, replayed: Variable, label: str) -> None:
    """Name what is different in how two variables are stored, which does not count."""
    if recorded.chunking() != replayed.chunking():
        tally.ignore("chunking", label)
    if recorded.filters() != replayed.filters():
        tally.ignore("compression", label)
    if recorded.endian() != replayed.endian():
        tally.ignore("byte order", label)
