"""The look of all plots, and how they are saved."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Okabe and Ito (2008): eight colours that colour-blind people tell apart (jfly.uni-koeln.de/color).
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"

DPI = 160


@contextmanager
def figure(width: float, height: float, rows: int, columns: int, **layout: Any) -> Iterator[tuple[Any, Any]]:
    """A figure (inches) with a grid of axes; the user's own matplotlib settings have no part in it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    settings = {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "legend.frameon": False,
        "savefig.facecolor": "white",
    }
    with pyplot.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        fig, axes = pyplot.subplots(
            rows, columns, figsize=(width, height), layout="constrained", squeeze=False, **layout
        )
        try:
            yield fig, axes
        finally:
            pyplot.close(fig)


def save(fig: Any, path: Path) -> None:
    """Save as PNG, whole or not at all, without the version and date that would make files differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    fig.savefig(aside, format="png", dpi=DPI, metadata={"Software": None})
    aside.replace(path)


def label(dataset: Any, rgi_id: str) -> str:
    """The name of a glacier, or else its id."""
    return str(dataset.name.sel(rgi_id=rgi_id).values) or rgi_id


def join_year(dataset: Any) -> int:
    """The last year of the history, where the projection starts."""
    return int(dataset.year.values[dataset.run.values == 0][-1])
