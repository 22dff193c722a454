from __future__ import annotations

from tests.compare.conftest import Compared, told


def test_the_same_bytes_are_identical(compared: Compared) -> None:
    found = compared("a.nc", b"whatever", b"whatever")
    assert (found.outcome, found.compared_as) == ("identical", "bytes")


def test_bytes_that_differ_are_counted_and_the_first_is_shown(compared: Compared) -> None:
    found = compared("a.bin", b"\0" * 5000 + b"abc", b"\0" * 5000 + b"xbz")
    assert (found.outcome, found.compared_as, found.count) == ("different", "bytes", 2)
    assert told(found) == [("byte 5,000", "61 62 63", "78 62 7a")]


def test_a_file_that_is_longer_says_by_how_much(compared: Compared) -> None:
    found = compared("a.bin", b"\0ab", b"\0abcd")
    assert told(found) == [("size", "3 bytes", "5 bytes")]
    assert found.differences[0].amount == 2
    assert found.count == 2


def test_a_difference_beyond_the_first_block_has_its_right_place(compared: Compared) -> None:
    long = b"\0" * (3 << 20)
    found = compared("a.bin", long + b"\0", long + b"\1")
    assert told(found) == [(f"byte {3 << 20:,}", "00", "01")]


def test_lines_that_differ_are_shown_by_number(compared: Compared) -> None:
    found = compared("a.log", "one\ntwo\nthree\n", "one\ntoo\nthree\n")
    assert (found.outcome, found.compared_as) == ("different", "text")
    assert told(found) == [("line 2", "two", "too")]


def test_line_endings_are_ignored_and_named(compared: Compared) -> None:
    found = compared("a.log", "one\ntwo\n", "one\r\ntwo")
    assert found.outcome == "equivalent"
    assert found.ignored == ("line endings or a byte order mark",)


def test_a_byte_order_mark_is_ignored(compared: Compared) -> None:
    assert compared("a.log", b"one\n", b"\xef\xbb\xbfone\n").outcome == "equivalent"


def test_spaces_at_the_end_of_a_line_count(compared: Compared) -> None:
    assert compared("a.log", "one\n", "one \n").outcome == "different"


def test_an_empty_line_more_counts(compared: Compared) -> None:
    assert compared("a.log", "one\n", "one\n\n").outcome == "different"


def test_a_time_of_day_in_text_counts(compared: Compared) -> None:
    found = compared("a.log", "made 2026-01-01 10:00\n", "made 2026-01-01 10:01\n")
    assert found.outcome == "different"


def test_missing_lines_are_named(compared: Compared) -> None:
    found = compared("a.log", "one\ntwo\n", "one\n")
    assert told(found) == [
        ("line 2", "two", "missing"),
        ("number of lines", "2 lines", "1 line"),
    ]
    assert found.count == 1


def test_text_in_latin_1_is_text(compared: Compared) -> None:
    found = compared("a.txt", "Gäste\nÄpfel\n".encode("latin1"), "Gäste\nApfel\n".encode("latin1"))
    assert (found.compared_as, told(found)) == ("text", [("line 2", "\\xc4pfel", "Apfel")])


def test_a_long_line_is_cut_to_where_it_differs(compared: Compared) -> None:
    before = "word " * 10_000
    (difference,) = compared("a.txt", before + "cat", before + "dog").differences
    assert difference.recorded is not None
    assert difference.recorded.startswith("…")
    assert difference.recorded.endswith("word cat")
    assert len(difference.recorded) <= 80


def test_what_would_move_the_cursor_is_shown_escaped(compared: Compared) -> None:
    found = compared("a.txt", "plain\n", "\x1b[2Jplain\n")
    assert told(found) == [("line 1", "plain", "\\x1b[2Jplain")]


def test_an_empty_file_differs_from_one_that_is_not(compared: Compared) -> None:
    found = compared("a.bin", b"", b"\0")
    assert told(found)[:2] == [("kind of content", "empty", "bytes"), ("size", "empty", "1 byte")]


def test_no_more_than_ten_differences_are_shown_but_all_are_counted(compared: Compared) -> None:
    recorded, replayed = ("\n".join(f"{word} {n}" for n in range(500)) for word in ("a", "b"))
    found = compared("a.txt", "# text\n" + recorded, "# text\n" + replayed)
    assert (len(found.differences), found.count) == (10, 500)
