"""Volume and area of all glaciers together."""

from pathlib import Path
from typing import Any

from glacierbatch.plots.style import BLUE, GREY, ORANGE, figure, join_year, save

PANELS = (("volume", "Volume", "km³", 1e-9, BLUE), ("area", "Area", "km²", 1e-6, ORANGE))


def plot_region(dataset: Any, path: Path) -> None:
    """Two panels: volume (km³) and area (km²) over the years, with a second axis in % of the start."""
    years, join = dataset.year.values, join_year(dataset)
    with figure(7.2, 5.4, 2, 1, sharex=True) as (fig, axes):
        for ax, (name, title, unit, factor, colour) in zip(axes[:, 0], PANELS, strict=True):
            total = dataset[name].sum("rgi_id").values * factor
            ax.fill_between(years, 0, total, color=colour, alpha=0.15, linewidth=0)
            past = years <= join
            ax.plot(years[~past | (years == join)], total[~past | (years == join)], color=colour, lw=1.8)
            ax.plot(years[past], total[past], color="black", lw=1.8)
            ax.axvline(join, color=GREY, lw=0.8, ls=":")
            ax.set(ylabel=f"{title} ({unit})", ylim=(0, None), xlim=(years[0], years[-1]))
            _mark_ends(ax, years, total, join, unit)
            _percent_axis(ax, float(total[0]), int(years[0]))
        top = axes[0, 0]
        top.text(join - 0.8, 0.06, "history", transform=top.get_xaxis_transform(), ha="right", rotation=90)
        top.text(join + 0.8, 0.06, "projection", transform=top.get_xaxis_transform(), color=BLUE, rotation=90)
        axes[1, 0].set_xlabel("Year (state on 1 January)")
        top.set_title(f"{dataset.attrs['title']}\nSum of {dataset.sizes['rgi_id']} glaciers")
        save(fig, path)


def _mark_ends(ax: Any, years: Any, total: Any, join: int, unit: str) -> None:
    top = float(total.max()) * 1.15
    ax.set_ylim(0, top)
    for year in (years[0], join, years[-1]):
        value = float(total[years == year][0])
        ax.plot([year], [value], "o", color="black", ms=3.5, clip_on=False, zorder=5)
        if year < years[-1]:
            ax.annotate(f"{value:.3g} {unit}", (year, value), (5, 5), textcoords="offset points", fontsize=8)
    # The last label stands above whatever the curve does before its end.
    height = float(total[-15:].max()) + 0.1 * top
    line = {"arrowstyle": "-", "lw": 0.7, "color": GREY, "shrinkB": 3}
    text = f"{total[-1]:.3g} {unit}"
    ax.annotate(
        text, (years[-1], total[-1]), (years[-1] - 1, height), ha="right", fontsize=8, arrowprops=line
    )


def _percent_axis(ax: Any, start: float, year: int) -> None:
    other = ax.secondary_yaxis("right", functions=(lambda v: v / start * 100, lambda p: p * start / 100))
    other.set_ylabel(f"% of {year}")
    other.spines["right"].set_visible(True)
