"""Numbers as people read them."""

from __future__ import annotations

import time

_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """Bytes in the largest fitting power of 1000: ``4.2 GB``."""
    number, unit = float(count), 0
    while number >= 999.95 and unit < len(_SIZES) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} B" if unit == 0 else f"{number:.1f} {_SIZES[unit]}"


def peak(count: int) -> str:
    """A peak of memory; 0 stands for a job that was over before it could be looked at."""
    return size(count) if count else "too little to see"


def megabytes(count: float) -> str:
    """MB, as Snakemake counts them (10⁶ bytes), in the largest fitting unit."""
    return size(count * 1e6)


def moment(seconds: float) -> str:
    """Seconds since the epoch as local time: ``2026-01-31 12:00:00``."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
