"""The pixels of two images of the same size.

This module imports numpy, so only functions import it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from PIL.Image import Image

from snakemake_renku.replay.compare.arrays import Array, find_gaps, take_extent
from snakemake_renku.replay.compare.tally import MOST, Tally

PIXELS = 1 << 20
"""In a strip that is compared at once."""

_PLAIN = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
"""Modes of 8 bits that RGBA can show without loss."""

_PALETTE = {"1", "P", "PA"}
"""Modes whose numbers are no amounts of light."""


class Spot(NamedTuple):
    """A pixel that differs."""

    x: int
    y: int
    recorded: str
    replayed: str
    amount: float | None


def compare_pixels(tally: Tally, recorded: Image, replayed: Image, of: str) -> None:
    """Compare pixel by pixel, each channel within the tolerance."""
    modes = [_mode(image) for image in (recorded, replayed)]
    if modes[0] != modes[1] and not {*modes} <= _PLAIN:
        tally.differ(f"colours{of}", modes)
        return
    if modes[0] != modes[1]:
        tally.ignore(f"how colours are coded ({modes[0]} and {modes[1]})")
    if modes[0] != modes[1] or modes[0] in _PALETTE:
        recorded, replayed = recorded.convert("RGBA"), replayed.convert("RGBA")
    found = Found(tally)
    step = max(1, PIXELS // max(1, recorded.width))
    for top in range(0, recorded.height, step):
        box = (0, top, recorded.width, min(top + step, recorded.height))
        found.strip(np.asarray(recorded.crop(box)), np.asarray(replayed.crop(box)), top)
    found.tell(of, recorded.width * recorded.height)


def _mode(image: Image) -> str:
    # The byte order of 16 bits is in the mode.
    return "I;16" if image.mode.startswith("I;16") else image.mode


class Found:
    """What differs, and the box around it."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.count = 0
        self.largest: float | None = None
        self.spots: list[Spot] = []
        self.box: tuple[int, int, int, int] | None = None

    def strip(self, a: Array, b: Array, top: int) -> None:
        """Compare a strip of all columns that begins at the row ``top``."""
        self.tally.values += a.shape[0] * a.shape[1]
        if a.tobytes() == b.tobytes():
            return
        gaps = find_gaps(a, b, self.tally.tolerance)
        take_extent(self.tally, gaps)
        wrong = gaps.wrong.any(axis=2) if gaps.wrong.ndim == 3 else gaps.wrong
        rows, columns = np.nonzero(wrong)
        if not len(rows):
            return
        self.count += len(rows)
        self._widen(columns.min(), top + rows.min(), columns.max(), top + rows.max())
        for row, column in zip(rows[:MOST], columns[:MOST], strict=True):
            if len(self.spots) < MOST:
                amount = _amount(gaps.absolute, int(row), int(column))
                words = _words(a[row, column]), _words(b[row, column])
                self.spots.append(Spot(int(column), top + int(row), *words, amount))

    def _widen(self, left: Any, top: Any, right: Any, bottom: Any) -> None:
        if self.box is not None:
            box = self.box
            left, top = min(left, box[0]), min(top, box[1])
            right, bottom = max(right, box[2]), max(bottom, box[3])
        self.box = (int(left), int(top), int(right), int(bottom))

    def tell(self, of: str, size: int) -> None:
        """Note the box around all, and the first pixels."""
        if self.box is None:
            return
        left, top, right, bottom = self.box
        where = f"pixels from x={left}, y={top} to x={right}, y={bottom}{of}"
        self.tally.differ(where, (None, f"{self.count:,} of {size:,} differ"), count=0, part=of)
        for x, y, recorded, replayed, amount in self.spots:
            self.tally.differ(f"pixel x={x}, y={y}{of}", (recorded, replayed), amount, part=of)
        self.tally.more(self.count - len(self.spots))


def _amount(absolute: Array | None, row: int, column: int) -> float | None:
    if absolute is None:
        return None
    here = absolute[row, column]
    return None if np.isnan(here).all() else float(np.nanmax(here))


def _words(pixel: Array) -> str:
    return str(pixel.tolist() if pixel.ndim == 0 else tuple(pixel.tolist()))
