"""Chunks, failures and glacier directories."""

import errno
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import netCDF4
import pytest

from glacierbatch.archive import pack, unpack
from glacierbatch.dataset import build_dataset
from glacierbatch.errors import ChunkError, DataError, NoGlacierLeft
from glacierbatch.failures import Failure, run_steps
from glacierbatch.groups import Groups, form_groups
from glacierbatch.process import job
from glacierbatch.record import Record, Series

AREAS = {"a": 1.0, "b": 8.0, "c": 2.0, "d": 7.0, "e": 4.0}


def fail(error: Exception) -> None:
    raise error


def test_chunks_hold_every_glacier_once_and_no_more_than_asked() -> None:
    groups = form_groups(AREAS, 2)
    assert sorted(rgi_id for chunk in groups.chunks.values() for rgi_id in chunk) == sorted(AREAS)
    assert max(map(len, groups.chunks.values())) == 2


def test_large_glaciers_are_dealt_to_different_chunks() -> None:
    assert form_groups(AREAS, 3).chunks == {"000": ("a", "b", "c"), "001": ("d", "e")}


def test_groups_are_read_as_they_were_written(tmp_path: Path) -> None:
    groups = form_groups(AREAS, 2)
    groups.write(tmp_path / "groups.json")
    assert Groups.read(tmp_path / "groups.json") == groups


def test_a_failing_glacier_skips_the_steps_after_and_stops_no_other() -> None:
    seen: list[str] = []
    steps = [
        ("first", lambda item: fail(ValueError("two\nlines")) if item == "bad" else None),
        ("second", seen.append),
    ]
    survivors, failures = run_steps([("1", "bad"), ("2", "good")], steps)
    assert survivors == seen == ["good"]
    assert failures == [Failure("1", "first", "ValueError", "two lines")]


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOSPC, "disk full")])
def test_a_fault_of_the_machine_is_no_failure_of_a_glacier(error: Exception) -> None:
    with pytest.raises(type(error)):
        run_steps([("1", "item")], [("step", lambda _: fail(error))])


def make_directory(work: Path, moment: float) -> Path:
    folder = work / "per_glacier" / "X-1" / "X-1.00" / "X-1.00001"
    folder.mkdir(parents=True)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    (folder / "log.txt").write_text(f"{stamp};a_task;time:{moment};SUCCESS\n")
    (folder / "outlines.dbf").write_bytes(bytes([3, int(moment) % 200, 1, 2]) + b"rest")
    with netCDF4.Dataset(folder / "model.nc", "w") as dataset:
        dataset.creation_date = stamp.replace("T", " ")
        dataset.createDimension("x", 2)
        dataset.createVariable("x", "f8", ("x",))[:] = [1, 2]
    os.utime(folder / "log.txt", (moment, moment))
    return folder


def test_equal_glacier_directories_of_different_days_make_equal_tars(tmp_path: Path) -> None:
    tars = []
    for day in (1.0, 90_000.0):
        work = tmp_path / str(day)
        target = tmp_path / f"{day}.tar"
        pack(work, [make_directory(work, day)], [], target)
        tars.append(target.read_bytes())
    assert tars[0] == tars[1]


def test_a_tar_gives_back_its_glaciers_and_failures(tmp_path: Path) -> None:
    failure = Failure("X-1.00002", "step", "ValueError", "text")
    pack(tmp_path / "work", [make_directory(tmp_path / "work", 1.0)], [failure], tmp_path / "chunk.tar")
    (tmp_path / "other").mkdir()
    assert unpack(tmp_path / "chunk.tar", tmp_path / "other") == (["X-1.00001"], [failure])


def test_a_file_that_is_no_chunk_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_text("no tar")
    with pytest.raises(ChunkError, match=r"x\.tar: not a chunk"):
        unpack(tmp_path / "x.tar", tmp_path)
    (tmp_path / "x.json").write_text(json.dumps({"glaciers": []}))
    with pytest.raises(ChunkError, match=r"x\.json: not the record of a chunk"):
        Record.read_chunk(tmp_path / "x.json")


def test_a_series_with_a_gap_is_refused() -> None:
    with pytest.raises(ValueError, match="area has values that are not finite"):
        Series([2003], [1.0], [float("nan")], [1.0])


def test_a_dataset_of_no_glacier_is_refused_with_the_failures() -> None:
    with pytest.raises(NoGlacierLeft, match=r"all 1 glaciers failed.*(?s:.*)X-1 at step: ValueError: text"):
        build_dataset([], [Failure("X-1", "step", "ValueError", "text")], "oetztal")


def test_a_job_writes_its_output_to_the_log_and_its_error_in_one_line(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "job.log"

    def work() -> None:
        with job(SimpleNamespace(log=[log])):
            print("working")
            raise DataError("no file")

    with pytest.raises(SystemExit, match=r"^DataError: no file$"):
        work()
    assert log.read_text() == "working\nDataError: no file\n"
