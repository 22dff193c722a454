"""Glacier directories of a chunk as one tar, equal to the last byte when the numbers are equal.

OGGM writes times of day into logs, netCDF attributes and shapefiles. They say nothing about the
glaciers and would make every checksum differ, so they are taken out before packing.
"""

import io
import json
import re
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from glacierbatch.errors import ChunkError
from glacierbatch.failures import Failure, as_json

FAILURES = "failures.json"
GLACIERS = "per_glacier"


def pack(work: Path, glaciers: Iterable[Path], failures: Sequence[Failure], target: Path) -> None:
    """Write glacier directories (below `work`) and the failures into a tar, whole or not at all."""
    aside = target.with_name(f".{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(aside, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, FAILURES, (json.dumps(as_json(failures), indent=1) + "\n").encode())
        for folder in sorted(glaciers):
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                forget_times(path)
                _add(tar, path.relative_to(work).as_posix(), path.read_bytes())
    aside.replace(target)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    # A bare TarInfo carries no time and no owner.
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o644
    tar.addfile(info, io.BytesIO(content))


def unpack(source: Path | str, work: Path) -> tuple[list[str], list[Failure]]:
    """Unpack what `pack` wrote; returns the ids of the glaciers, sorted, and the earlier failures.

    Raises ChunkError if the file is not such a tar.
    """
    try:
        with tarfile.open(source) as tar:
            tar.extractall(work, filter="data")
            names = tar.getnames()
        failures = json.loads((work / FAILURES).read_text())
    except (tarfile.TarError, OSError, ValueError) as error:
        raise ChunkError(f"{source}: not a chunk of glacier directories ({error})") from error
    ids = {name.split("/")[-2] for name in names if name.startswith(f"{GLACIERS}/")}
    return sorted(ids), [Failure.from_dict(failure) for failure in failures]


def forget_times(path: Path) -> None:
    """Take the time of day out of one file of a glacier directory."""
    if path.name == "log.txt":
        text = re.sub(r"^[^;\n]*;", ";", path.read_text(), flags=re.MULTILINE)
        path.write_text(re.sub(r";time:[^;\n]*;", ";", text))
    elif path.suffix == ".nc":
        _forget_attributes(path)
    elif path.suffix == ".dbf":
        # Bytes 1 to 3 of a dBase file are year since 1900, month and day of the last change.
        content = bytearray(path.read_bytes())
        content[1:4] = bytes((70, 1, 1))
        path.write_bytes(content)


def _forget_attributes(path: Path) -> None:
    import netCDF4

    with netCDF4.Dataset(path, "r+") as dataset:
        for group in (dataset, *dataset.groups.values()):
            for name in {"creation_date"} & set(group.ncattrs()):
                group.setncattr(name, "1970-01-01 00:00:00")
