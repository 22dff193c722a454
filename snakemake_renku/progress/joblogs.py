"""The log files of failed jobs, to be shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from snakemake_renku.progress.text import clean

MOST_BYTES = 1_000_000
"""Of a larger log file only the end is shown."""


def failed_logs(paths: Iterable[str]) -> Iterator[str]:
    """The lines that show each of the log files at ``paths``."""
    for path in paths:
        yield from _one(path)


def _one(path: str) -> Iterator[str]:
    try:
        content, left_out = _tail(Path(path))
    except FileNotFoundError:
        yield f"Log file {path}: not found"
        return
    except OSError as error:
        yield f"Log file {path}: cannot be read ({error.strerror})"
        return
    lines = clean(content).splitlines()
    if not lines:
        yield f"Log file {path}: empty"
        return
    header = f"Log file {path}:"
    rule = "=" * min(max(len(line) for line in [header, *lines]), 80)
    yield header
    yield rule
    if left_out:
        yield f"… the first {left_out} bytes are in the file only"
    yield from lines
    yield rule


def _tail(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        left_out = max(0, size - MOST_BYTES)
        file.seek(left_out)
        return file.read(MOST_BYTES).decode("utf-8", "replace"), left_out
