"""What a chunk leaves behind: yearly numbers of each glacier, and the failures, as one JSON file.

JSON keeps all digits of 64-bit numbers (Python writes the shortest text that reads back the same).
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from glacierbatch.download import write_whole
from glacierbatch.errors import ChunkError
from glacierbatch.failures import Failure, as_json


@dataclass(frozen=True)
class Series:
    """State at the start of each year: volume in m3, area in m2, length in m."""

    year: Sequence[int]
    volume: Sequence[float]
    area: Sequence[float]
    length: Sequence[float]

    def __post_init__(self) -> None:
        """Refuse series of different lengths, and numbers that are not finite."""
        for name in ("volume", "area", "length"):
            values = getattr(self, name)
            if len(values) != len(self.year):
                raise ValueError(f"{name} has {len(values)} values for {len(self.year)} years")
            if not all(map(math.isfinite, values)):
                raise ValueError(f"{name} has values that are not finite")


@dataclass(frozen=True)
class Record:
    """One glacier that came through: where it is, how it was calibrated, and its two runs."""

    rgi_id: str
    name: str
    longitude: float
    latitude: float
    inventory_area_km2: float
    parameters: Mapping[str, float | str]
    history: Series
    projection: Series

    @staticmethod
    def write_chunk(records: Iterable["Record"], failures: Iterable[Failure], path: Path) -> None:
        """Write the records and failures of a chunk."""
        content = {"failures": as_json(failures), "glaciers": [asdict(record) for record in records]}
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(path, (text + "\n").encode())

    @staticmethod
    def read_chunk(path: Path | str) -> tuple[list["Record"], list[Failure]]:
        """Read what `write_chunk` wrote. Raises ChunkError if the file is something else."""
        try:
            content = json.loads(Path(path).read_text())
            records = [
                Record(**{**g, "history": Series(**g["history"]), "projection": Series(**g["projection"])})
                for g in content["glaciers"]
            ]
            return records, [Failure.from_dict(failure) for failure in content["failures"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ChunkError(f"{path}: not the record of a chunk ({error})") from error


def read_chunks(paths: Iterable[Path | str], order: Sequence[str]) -> tuple[list[Record], list[Failure]]:
    """All records in the given order of ids, and all failures, sorted."""
    place = {rgi_id: i for i, rgi_id in enumerate(order)}
    chunks = [Record.read_chunk(path) for path in paths]
    records = [record for chunk, _ in chunks for record in chunk]
    failures = [failure for _, chunk in chunks for failure in chunk]
    return sorted(records, key=lambda record: place[record.rgi_id]), sorted(failures)
