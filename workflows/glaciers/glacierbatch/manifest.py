"""The input files that the workflow knows: path, size and SHA-256 of each, pinned in `manifest.csv`."""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from glacierbatch.errors import DataError

REPOSITORY = "OGGM/oggm-sample-data"
COMMIT = "99651428d84b68735c87001da70983fa369abd59"
BASE_URL = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}"
FOLDER = "oggm-sample-data"


@dataclass(frozen=True)
class Entry:
    """One input file: its path below the data folder, its size in bytes, its SHA-256 in hex."""

    path: str
    size: int
    sha256: str


@cache
def entries() -> tuple[Entry, ...]:
    """All input files, sorted by path."""
    with Path(__file__).with_name("manifest.csv").open(newline="") as table:
        return tuple(Entry(row["path"], int(row["bytes"]), row["sha256"]) for row in csv.DictReader(table))


def fault(entry: Entry, content: bytes) -> str | None:
    """What is wrong with the content of a file, or None."""
    digest = hashlib.sha256(content).hexdigest()
    if digest == entry.sha256:
        return None
    return (
        f"wrong content: expected {entry.size} bytes with sha256 {entry.sha256},"
        f" found {len(content)} bytes with sha256 {digest}"
    )


def verify(folder: Path, files: Sequence[Entry] | None = None) -> None:
    """Hold every file of the manifest against its checksum.

    Raises DataError that names each file that is missing or differs, and the remedy.
    """
    files = entries() if files is None else files
    faults = []
    for entry in files:
        try:
            wrong = fault(entry, (folder / entry.path).read_bytes())
        except OSError as error:
            wrong = f"cannot be read ({error.strerror}): expected sha256 {entry.sha256}"
        if wrong:
            faults.append(f"  - {folder / entry.path}: {wrong}")
    if faults:
        raise DataError(
            f"{len(faults)} of {len(files)} input files cannot be used:\n"
            + "\n".join(faults)
            + f"\nTake them from commit {COMMIT} of https://github.com/{REPOSITORY}, or run"
            " `python -m glacierbatch.data fetch --to FOLDER` and give that folder"
            " (`--config data=FOLDER`)."
        )
