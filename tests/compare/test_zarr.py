from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from tests.compare.conftest import Compared, told

Change = Callable[[zarr.Group], object]


def nothing(group: zarr.Group) -> None:
    pass


def store(
    change: Change = nothing, *, version: Any = 3, chunks: tuple[int, int] = (2, 2), **options: Any
) -> Callable[[Path], None]:
    """Makes a store of volumes with a coordinate ``time``."""

    def make(path: Path) -> None:
        group = zarr.open_group(path, mode="w", zarr_format=version)
        named = {"dimension_names": ("time", "glacier")} if version == 3 else {}
        volume = group.create_array(
            "runs/volume", shape=(3, 2), chunks=chunks, dtype="f8", **named, **options
        )
        if version == 2:
            volume.attrs["_ARRAY_DIMENSIONS"] = ["time", "glacier"]
        volume[:] = np.arange(6).reshape(3, 2) + 1
        time = group.create_array("runs/time", shape=(3,), dtype="i8")
        time[:] = [2000, 2001, 2002]
        change(group)

    return make


def put(name: str, index: Any, value: Any) -> Change:
    return lambda group: group[name].__setitem__(index, value)


def zipped(make: Callable[[Path], None], path: Path) -> None:
    folder = path.with_name("folder")
    make(folder)
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))


@pytest.mark.parametrize("version", [2, 3])
def test_a_value_is_told_by_array_dimension_and_coordinate(
    compared: Compared, version: int
) -> None:
    changed = store(put("runs/volume", (1, 0), 3.5), version=version)
    found = compared("a.zarr", store(version=version), changed)
    assert (found.outcome, found.compared_as) == ("different", "zarr")
    assert told(found) == [("array runs/volume, time=1 (2001), glacier=0", "3.0", "3.5")]
    assert (found.count, found.values, found.differences[0].amount) == (1, 9, 0.5)


def test_the_same_files_are_identical(compared: Compared) -> None:
    found = compared("a.zarr", store(), store())
    assert (found.outcome, found.compared_as) == ("identical", "zarr")


@pytest.mark.parametrize("version", [2, 3])
def test_chunks_are_no_content_but_named(compared: Compared, version: int) -> None:
    found = compared("a.zarr", store(version=version), store(version=version, chunks=(3, 1)))
    assert (found.outcome, found.ignored) == ("equivalent", ("chunking (array runs/volume)",))


def test_codecs_are_no_content(compared: Compared) -> None:
    found = compared("a.zarr", store(), store(compressors=None))
    assert (found.outcome, found.ignored) == ("equivalent", ("how the content is stored",))


def test_versions_2_and_3_are_no_content_but_named(compared: Compared) -> None:
    found = compared("a.zarr", store(version=2), store(version=3))
    assert found.outcome == "equivalent"
    assert "the version of the format" in found.ignored


def test_history_is_ignored_and_other_attributes_count(compared: Compared) -> None:
    def written(**attributes: Any) -> Change:
        return lambda group: group.attrs.update(attributes)

    found = compared("a.zarr", store(written(history="a")), store(written(history="b")))
    assert (found.outcome, found.ignored) == ("equivalent", ("attribute history",))
    sides = [store(written(title={"n": [1, n]})) for n in (1.0, 1.5)]
    assert told(compared("a.zarr", *sides)) == [("attribute title.n[1]", "1.0", "1.5")]


def test_arrays_that_are_missing_or_of_another_shape_are_told(compared: Compared) -> None:
    def more(group: zarr.Group) -> None:
        group.create_array("more", shape=(4,), dtype="i4")
        group["runs/time"].resize((4,))

    assert told(compared("a.zarr", store(), store(more))) == [
        ("array runs/time", "int64 (3)", "int64 (4)"),
        ("array more", "missing", "int32 (4)"),
    ]


def test_texts_are_compared(compared: Compared) -> None:
    def names(last: str) -> Change:
        def change(group: zarr.Group) -> None:
            group.create_array("name", shape=(2,), dtype=str)[:] = np.array(["a", last])

        return change

    found = compared("a.zarr", store(names("b")), store(names("c")))
    assert told(found) == [("array name, index [1]", "b", "c")]


def test_a_chunk_that_was_never_written_is_the_fill_value(compared: Compared) -> None:
    def zeros(write: bool) -> Change:
        def change(group: zarr.Group) -> None:
            config = {"write_empty_chunks": True}
            array = group.create_array("z", shape=(4,), dtype="f8", fill_value=0, config=config)
            if write:
                array[:] = 0

        return change

    assert compared("a.zarr", store(zeros(False)), store(zeros(True))).outcome == "equivalent"


def test_an_array_alone_is_a_store(compared: Compared) -> None:
    def alone(last: int) -> Callable[[Path], object]:
        return lambda path: zarr.save_array(path, np.array([1, last]))

    found = compared("a.zarr", alone(2), alone(3))
    assert told(found) == [("the array, index [1]", "2", "3")]


def test_a_store_in_a_zip_is_a_store(compared: Compared) -> None:
    sides = [
        lambda path, m=make: zipped(m, path)
        for make in (store(), store(put("runs/volume", (2, 1), 0)))
    ]
    found = compared("a.zarr.zip", *sides)
    assert (found.compared_as, told(found)) == (
        "zarr",
        [("array runs/volume, time=2 (2002), glacier=1", "6.0", "0.0")],
    )


def test_a_store_whose_metadata_is_damaged_is_compared_file_by_file(compared: Compared) -> None:
    def damaged(path: Path) -> None:
        store()(path)
        (path / "runs/volume/zarr.json").write_text("{")

    found = compared("a.zarr", store(), damaged)
    assert (found.outcome, found.compared_as) == ("different", "directory")
    assert found.ignored[0].startswith("the content as zarr: ")


def test_pickled_objects_are_never_opened(compared: Compared) -> None:
    def pickled(fill: str) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            path.mkdir()
            metadata = {
                "zarr_format": 2,
                "shape": [1],
                "chunks": [1],
                "dtype": "|O",
                "order": "C",
                "fill_value": fill,
                "compressor": None,
                "filters": [{"id": "pickle"}],
            }
            (path / ".zarray").write_text(json.dumps(metadata))

        return make

    found = compared("a.zarr", pickled("a"), pickled("b"))
    assert found.compared_as == "directory"
    assert found.ignored[0].endswith("it holds pickled objects, which are not opened")


def test_a_file_that_is_no_part_of_the_store_is_not_overlooked(compared: Compared) -> None:
    def noted(text: str) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            store()(path)
            (path / "notes.txt").write_text(text)

        return make

    found = compared("a.zarr", noted("one"), noted("two"))
    assert (found.outcome, found.compared_as) == ("different", "directory")
    assert told(found) == [("notes.txt: line 1", "one", "two")]


def test_a_link_out_of_a_store_is_not_followed(compared: Compared, tmp_path: Path) -> None:
    def linked(path: Path) -> None:
        store()(path)
        shutil.move(path / "runs/volume/c", tmp_path / "elsewhere")
        (path / "runs/volume/c").symlink_to(tmp_path / "elsewhere")

    found = compared("a.zarr", store(), linked)
    assert (found.outcome, found.compared_as) == ("different", "directory")
    assert "the content as zarr: it has links that lead elsewhere" in found.ignored
