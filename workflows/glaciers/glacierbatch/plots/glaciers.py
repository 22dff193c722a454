"""One small panel per glacier."""

from pathlib import Path
from typing import Any

from glacierbatch.plots.style import BLUE, GREY, figure, join_year, label, save

MOST = 24
COLUMNS = 4


def plot_glaciers(dataset: Any, path: Path) -> None:
    """Volume (km³) of each glacier over the years, largest first; of many, the largest 24."""
    first = dataset.volume.isel(time=0)
    order = [str(rgi_id) for rgi_id in first.sortby(-first).rgi_id.values]
    shown = order[:MOST]
    rows = -(-len(shown) // COLUMNS)
    with figure(9.2, 1.0 + 1.6 * rows, rows, COLUMNS, sharex=True) as (fig, axes):
        for ax in axes.flat[len(shown) :]:
            ax.set_visible(False)
        for place, rgi_id in enumerate(shown):
            ax = axes.flat[place]
            _panel(ax, dataset.sel(rgi_id=rgi_id), label(dataset, rgi_id), join_year(dataset))
            # The axis is shared, so only the lowest visible panel of a column would show its years.
            ax.tick_params(labelbottom=place + COLUMNS >= len(shown))
        fig.supylabel("Volume (km³)", fontsize=10)
        fig.supxlabel("Year (dotted: end of the history)", fontsize=10)
        of = f"{len(shown)} largest of {len(order)}" if len(order) > MOST else f"all {len(order)}"
        fig.suptitle(f"Volume of each glacier ({of}); % left at the end", x=0.01, ha="left", fontsize=11)
        save(fig, path)


def _panel(ax: Any, glacier: Any, title: str, join: int) -> None:
    years, volume = glacier.year.values, glacier.volume.values * 1e-9
    past = years <= join
    ax.fill_between(years, 0, volume, color=BLUE, alpha=0.15, linewidth=0)
    ax.plot(years, volume, color=BLUE, lw=1.5)
    ax.plot(years[past], volume[past], color="black", lw=1.5)
    ax.axvline(join, color=GREY, lw=0.7, ls=":")
    left = volume[-1] / volume[0] * 100 if volume[0] > 0 else 0.0
    ax.text(0.97, 0.88, f"{left:.1f} %", transform=ax.transAxes, ha="right", va="top", fontsize=8)
    ax.set_title(title, fontsize=8.5)
    ax.set(ylim=(0, max(float(volume.max()) * 1.08, 1e-9)), xlim=(years[0], years[-1]))
    ax.set_xticks([2020, 2060, 2100])
    ax.locator_params(axis="y", nbins=3)
    ax.tick_params(labelsize=7.5)
