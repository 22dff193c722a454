"""One HTML page: totals, plots, glaciers and failures."""

import json
from html import escape
from pathlib import Path
from typing import Any

from glacierbatch.download import write_whole
from glacierbatch.tables import read_failed

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222 }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .25rem .7rem; text-align: right }
th { border-bottom: 2px solid #444 } td { border-bottom: 1px solid #ddd }
.text { text-align: left } img { max-width: 100% } h2 { margin-top: 2.5rem }
"""
PLOTS = {
    "region": "All glaciers together: volume and area",
    "map": "Outlines, coloured by what is left",
    "glaciers": "Volume of each glacier",
}
NAMES = {
    "oetztal": "Glaciers of the Ötztal Alps",
    "idealised": "Idealised glaciers (not real ones)",
}


def write_summary(numbers_file: str, failed_file: str, path: Path) -> None:
    """Write the page; the plots are expected in the folder `plots` beside it."""
    numbers = json.loads(Path(numbers_file).read_text())
    failures = read_failed(failed_file)
    title = NAMES[numbers["source"]]
    failed_rows = [[f.rgi_id, f.step, f.error, f.message] for f in failures]
    body = [
        f"<h1>{title}</h1>",
        f"<p>{numbers['glaciers_run']} glaciers were run, {len(failures)} failed.</p>",
        _totals(numbers["total"]),
        *(f'<h2>{text}</h2><img src="plots/{name}.png" alt="{text}">' for name, text in PLOTS.items()),
        "<h2>Glaciers</h2>",
        _glaciers(numbers["glaciers"]),
        "<h2>Glaciers that failed</h2>",
        _table(["Glacier", "Step", "Error", "Message"], failed_rows, text=4) if failures else "<p>None.</p>",
    ]
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )
    write_whole(path, page.encode())


def _totals(total: dict[str, float]) -> str:
    years = sorted({key.split("_")[1] for key in total})
    rows = [
        [label, *(f"{total[f'{quantity}_{year}_{unit}']:.{digits}f}" for year in years)]
        for label, quantity, unit, digits in (
            ("Volume (km³)", "volume", "km3", 3),
            ("Area (km²)", "area", "km2", 2),
        )
    ]
    return _table(["Sum of all", *years], rows, text=1)


def _glaciers(glaciers: dict[str, dict[str, Any]]) -> str:
    first = next(iter(glaciers.values()))
    keys = [key for key in first if key.startswith(("volume", "length"))]
    heads = [f"{key.split('_')[0].capitalize()} {key.split('_')[1]} ({key.split('_')[2]})" for key in keys]
    heads = [head.replace("km3", "km³") for head in heads]
    rows = [
        [rgi_id, g["name"], *(f"{g[key]:.{0 if key.endswith('_m') else 4}f}" for key in keys)]
        for rgi_id, g in glaciers.items()
    ]
    return _table(["Glacier", "Name", *heads], rows, text=2)


def _table(heads: list[str], rows: list[list[str]], text: int) -> str:
    def line(tag: str, cells: list[str]) -> str:
        kinds = [' class="text"' if i < text else "" for i in range(len(cells))]
        inner = (f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
        return "<tr>" + "".join(inner) + "</tr>"

    return "<table>\n" + "\n".join([line("th", heads), *(line("td", row) for row in rows)]) + "\n</table>"
