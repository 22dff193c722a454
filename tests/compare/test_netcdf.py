from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from tests.compare import hdf5_files
from tests.compare.conftest import Compared, told

Change = Callable[[netCDF4.Dataset], object]


def nothing(data: netCDF4.Dataset) -> None:
    pass


def file(
    change: Change = nothing, *, format: Any = "NETCDF4", time: int | None = None, **options: Any
) -> Callable[[Path], None]:
    """Makes a file of volumes of two glaciers at three times; ``options`` are of the variable."""

    def make(path: Path) -> None:
        with netCDF4.Dataset(path, "w", format=format) as data:
            data.createDimension("time", time)
            data.createDimension("glacier", 2)
            moments = data.createVariable("time", "f8", ("time",))
            moments.units = "days since 2000-01-01"
            moments[:] = [0, 31, 60]
            dimensions = ("time", "glacier")
            volume = data.createVariable("volume", "f4", dimensions, fill_value=-999.0, **options)
            volume.units = "m3"
            volume[:] = np.arange(6).reshape(3, 2) + 1
            change(data)

    return make


def put(name: str, index: Any, value: Any) -> Change:
    return lambda data: data[name].__setitem__(index, value)


def attribute(name: str, value: Any, variable: str | None = None) -> Change:
    return lambda data: (data[variable] if variable else data).setncattr(name, value)


