"""Files that are much larger than the memory that comparing them may take."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest

MIB = 1 << 20

MEASURE = r"""
import re, resource, sys
from pathlib import Path
from snakemake_renku.model import Tolerance
from snakemake_renku.replay.compare import compare, worker
found = compare(Path(sys.argv[1]), Path(sys.argv[2]), Tolerance())
worker._worker.close()
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
own = int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])
print(found.outcome, found.compared_as, max(own, children) // 1024)
"""


def array(path: Path, last: int) -> None:
    # A file with a hole, which takes no room on the disk.
    np.lib.format.open_memmap(path, "w+", "f8", (25 * MIB,))[-1] = last


def dataset(path: Path, last: int) -> None:
    with netCDF4.Dataset(path, "w") as data:
        data.createDimension("x", 25 * MIB)
        data.createVariable("n", "f8", ("x",), chunksizes=(MIB,))[-1] = last


def table(path: Path, last: int) -> None:
    with path.open("w") as file:
        file.write("id,a,b\n")
        for _ in range(30):
            file.write("glacier,1.25,2.5\n" * (MIB // 17))
        file.write(f"glacier,{last},0\n")


def text(path: Path, last: int) -> None:
    with path.open("w") as file:
        for _ in range(30):
            file.write("a line of text\n" * (MIB // 15))
        file.write(str(last))


@pytest.mark.parametrize(
    ("name", "make", "kind", "most"),
    [
        ("a.npy", array, "numpy", 180),
        ("a.nc", dataset, "netcdf", 180),
        ("a.csv", table, "table", 55),
        ("a.log", text, "text", 55),
    ],
)
def test_memory_is_less_than_both_files_take(
    tmp_path: Path, name: str, make: Callable[[Path, int], None], kind: str, most: int
) -> None:
    """``most`` is in MiB; the files have 200 MiB each, those of text 30."""
    for number, side in enumerate(("recorded", "replayed")):
        (tmp_path / side).mkdir()
        make(tmp_path / side / name, number)
    paths = [str(tmp_path / side / name) for side in ("recorded", "replayed")]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *paths], capture_output=True, text=True, check=True
    )
    outcome, compared_as, peak = done.stdout.split()
    assert (outcome, compared_as) == ("different", kind)
    assert int(peak) < most
