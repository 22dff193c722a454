"""Files that were damaged at random: there is always a finding, and never a crash."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from PIL import Image

from snakemake_renku.model import Tolerance
from snakemake_renku.replay.compare import compare, worker


def netcdf(path: Path) -> None:
    with netCDF4.Dataset(path, "w") as data:
        data.createDimension("x", 50)
        data.createVariable("n", "f8", ("x",), zlib=True)[:] = np.arange(50)
        data.createVariable("s", str, ("x",))[:] = np.array(["a"] * 50, dtype=object)


def classic(path: Path) -> None:
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        data.createDimension("x", None)
        data.createVariable("n", "f8", ("x",))[:] = np.arange(50)


def image(path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (20, 20, 3)).astype("u1")
    Image.fromarray(noise).save(path, format="PNG")


def tiff(path: Path) -> None:
    Image.fromarray(np.zeros((20, 20), "f4")).save(path, format="TIFF")


def arrays(path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, a=np.arange(100), b=np.array(["x", "y"]))


def tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name in ("a.csv", "b.json"):
            member = tarfile.TarInfo(name)
            member.size = 8
            archive.addfile(member, io.BytesIO(b"[1,2, 3]"))


def store(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        metadata = {
            "zarr_format": 2, "shape": [4], "chunks": [2], "dtype": "<f8", "order": "C",
            "fill_value": 0, "compressor": {"id": "zlib", "level": 1}, "filters": None,
        }  # fmt: skip
        archive.writestr(".zarray", json.dumps(metadata))
        archive.writestr("0", zlib.compress(bytes(16)))


def table(path: Path) -> None:
    path.write_text("id,n\n" + "".join(f'"g {n}",{n / 3}\n' for n in range(50)))


def tree(path: Path) -> None:
    path.write_text(json.dumps({"a": [{"b": n, "c": None} for n in range(30)]}))


def page(path: Path) -> None:
    path.write_text(
        '<!DOCTYPE html><html><img src="data:image/png;base64,' + "A" * 80 + '"></html>'
    )


def drawing(path: Path) -> None:
    path.write_text('<svg><path id="m0123456789"/><use xlink:href="#m0123456789"/></svg>' * 9)


def pdf(path: Path) -> None:
    path.write_bytes(b"%PDF-1.4\n\xff\0<</CreationDate (D:2026)/ID [<aa> <bb>]>>" * 9)


MAKERS: dict[str, Callable[[Path], None]] = {
    "a.nc": netcdf, "b.nc": classic, "a.png": image, "a.tif": tiff, "a.npz": arrays,
    "a.tar.gz": tar, "a.zarr.zip": store, "a.csv": table, "a.json": tree, "a.yaml": tree,
    "a.html": page, "a.svg": drawing, "a.pdf": pdf, "a.csv.gz": table,
}  # fmt: skip


def damaged(content: bytes, chance: random.Random) -> bytes:
    """With some bytes changed, or a part of it missing or there twice."""
    made = bytearray(content)
    start = chance.randrange(len(made))
    end = min(len(made), start + chance.randint(1, 200))
    match chance.choice(["change", "change", "cut", "drop", "twice", "zero"]):
        case "change":
            for _ in range(chance.randint(1, 5)):
                made[chance.randrange(len(made))] = chance.randrange(256)
        case "cut":
            del made[start:]
        case "drop":
            del made[start:end]
        case "twice":
            made[start:start] = made[start:end]
        case "zero":
            made[start:end] = bytes(end - start)
    return bytes(made)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two seconds of processor time are much for small files, and little to wait for a loop."""
    worker._worker.close()
    monkeypatch.setattr(worker, "PATIENCE", 2)
    yield
    worker._worker.close()


@pytest.mark.parametrize("name", MAKERS)
def test_a_damaged_file_is_compared_somehow(tmp_path: Path, name: str, impatient: None) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    MAKERS[name](whole)
    if name.endswith(".csv.gz"):
        whole.write_bytes(gzip.compress(whole.read_bytes()))
    content = whole.read_bytes()
    chance = random.Random(name)
    for _ in range(10):
        broken.write_bytes(damaged(content, chance))
        found = compare(whole, broken, Tolerance(), name=name)
        turned = compare(broken, whole, Tolerance(), name=name)
        same = broken.read_bytes() == content
        assert (found.outcome == "identical") == same
        assert (found.count > 0) == (found.outcome == "different")
        assert found.outcome == turned.outcome
