from __future__ import annotations

import base64
from io import BytesIO

import pytest
from PIL import Image

from tests.compare.conftest import Compared, told

SVG = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<svg xmlns:xlink="http://www.w3.org/1999/xlink" xmlns="http://www.w3.org/2000/svg">
 <metadata>
    <dc:date>{date}</dc:date>
    <dc:title>Matplotlib v{version}, https://matplotlib.org/</dc:title>
 </metadata>
 <path id="{marker}" d="M 0 3"/>
 <g clip-path="url(#{clip})"><use xlink:href="#{marker}" x="{x}" y="2"/></g>
 <clipPath id="{clip}"><rect width="{width}"/></clipPath>
</svg>
"""
GIVEN = {
    "date": "2026-01-01T10:00:00",
    "version": "3.9.2",
    "marker": "m0123456789",
    "clip": "pabcdef0123",
    "x": "1",
    "width": "4",
}


def svg(**changed: str) -> str:
    return SVG.format(**{**GIVEN, **changed})


def test_dates_versions_and_chance_identifiers_of_matplotlib_are_named(compared: Compared) -> None:
    other = svg(
        date="2026-02-02T11:11:11", version="3.10", marker="mffffffffff", clip="p9999999999"
    )
    found = compared("a.svg", svg(), other)
    assert (found.outcome, found.compared_as) == ("equivalent", "svg")
    assert found.ignored == (
        "dates in metadata",
        "the version of matplotlib",
        "identifiers made by chance",
    )


def test_an_identifier_that_stands_for_another_thing_counts(compared: Compared) -> None:
    swapped = svg().replace('href="#m0123456789"', 'href="#pabcdef0123"')
    assert compared("a.svg", svg(), swapped).outcome == "different"


def test_a_coordinate_counts(compared: Compared) -> None:
    found = compared("a.svg", svg(), svg(x="1.5", marker="mffffffffff"))
    assert [d.where for d in found.differences] == ["line 8"]


def png(shade: int, level: int = 6) -> str:
    content = BytesIO()
    Image.new("L", (50, 50), shade).save(content, format="PNG", compress_level=level)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def html(image: str, text: str = "fine") -> str:
    return f'<!DOCTYPE html>\n<html><img src="{image}">\n<p>{text}</p></html>\n'


def test_embedded_images_are_compared_by_their_pixels(compared: Compared) -> None:
    found = compared("a.html", html(png(3)), html(png(3, level=0)))
    assert (found.outcome, found.compared_as) == ("equivalent", "html")
    found = compared("a.html", html(png(3)), html(png(4)))
    assert found.differences[1].where == "embedded image/png 1: pixel x=0, y=0"


def test_the_text_of_a_page_is_compared_line_by_line(compared: Compared) -> None:
    found = compared("a.html", html(png(3), "one"), html(png(3), "two"))
    assert told(found) == [("line 3", "<p>one</p></html>", "<p>two</p></html>")]


def test_a_date_in_the_text_of_a_page_counts(compared: Compared) -> None:
    sides = (html(png(3), f"made on 2026-01-0{day}") for day in (1, 2))
    assert compared("a.html", *sides).outcome == "different"


def test_lines_after_an_embedded_image_keep_their_numbers(compared: Compared) -> None:
    wrapped = png(3)[:100] + "\n" + png(3)[100:]
    found = compared("a.html", html(wrapped, "one"), html(wrapped, "two"))
    assert [d.where for d in found.differences] == ["line 4"]


PDF = (
    b"%%PDF-1.4\n%%\xe2\xe3\n1 0 obj <</CreationDate (D:%s)/Title (a)>> endobj\n"
    b"%s trailer <</ID [<%s> <%s>]>>"
)


def test_dates_and_identifiers_of_a_pdf_are_named(compared: Compared) -> None:
    found = compared(
        "a.pdf",
        PDF % (b"20260101", b"\0\1", b"aa", b"bb"),
        PDF % (b"20260202", b"\0\1", b"cc", b"dd"),
    )
    assert (found.outcome, found.compared_as) == ("equivalent", "pdf")
    assert found.ignored == ("CreationDate", "ID")


def test_other_bytes_of_a_pdf_count(compared: Compared) -> None:
    found = compared(
        "a.pdf",
        PDF % (b"20260101", b"\0\1", b"aa", b"bb"),
        PDF % (b"20260202", b"\0\2", b"aa", b"bb"),
    )
    assert (found.outcome, found.count) == ("different", 1)


@pytest.mark.parametrize(("last", "outcome"), [(b"x", "equivalent"), (b"y", "different")])
def test_the_date_in_a_dbase_table_does_not_count(
    compared: Compared, last: bytes, outcome: str
) -> None:
    found = compared("a.dbf", b"\x03\x7e\x01\x01\0\0x", b"\x03\x7e\x02\x03\0\0" + last)
    assert (found.outcome, found.compared_as) == (outcome, "dbase")