@pytest.mark.parametrize("format", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_DATA"])
def test_a_value_is_told_by_variable_dimension_and_coordinate(
    compared: Compared, format: str
) -> None:
    found = compared("a.nc", file(format=format), file(put("volume", (1, 0), 3.5), format=format))
    assert (found.outcome, found.compared_as) == ("different", "netcdf")
    assert told(found) == [("variable volume, time=1 (2000-02-01), glacier=0", "3.0", "3.5")]
    assert (found.count, found.values, found.differences[0].amount) == (1, 9, 0.5)


def test_values_within_the_tolerance_are_equivalent(compared: Compared) -> None:
    found = compared("a.nc", file(), file(put("volume", (1, 0), np.float32(3.0000005))))
    assert found.outcome == "equivalent"
    assert found.largest_relative == pytest.approx(1.6e-7, rel=0.1)


def test_history_and_dates_are_ignored_and_named(compared: Compared) -> None:
    def written(when: str) -> Change:
        def change(data: netCDF4.Dataset) -> None:
            data.history = data.date_created = data.creation_date = when
            data["volume"].history = when
            data.NCO = f"version {when}"
            data.oggm_version = when

        return change

    found = compared("a.nc", file(written("10:00")), file(written("10:01")))
    assert found.outcome == "equivalent"
    assert set(found.ignored) == {
        "attribute history (variable volume)",
        "attribute date_created",
        "attribute creation_date",
        "attribute NCO",
        "attribute oggm_version",
    }


def test_what_has_a_history_on_one_side_only_is_equivalent(compared: Compared) -> None:
    found = compared("a.nc", file(), file(attribute("history", "made by hand")))
    assert (found.outcome, found.ignored) == ("equivalent", ("attribute history",))


@pytest.mark.parametrize("name", ["title", "rgi_version", "units"])
def test_other_attributes_count(compared: Compared, name: str) -> None:
    found = compared("a.nc", file(attribute(name, "one")), file(attribute(name, "other")))
    assert told(found) == [(f"attribute {name}", "one", "other")]


def test_numbers_in_attributes_are_compared_within_the_tolerance(compared: Compared) -> None:
    sides = [file(attribute("limits", np.array([1.0, 2.0 + add]), "volume")) for add in (0, 1e-9)]
    assert compared("a.nc", *sides).outcome == "equivalent"
    sides = [file(attribute("limits", np.array([1.0, 2.0 + add]), "volume")) for add in (0, 1.0)]
    assert told(compared("a.nc", *sides)) == [
        ("attribute limits of variable volume[1]", "2.0", "3.0")
    ]


def test_an_attribute_that_is_missing_is_told(compared: Compared) -> None:
    found = compared("a.nc", file(attribute("title", "x")), file())
    assert told(found) == [("attribute title", "x", "missing")]


def test_chunks_and_compression_are_no_content_but_named(compared: Compared) -> None:
    found = compared("a.nc", file(), file(zlib=True, chunksizes=(1, 1)))
    assert found.outcome == "equivalent"
    assert found.ignored == ("chunking (variable volume)", "compression (variable volume)")


@pytest.mark.filterwarnings("ignore:endian-ness")
def test_byte_order_is_no_content_but_named(compared: Compared) -> None:
    found = compared("a.nc", file(), file(endian="big"))
    assert (found.outcome, found.ignored) == ("equivalent", ("byte order (variable volume)",))


def test_the_version_of_the_format_is_no_content_but_named(compared: Compared) -> None:
    found = compared("a.nc", file(format="NETCDF3_CLASSIC"), file(format="NETCDF4_CLASSIC"))
    assert found.outcome == "equivalent"
    assert "the version of the format (NETCDF3_CLASSIC and NETCDF4_CLASSIC)" in found.ignored


def test_an_unlimited_dimension_is_no_content_but_named(compared: Compared) -> None:
    found = compared("a.nc", file(), file(time=3))
    assert found.outcome == "equivalent"
    assert "whether a dimension is unlimited (time)" in found.ignored


def test_a_longer_dimension_is_told_with_the_shapes(compared: Compared) -> None:
    found = compared("a.nc", file(), file(put("time", 3, 91.0)))
    assert ("dimension time", "3", "4") in told(found)
    assert (
        "variable volume",
        "float32 (time=3, glacier=2)",
        "float32 (time=4, glacier=2)",
    ) in told(found)


def test_a_variable_that_is_missing_or_new_is_told(compared: Compared) -> None:
    def depth(data: netCDF4.Dataset) -> None:
        data.createVariable("depth", "i4", ("glacier",))

    assert told(compared("a.nc", file(), file(depth))) == [
        ("variable depth", "missing", "int32 (glacier=2)")
    ]
    assert told(compared("a.nc", file(depth), file())) == [
        ("variable depth", "int32 (glacier=2)", "missing")
    ]


def test_another_type_is_a_difference(compared: Compared) -> None:
    def number(dtype: str) -> Change:
        return lambda data: data.createVariable("n", dtype, ("glacier",)).__setitem__(..., 1)

    found = compared("a.nc", file(number("f4")), file(number("f8")))
    assert told(found) == [("variable n", "float32 (glacier=2)", "float64 (glacier=2)")]


def test_missing_values_are_equal_to_each_other(compared: Compared) -> None:
    def missing(value: float) -> Change:
        def change(data: netCDF4.Dataset) -> None:
            data["volume"][0, 0] = -999.0
            data["volume"][0, 1] = np.nan
            data["volume"][2, 1] = value

        return change

    assert compared("a.nc", file(missing(6)), file(missing(6.000001))).outcome == "equivalent"


def test_a_value_that_goes_missing_is_no_amount(compared: Compared) -> None:
    found = compared("a.nc", file(), file(put("volume", (0, 0), -999.0)), absolute=1e9)
    assert told(found) == [
        ("variable volume, time=0 (2000-01-01), glacier=0", "1.0", "-999.0 (fill value)")
    ]
    assert found.largest_absolute is None


def test_values_outside_of_the_valid_range_are_compared(compared: Compared) -> None:
    def beyond(value: float) -> Change:
        def change(data: netCDF4.Dataset) -> None:
            data["volume"].valid_max = np.float32(10)
            data["volume"][0, 0] = value

        return change

    assert compared("a.nc", file(beyond(100)), file(beyond(200))).outcome == "different"


def test_packed_numbers_are_compared_unpacked(compared: Compared) -> None:
    def packed(value: float) -> Change:
        def change(data: netCDF4.Dataset) -> None:
            number = data.createVariable("t", "i2", ("glacier",))
            number.scale_factor, number.add_offset = 0.01, 100.0
            number[:] = [100.0, value]

        return change

    found = compared("a.nc", file(packed(101.0)), file(packed(101.01)))
    assert found.differences[0].amount == pytest.approx(0.01)
    assert compared("a.nc", file(packed(101.0)), file(packed(101.01)), relative=1e-3).count == 0


def test_unsigned_and_64_bit_integers_are_exact(compared: Compared) -> None:
    def number(value: int) -> Change:
        return lambda data: data.createVariable("n", "u8", ()).__setitem__(..., np.uint64(value))

    found = compared("a.nc", file(number(2**63)), file(number(2**63 + 1)), relative=0)
    assert told(found) == [("variable n", str(2**63), str(2**63 + 1))]


def test_texts_and_characters_are_compared(compared: Compared) -> None:
    def names(last: str) -> Change:
        def change(data: netCDF4.Dataset) -> None:
            text = data.createVariable("name", str, ("glacier",))
            text[0], text[1] = "Hintereisferner", last
            data.createVariable("code", "S1", ("glacier",))[:] = np.array([b"a", last[0].encode()])
            data.createVariable("single", str, ())[...] = last

        return change

    found = compared("a.nc", file(names("Kesselwandferner")), file(names("Vernagtferner")))
    assert told(found) == [
        ("variable name, glacier=1", "Kesselwandferner", "Vernagtferner"),
        ("variable code, glacier=1", "b'K'", "b'V'"),
        ("variable single", "Kesselwandferner", "Vernagtferner"),
    ]


def test_lists_of_each_their_length_are_compared(compared: Compared) -> None:
    def lists(last: list[int]) -> Change:
        def change(data: netCDF4.Dataset) -> None:
            kind = data.createVLType("i4", "list_of_years")
            years = data.createVariable("years", kind, ("glacier",))
            years[0], years[1] = np.array([1, 2], "i4"), np.array(last, "i4")
            data.createVariable("one", kind, ())[...] = np.array(last, "i4")

        return change

    found = compared("a.nc", file(lists([3])), file(lists([3, 4])))
    assert told(found) == [
        ("variable years, glacier=1", "[3]", "[3, 4]"),
        ("variable one", "[3]", "[3, 4]"),
    ]


def test_records_are_compared_by_field(compared: Compared) -> None:
    def records(y: float) -> Change:
        def change(data: netCDF4.Dataset) -> None:
            kind = data.createCompoundType(np.dtype([("x", "f8"), ("y", "f8")]), "point_type")
            points = data.createVariable("point", kind, ("glacier",))
            points[:] = np.array([(1, 2), (3, y)], kind.dtype)

        return change

    found = compared("a.nc", file(records(4)), file(records(5)))
    assert told(found) == [("variable point, glacier=1, field y", "4.0", "5.0")]


def test_members_of_an_enumeration_are_named_and_never_close(compared: Compared) -> None:
    def covers(last: int) -> Change:
        def change(data: netCDF4.Dataset) -> None:
            kind = data.createEnumType("u1", "cover_type", {"rock": 0, "ice": 1})
            data.createVariable("cover", kind, ("glacier",))[:] = np.array([0, last], "u1")

        return change

    found = compared("a.nc", file(covers(0)), file(covers(1)), absolute=10)
    assert told(found) == [("variable cover, glacier=1", "0 (rock)", "1 (ice)")]


def test_groups_are_compared_with_the_coordinates_of_their_parents(compared: Compared) -> None:
    def inner(value: float) -> Change:
        def change(data: netCDF4.Dataset) -> None:
            group = data.createGroup("runs").createGroup("ssp126")
            group.createVariable("area", "f8", ("time",))[:] = [1, 2, value]

        return change

    found = compared("a.nc", file(inner(3)), file(inner(4)))
    assert told(found) == [("variable /runs/ssp126/area, time=2 (2000-03-01)", "3.0", "4.0")]
    assert told(compared("a.nc", file(inner(3)), file())) == [("group runs", "there", "missing")]


def test_each_variable_gets_a_place_among_the_first_differences(compared: Compared) -> None:
    def many(add: int) -> Change:
        def change(data: netCDF4.Dataset) -> None:
            data.createDimension("x", 100)
            data.createVariable("many", "i4", ("x",))[:] = np.arange(100) + add
            data.createVariable("last", "i4", ())[...] = add

        return change

    found = compared("a.nc", file(many(0)), file(many(1)))
    assert found.differences[-1].where == "variable last"
    assert (len(found.differences), found.count) == (10, 101)


def test_a_difference_in_a_later_block_has_its_right_place(compared: Compared) -> None:
    def large(value: float) -> Change:
        def change(data: netCDF4.Dataset) -> None:
            data.createDimension("y", 3000)
            data.createDimension("x", 1000)
            number = data.createVariable("n", "f8", ("y", "x"), zlib=True, chunksizes=(70, 300))
            number[2999, 998] = value

        return change

    found = compared("a.nc", file(large(1)), file(large(2)))
    assert told(found) == [("variable n, y=2999, x=998", "1.0", "2.0")]
    assert found.values == 3_000_009


def test_a_truncated_file_is_compared_by_bytes_with_the_reason(
    compared: Compared, tmp_path: Path
) -> None:
    file()(tmp_path / "whole.nc")
    whole = (tmp_path / "whole.nc").read_bytes()
    found = compared("a.nc", whole, whole[: len(whole) // 2])
    assert (found.outcome, found.compared_as) == ("different", "bytes")
    assert found.ignored[0].startswith("the content as netcdf: it cannot be read (")


def test_a_plain_hdf5_file_is_compared_as_far_as_it_is_shown(compared: Compared) -> None:
    sides = hdf5_files.unpacked(hdf5_files.VOLUMES), hdf5_files.unpacked(hdf5_files.OTHER_VOLUMES)
    assert told(compared("a.h5", *sides)) == [("variable volume, phony_dim_0=2", "1.0", "2.0")]


def test_a_plain_hdf5_file_is_never_equivalent_since_not_all_of_it_is_shown(
    compared: Compared,
) -> None:
    texts = hdf5_files.REFERENCE, hdf5_files.OTHER_REFERENCE
    found = compared("a.h5", *map(hdf5_files.unpacked, texts))
    assert found.outcome == "different"
    assert [d.where for d in found.differences] == ["something in a plain HDF5 file"]


def test_a_small_file_that_claims_to_be_enormous_is_not_read(compared: Compared) -> None:
    def enormous(data: netCDF4.Dataset) -> None:
        data.createDimension("x", 10**12)
        data.createVariable("n", "f8", ("x",), chunksizes=(1000,))

    found = compared("a.nc", file(enormous), file(lambda d: (enormous(d), d.setncattr("t", 1))))
    assert found.compared_as == "bytes"
    assert "it claims to hold 7,450 GiB" in found.ignored[0]


HOSTILE = "a name with spaces, 'quotes' and\na line break ✓#mode=bytes.nc"


def test_hostile_names_are_no_matter(compared: Compared) -> None:
    found = compared(HOSTILE, file(), file(put("volume", (0, 0), 7)))
    assert (found.compared_as, found.count) == ("netcdf", 1)
