from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.compare.conftest import Compared, told

Make = Callable[[Path], None]


def saved(array: Any, **options: Any) -> Make:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, array, **options)

    return make


def together(**arrays: Any) -> Make:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)

    return make


def test_an_element_is_told_by_its_index(compared: Compared) -> None:
    one = np.arange(12.0).reshape(3, 4)
    other = one.copy()
    other[2, 1] = 99
    found = compared("a.npy", saved(one), saved(other))
    assert (found.compared_as, told(found)) == ("numpy", [("index [2, 1]", "9.0", "99.0")])
    assert found.differences[0].amount == 90


def test_an_element_is_told_by_its_index_in_fortrans_order_too(compared: Compared) -> None:
    one = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    other = one.copy("F")
    other[2, 1] = 99
    assert told(compared("a.npy", saved(one), saved(other))) == [("index [2, 1]", "9.0", "99.0")]


def test_orders_of_bytes_and_elements_do_not_count_but_are_named(compared: Compared) -> None:
    one = np.arange(12.0).reshape(3, 4)
    found = compared("a.npy", saved(one.astype(">f8")), saved(np.asfortranarray(one)))
    assert found.outcome == "equivalent"
    assert found.ignored == ("byte order", "order of the elements in memory")
    found = compared("a.npy", saved(one), saved(np.asfortranarray(one + (one == 6))))
    assert told(found) == [("index [1, 2]", "6.0", "7.0")]


def test_shape_and_type_are_content(compared: Compared) -> None:
    one = np.zeros((2, 3), "f4")
    assert told(compared("a.npy", saved(one), saved(one.T))) == [("shape", "(2, 3)", "(3, 2)")]
    assert told(compared("a.npy", saved(one), saved(one.astype("f8")))) == [
        ("type", "float32", "float64")
    ]


def test_a_scalar_and_an_empty_array_are_arrays(compared: Compared) -> None:
    found = compared("a.npy", saved(np.float64(1)), saved(np.float64(2)))
    assert told(found) == [("the only element", "1.0", "2.0")]
    empty = compared("a.npy", saved(np.zeros((0, 3))), saved(np.zeros((0, 3), ">f8")))
    assert empty.outcome == "equivalent"


def test_a_difference_in_a_later_block_has_its_right_place(compared: Compared) -> None:
    one = np.zeros((3000, 1000), "f4")
    other = one.copy()
    other[2999, 998] = 1
    assert told(compared("a.npy", saved(one), saved(other))) == [
        ("index [2999, 998]", "0.0", "1.0")
    ]


def test_pickled_objects_are_never_opened(compared: Compared, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "trapped",))

    one, other = (np.array([Trap(), n], dtype=object) for n in (1, 2))
    found = compared("a.npy", saved(one, allow_pickle=True), saved(other, allow_pickle=True))
    assert (found.outcome, found.compared_as) == ("different", "bytes")
    assert found.ignored == (
        "the content as numpy: it holds pickled objects, which are not opened",
    )
    assert not (tmp_path / "trapped").exists()


def test_a_truncated_array_is_compared_by_bytes(compared: Compared, tmp_path: Path) -> None:
    saved(np.arange(1000))(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    found = compared("a.npy", whole, whole[:-100])
    assert (found.outcome, found.compared_as) == ("different", "bytes")
    assert found.ignored == ("the content as numpy: it ends early",)


def test_arrays_in_one_file_are_told_by_name(compared: Compared) -> None:
    found = compared(
        "a.npz",
        together(x=np.arange(3), y=np.arange(3.0), gone=np.zeros(1)),
        together(x=np.arange(3), y=np.array([0, 1, 7.0])),
    )
    assert (found.outcome, found.compared_as) == ("different", "numpy")
    assert sorted(told(found)) == [
        ("array gone", "file", "missing"),
        ("array y: index [2]", "2.0", "7.0"),
    ]


def test_compression_of_arrays_in_one_file_does_not_count(compared: Compared) -> None:
    found = compared(
        "a.npz", together(x=np.arange(3)), lambda path: np.savez(path.open("wb"), x=np.arange(3))
    )
    assert found.outcome == "equivalent"
