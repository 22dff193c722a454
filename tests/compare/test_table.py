from __future__ import annotations

import gzip

import pytest

from tests.compare.conftest import Compared, told

HEAD = "id,volume,area\n"


def test_numbers_within_the_tolerance_are_equivalent(compared: Compared) -> None:
    found = compared("a.csv", HEAD + "a,1.5,2\n", HEAD + "a,1.500000001,2\n")
    assert (found.outcome, found.compared_as) == ("equivalent", "table")
    assert found.largest_absolute == pytest.approx(1e-9)
    assert found.largest_relative == pytest.approx(1e-9 / 1.5)
    assert found.ignored == (
        "1 number not equal, but within the tolerance (relative 1e-06, absolute 0)",
    )


def test_a_number_beyond_the_tolerance_is_told_by_line_and_column(compared: Compared) -> None:
    found = compared(
        "a.csv", HEAD + "RGI-1,1.5,2\nRGI-2,3,4\n", HEAD + "RGI-1,1.5,2\nRGI-2,3.5,4\n"
    )
    assert told(found) == [("line 3 (RGI-2), column volume", "3", "3.5")]
    assert found.differences[0].amount == 0.5
    assert found.values == 6


def test_the_absolute_tolerance_is_used(compared: Compared) -> None:
    sides = (HEAD + "a,1,0\n", HEAD + "a,1,0.01\n")
    assert compared("a.csv", *sides).outcome == "different"
    assert compared("a.csv", *sides, absolute=0.02).outcome == "equivalent"


def test_quotes_and_the_way_of_writing_a_number_do_not_count(compared: Compared) -> None:
    found = compared(
        "a.csv", HEAD + "a,1.50,1e3\n", HEAD.replace("\n", "\r\n") + '"a",1.5,1000\r\n'
    )
    assert found.outcome == "equivalent"
    assert found.ignored == ("how cells are written (quotes, line endings, digits)",)


def test_a_line_break_inside_of_quotes_is_part_of_the_cell(compared: Compared) -> None:
    found = compared("a.csv", HEAD + '"a\nb",1,2\nc,3,4\n', HEAD + '"a\nb",1,2\nc,3,5\n')
    assert told(found) == [("line 4 (c), column area", "4", "5")]


def test_an_identifier_with_leading_zeros_is_no_number(compared: Compared) -> None:
    assert compared("a.csv", HEAD + "007,1,2\n", HEAD + "7,1,2\n").outcome == "different"


def test_nan_is_equal_to_nan_however_written_but_not_to_nothing(compared: Compared) -> None:
    assert compared("a.csv", HEAD + "a,nan,2\n", HEAD + "a,NaN,2\n").outcome == "equivalent"
    found = compared("a.csv", HEAD + "a,nan,2\n", HEAD + "a,,2\n")
    assert told(found) == [("line 2 (a), column volume", "nan", "empty")]


def test_an_infinity_is_within_no_tolerance(compared: Compared) -> None:
    found = compared("a.csv", HEAD + "a,inf,2\n", HEAD + "a,1e300,2\n", relative=10)
    assert found.outcome == "different"
    assert found.largest_absolute is None


def test_columns_that_are_missing_or_new_are_named_and_the_others_compared(
    compared: Compared,
) -> None:
    found = compared("a.csv", HEAD + "a,1,2\n", "id,area,depth\na,3,9\n")
    assert told(found) == [
        ("column volume", "there", "missing"),
        ("column depth", "missing", "there"),
        ("line 2 (a), column area", "2", "3"),
    ]


def test_another_order_of_columns_is_a_difference_of_its_own(compared: Compared) -> None:
    found = compared("a.csv", "a,b\n1,2\n", "b,a\n2,1\n")
    assert told(found) == [("order of the columns", "a, b", "b, a")]


def test_a_missing_row_is_counted(compared: Compared) -> None:
    found = compared("a.csv", HEAD + "a,1,2\nb,3,4\n", HEAD + "a,1,2\n")
    assert told(found) == [("number of rows", "2 rows", "1 row")]


def test_a_row_with_a_cell_more_is_told(compared: Compared) -> None:
    found = compared("a.csv", HEAD + "a,1,2\n", HEAD + "a,1,2,3\n")
    assert told(found) == [("line 2 (a)", "3 cells", "4 cells")]


def test_cells_beyond_the_header_are_compared(compared: Compared) -> None:
    found = compared("a.csv", HEAD + "a,1,2,x\n", HEAD + "a,1,2,y\n")
    assert told(found) == [("line 2 (a), column 4", "x", "y")]


def test_each_column_gets_a_place_among_the_first_differences(compared: Compared) -> None:
    rows = ["".join(f"r{n},{n + add},{n}\n" for n in range(1, 100)) for add in (0, 1)]
    rows[1] = rows[1].replace("r99,100,99", "r99,100,0")
    found = compared("a.csv", HEAD + rows[0], HEAD + rows[1])
    assert "line 100 (r99), column area" in [d.where for d in found.differences]
    assert (len(found.differences), found.count) == (10, 100)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_by_the_content(compared: Compared, delimiter: str) -> None:
    text = "id,volume,area\na,1.0,2.0\nb,3.0,4.0\n".replace(",", delimiter)
    found = compared("a.csv", text, text.replace("4.0", "5.0"))
    assert told(found) == [("line 3 (b), column area", "4.0", "5.0")]


def test_a_decimal_comma_is_read_between_semicolons(compared: Compared) -> None:
    found = compared("a.csv", "a;b\n1,5;2\n", "a;b\n1,500000001;2\n")
    assert found.outcome == "equivalent"


def test_columns_of_numbers_between_spaces_are_a_table(compared: Compared) -> None:
    found = compared("a.txt", "1.0 2.0\n3.0 4.0\n", "1.00   2\n3.0 4.5\n")
    assert (found.compared_as, told(found)) == ("table", [("line 2, column 2", "4.0", "4.5")])


def test_prose_is_no_table(compared: Compared) -> None:
    assert compared("a.txt", "two words\nand two\n", "two words\nand  two\n").compared_as == "text"


def test_whole_numbers_that_differ_by_one_differ_unless_the_tolerance_allows_it(
    compared: Compared,
) -> None:
    assert compared("a.csv", "n,m\n100,1\n", "n,m\n101,1\n").outcome == "different"
    assert compared("a.csv", "n,m\n100,1\n", "n,m\n101,1\n", relative=0.01).outcome == "equivalent"


def test_large_whole_numbers_are_compared_exactly(compared: Compared) -> None:
    found = compared("a.csv", f"n,m\n{2**60},1\n", f"n,m\n{2**60 + 1},1\n", relative=0)
    assert found.outcome == "different"
    assert found.differences[0].amount == 1


def test_an_unclosed_quote_is_compared_as_text(compared: Compared) -> None:
    found = compared("a.csv", HEAD + '"a,1,2\n', HEAD + '"a,1,3\n')
    assert (found.outcome, found.compared_as) == ("different", "text")
    assert found.ignored[0].startswith("the content as table: ")


def test_a_compressed_table_is_compared_as_a_table(compared: Compared) -> None:
    sides = [gzip.compress((HEAD + f"a,{v},2\n").encode(), mtime=0) for v in ("1", "1.0000000001")]
    found = compared("a.csv.gz", *sides)
    assert (found.outcome, found.compared_as) == ("equivalent", "table, compressed")
