"""Groups and arrays of zarr stores.

This module imports zarr and numpy, so only functions import it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore, ZipStore

from snakemake_renku.replay.compare.arrays import Array, Index, Spot, compare_arrays, plainly
from snakemake_renku.replay.compare.attributes import compare_attributes
from snakemake_renku.replay.compare.pair import Pair
from snakemake_renku.replay.compare.slabs import Block, blocks, refuse_bombs
from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.trees import compare_trees
from snakemake_renku.replay.compare.wording import short

Node = zarr.Array[Any] | zarr.Group

_DIMENSIONS = "_ARRAY_DIMENSIONS"
"""The attribute by which xarray names the dimensions of arrays in format 2."""


def compare_stores(tally: Tally, pair: Pair, stored: int) -> None:
    """Compare two stores, of which the smaller one takes ``stored`` bytes."""
    recorded, replayed = (_nodes(path) for path in pair.both)
    for nodes in (recorded, replayed):
        refuse_bombs(sum(n.nbytes for n in nodes.values() if isinstance(n, zarr.Array)), stored)
    for name, one in recorded.items():
        other = replayed.get(name)
        label = f"{_noun(one)} {name}" if name else ""
        if other is None or _noun(other) != _noun(one):
            words = describe(one), "missing" if other is None else describe(other)
            tally.differ(label or "root", words, part="#names")
        else:
            _compare(tally, one, other, label, recorded)
    for name, other in replayed.items():
        if name not in recorded:
            tally.differ(f"{_noun(other)} {name}", ("missing", describe(other)), part="#names")


def _nodes(path: Path) -> dict[str, Node]:
    """All groups and arrays by their path below the root, which is the empty one."""
    store = LocalStore(path, read_only=True) if path.is_dir() else ZipStore(path, mode="r")
    # Consolidated metadata may be older than those of the arrays themselves.
    try:
        root: Any = zarr.open_group(store, mode="r", use_consolidated=False)
    except (FileNotFoundError, zarr.errors.ContainsArrayError, zarr.errors.GroupNotFoundError):
        return {"": zarr.open_array(store, mode="r")}
    return {"": root, **dict(sorted(root.members(max_depth=None)))}


def _noun(node: Node) -> str:
    return "array" if isinstance(node, zarr.Array) else "group"


def describe(node: Node) -> str:
    """A group, or the type, dimensions and shape of an array, in words."""
    if isinstance(node, zarr.Group):
        return "group"
    names = dimensions(node) or [""] * node.ndim
    sizes = [f"{d}={n}" if d else str(n) for d, n in zip(names, node.shape, strict=False)]
    return f"{_type(node)} ({', '.join(sizes)})"


def _type(array: zarr.Array[Any]) -> str:
    dtype = np.dtype(array.dtype)
    return "string" if dtype.kind in "OT" else str(dtype.newbyteorder("="))


def dimensions(array: zarr.Array[Any]) -> list[str | None] | None:
    """The names of the dimensions, in format 3, or as xarray writes them in format 2."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get(_DIMENSIONS)
    return list(names) if isinstance(names, list | tuple) else None


def _compare(
    tally: Tally, recorded: Node, replayed: Node, label: str, nodes: dict[str, Node]
) -> None:
    attributes = [
        {k: v for k, v in node.attrs.asdict().items() if k != _DIMENSIONS}
        for node in (recorded, replayed)
    ]
    compare_attributes(tally, attributes[0], attributes[1], label, compare_trees_at)
    if recorded.metadata.zarr_format != replayed.metadata.zarr_format:
        tally.ignore("the version of the format")
    if isinstance(recorded, zarr.Array) and isinstance(replayed, zarr.Array):
        _arrays(tally, recorded, replayed, label or "the array", nodes)


def compare_trees_at(tally: Tally, where: str, recorded: Any, replayed: Any) -> None:
    """Compare the values of an attribute, which are JSON."""
    compare_trees(tally, recorded, replayed, where)


def _arrays(
    tally: Tally,
    recorded: zarr.Array[Any],
    replayed: zarr.Array[Any],
    label: str,
    nodes: dict[str, Node],
) -> None:
    words = describe(recorded), describe(replayed)
    if words[0] != words[1]:
        tally.differ(label, words, part=label)
        return
    if recorded.chunks != replayed.chunks or recorded.shards != replayed.shards:
        tally.ignore("chunking", label)
    dtype = np.dtype(recorded.dtype)
    if dtype != np.dtype(replayed.dtype):
        tally.ignore("byte order", label)
    places = Places(recorded, nodes)
    for block in blocks(recorded.shape, dtype.itemsize, recorded.shards or recorded.chunks):
        spot = Spot(label, _where(label, places, block))
        compare_arrays(tally, _read(recorded, block), _read(replayed, block), spot)


def _read(array: zarr.Array[Any], block: Block) -> Array:
    values = np.asarray(array[block])
    return values.astype(object) if values.dtype.kind == "T" else values


def _where(label: str, places: Places, block: Block) -> Callable[[Index], str]:
    def where(index: Index) -> str:
        return label + places.words([part.start + i for part, i in zip(block, index, strict=True)])

    return where


class Places:
    """Words for the places in an array: ``, time=3 (11688 days since 1970-01-01), x=4``."""

    def __init__(self, array: zarr.Array[Any], nodes: dict[str, Node]) -> None:
        self._names = dimensions(array)
        group = array.path.rpartition("/")[0]
        self._coordinates = [nodes.get(f"{group}/{name}".lstrip("/")) for name in self._names or []]

    def words(self, index: list[int]) -> str:
        """The words for an index, counted from 0, with a comma before."""
        if not self._names:
            return f", index [{', '.join(map(str, index))}]" if index else ""
        parts = zip(self._names, self._coordinates, index, strict=False)
        return "".join(f", {name}={at}{_value(node, at)}" for name, node, at in parts)


def _value(coordinate: Node | None, at: int) -> str:
    if not isinstance(coordinate, zarr.Array) or coordinate.ndim != 1:
        return ""
    try:
        units = str(coordinate.attrs.get("units", ""))
        return f" ({short(f'{plainly(np.asarray(coordinate[at])[()])} {units}'.rstrip(), 40)})"
    except Exception:  # It only helps the reader to find the place.
        return ""
