"""A map of the outlines, coloured by what becomes of the glaciers."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glacierbatch.outlines import Outline
from glacierbatch.plots.style import figure, save

KILOMETRES_PER_DEGREE = 111.195


def plot_map(dataset: Any, outlines: Sequence[Outline], path: Path) -> None:
    """Two maps in km: how much volume is left at the end (%), and in which year half of it is gone.

    Failed glaciers are hatched. Equirectangular, true to scale along the mean latitude.
    """
    volume = {str(rgi_id): dataset.volume.sel(rgi_id=rgi_id).values for rgi_id in dataset.rgi_id.values}
    years = dataset.year.values
    left = {rgi_id: _left(v) for rgi_id, v in volume.items()}
    half = {rgi_id: _half_gone(v, years) for rgi_id, v in volume.items()}
    project = _projection(outlines)
    shapes = {o.rgi_id: [project(ring) for ring in _rings(o.geometry)] for o in outlines}
    low, high = _extent(shapes)
    across, up = (float(side) for side in high - low)
    height = min(max(4.2 * up / across, 2.4), 7.0) + 1.3
    with figure(9.6, height, 1, 2, sharex=True, sharey=True) as (fig, axes):
        left_title = f"Volume left in {years[-1]} (% of {years[0]})"
        _panel(fig, axes[0, 0], shapes, left, left_title, (0.0, max(_nice(max(left.values())), 1.0)))
        half_title = f"Year when half of the volume of {years[0]} is gone"
        _panel(fig, axes[0, 1], shapes, half, half_title, _span(list(half.values()), years))
        for ax in axes.flat:
            ax.set_xlim(low[0], high[0])
            ax.set_ylim(low[1], high[1])
            ax.set_xlabel(f"km east of {_angle(_degrees(outlines)[0], 'EW')}")
        axes[0, 0].set_ylabel(f"km north of {_angle(_degrees(outlines)[1], 'NS')}")
        save(fig, path)


def _panel(fig: Any, ax: Any, shapes: Any, values: Any, title: str, span: tuple[float, float]) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import Patch

    scale = ScalarMappable(Normalize(*span), colormaps["cividis"])
    missing: dict[str, Any] = {"facecolor": "#eeeeee", "hatch": "////", "edgecolor": "#999999"}
    later: dict[str, Any] = {"facecolor": "white", "edgecolor": "black"}
    for rgi_id, rings in shapes.items():
        value = values.get(rgi_id, math.nan)
        plain = later if rgi_id in values else missing
        look = plain if math.isnan(value) else {"facecolor": scale.to_rgba(value), "edgecolor": "black"}
        ax.add_patch(_patch(rings, linewidth=0.5, **look))
    keys = []
    if any(rgi_id not in values for rgi_id in shapes):
        keys.append(Patch(label="failed", **missing))
    if any(math.isnan(value) for value in values.values()):
        keys.append(Patch(label="later", **later))
    if keys:
        ax.legend(handles=keys, loc="best", fontsize=8)
    ax.set_aspect("equal")
    ax.set_title(title, fontsize=9.5)
    fig.colorbar(scale, ax=ax, orientation="horizontal", shrink=0.8, aspect=30)


def _patch(rings: Sequence[Any], **look: Any) -> Any:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    # One compound path, so that nunataks show as holes.
    return PathPatch(Curve.make_compound_path(*(Curve(ring, closed=True) for ring in rings)), **look)


def _rings(geometry: Any) -> list[Any]:
    parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return [ring for part in parts for ring in part]


def _degrees(outlines: Sequence[Outline]) -> tuple[float, float]:
    points = np.concatenate([np.asarray(ring) for o in outlines for ring in _rings(o.geometry)])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    return round(float(middle[0]), 2), round(float(middle[1]), 2)


def _angle(degrees: float, sides: str) -> str:
    return f"{abs(degrees):.2f}°{sides[degrees < 0]}"


def _projection(outlines: Sequence[Outline]) -> Any:
    longitude, latitude = _degrees(outlines)
    stretch = np.array([math.cos(math.radians(latitude)), 1.0]) * KILOMETRES_PER_DEGREE
    return lambda ring: (np.asarray(ring) - (longitude, latitude)) * stretch


def _extent(shapes: Any) -> tuple[Any, Any]:
    points = np.concatenate([ring for rings in shapes.values() for ring in rings])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    sides = points.max(axis=0) - points.min(axis=0)
    # Sides of at least half the other leave room for axes, whatever lies in a row.
    sides = np.maximum(sides, sides.max() / 2) * 1.08
    return middle - sides / 2, middle + sides / 2


def _left(volume: Any) -> float:
    return float(volume[-1] / volume[0] * 100) if volume[0] > 0 else math.nan


def _half_gone(volume: Any, years: Any) -> float:
    gone = volume <= volume[0] / 2
    return float(years[gone][0]) if gone.any() else math.nan


def _nice(value: float) -> float:
    """The next larger of some round numbers times a power of ten."""
    if math.isnan(value) or value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return float(next(power * step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if power * step >= value))


def _span(values: Sequence[float], years: Any) -> tuple[float, float]:
    known = [value for value in values if not math.isnan(value)]
    low, high = (min(known), max(known)) if known else (float(years[0]), float(years[-1]))
    return 10.0 * math.floor(low / 10), min(10.0 * math.ceil((high + 1e-9) / 10), float(years[-1]))
