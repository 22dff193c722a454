"""Tables for people and for tests: the numbers of each glacier, and the glaciers that failed."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from glacierbatch.download import write_whole
from glacierbatch.failures import Failure
from glacierbatch.record import Record, Series

QUANTITIES = {"volume": ("km3", 1e-9), "area": ("km2", 1e-6), "length": ("m", 1.0)}


def numbers(record: Record) -> dict[str, Any]:
    """The numbers of one glacier at the start, at the join of its two runs, and at the end.

    Keys are as `volume_2014_km3`; the values are the 64-bit numbers of the model times a unit.
    """
    moments: list[tuple[Series, int]] = [(record.history, 0), (record.history, -1), (record.projection, -1)]
    result: dict[str, Any] = {"name": record.name, "inventory_area_km2": record.inventory_area_km2}
    for quantity, (unit, factor) in QUANTITIES.items():
        for series, place in moments:
            value = getattr(series, quantity)[place] * factor
            result[f"{quantity}_{series.year[place]}_{unit}"] = value
    return {**result, **record.parameters}


def write_numbers(records: Sequence[Record], failures: Sequence[Failure], source: str, path: Path) -> None:
    """Write the numbers of each glacier and their sums as JSON."""
    glaciers = {record.rgi_id: numbers(record) for record in records}
    summed = [key for key in next(iter(glaciers.values())) if key.startswith(("volume", "area"))]
    total = {key: sum(numbers_[key] for numbers_ in glaciers.values()) for key in summed}
    content = {
        "source": source,
        "glaciers_run": len(records),
        "glaciers_failed": len(failures),
        "total": total,
        "glaciers": glaciers,
    }
    write_whole(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def write_failed(failures: Sequence[Failure], path: Path) -> None:
    """Write the failed glaciers as CSV: id, step, type of the error, message."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    names = [field.name for field in fields(Failure)]
    table.writerow(names)
    table.writerows([getattr(failure, name) for name in names] for failure in failures)
    write_whole(path, text.getvalue().encode())


def read_failed(path: Path | str) -> list[Failure]:
    """Read what `write_failed` wrote."""
    with Path(path).open(newline="") as table:
        return [Failure.from_dict(row) for row in csv.DictReader(table)]
