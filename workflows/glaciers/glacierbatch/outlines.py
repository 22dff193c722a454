"""Outlines of glaciers: read from the inventory, and written as GeoJSON."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glacierbatch.download import write_whole
from glacierbatch.groups import check_selection
from glacierbatch.session import OUTLINES


@dataclass(frozen=True)
class Outline:
    """One glacier: id, name (or empty), area in km2, geometry as GeoJSON in degrees (WGS 84)."""

    rgi_id: str
    name: str
    area_km2: float
    geometry: dict[str, Any]


def read_inventory(data: Path) -> Any:
    """The outlines as a GeoDataFrame, under RGI 6 ids and without the divides.

    Source: RGI 5.0 outlines; their ids are those of RGI 6.0 but for the version. Names that end
    on `_d01`, `_d02` are parts of a glacier that is also there as a whole.
    """
    import geopandas

    table = geopandas.read_file(data / OUTLINES)
    table = table[~table.RGIId.str.contains("_d0", regex=False)].copy()
    table["RGIId"] = table.RGIId.str.replace("RGI50", "RGI60")
    return table


def real_outlines(data: Path, wanted: Sequence[str]) -> list[Outline]:
    """The outlines of the real glaciers, or of those that are wanted.

    Raises ConfigError for an unknown id.
    """
    from shapely.geometry import mapping

    table = read_inventory(data)
    check_selection(wanted, list(table.RGIId))
    if wanted:
        table = table[table.RGIId.isin(wanted)]
    shapes = table.geometry.to_crs("EPSG:4326")
    return [
        Outline(row.RGIId, row.Name or "", float(row.Area), mapping(shape))
        for (_, row), shape in zip(table.iterrows(), shapes, strict=True)
    ]


def write_geojson(outlines: Iterable[Outline], path: Path) -> None:
    """Write a GeoJSON feature collection (RFC 7946), coordinates to 1e-6 degrees (0.1 m)."""
    features = [
        {
            "type": "Feature",
            "id": o.rgi_id,
            "properties": {"rgi_id": o.rgi_id, "name": o.name, "area_km2": o.area_km2},
            "geometry": {"type": o.geometry["type"], "coordinates": _rounded(o.geometry["coordinates"])},
        }
        for o in outlines
    ]
    content = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
    write_whole(path, (content + "\n").encode())


def read_geojson(path: Path | str) -> list[Outline]:
    """Read what `write_geojson` wrote."""
    return [
        Outline(f["id"], f["properties"]["name"], f["properties"]["area_km2"], f["geometry"])
        for f in json.loads(Path(path).read_text())["features"]
    ]


def _rounded(coordinates: Any) -> Any:
    if isinstance(coordinates, float | int):
        return round(float(coordinates), 6)
    # A point may come with an altitude, which an outline has no use for.
    is_point = isinstance(coordinates[0], float | int)
    return [_rounded(part) for part in (coordinates[:2] if is_point else coordinates)]
