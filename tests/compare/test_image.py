from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.compare.conftest import Compared, told

Make = Callable[[Path], None]
BLUE = (10, 20, 200)


def picture(
    *pixels: tuple[int, int, Any], mode: str = "RGB", size: tuple[int, int] = (40, 30), **texts: str
) -> Make:
    """Makes a blue PNG with some pixels (x, y, colour) of another colour, and texts inside."""

    def make(path: Path) -> None:
        image = Image.new("RGB", size, BLUE)
        for x, y, colour in pixels:
            image.putpixel((x, y), colour)
        info = PngImagePlugin.PngInfo()
        for key, text in texts.items():
            info.add_text(key, text)
        image.convert(mode, palette=Image.Palette.ADAPTIVE).save(path, format="PNG", pnginfo=info)

    return make


def raw(array: Any, format: str, **options: Any) -> Make:
    return lambda path: Image.fromarray(array).save(path, format=format, **options)


def test_pixels_that_differ_are_told_with_the_box_around_them(compared: Compared) -> None:
    found = compared("a.png", picture(), picture((3, 7, (11, 20, 200)), (9, 5, (10, 20, 100))))
    assert (found.outcome, found.compared_as) == ("different", "png")
    assert told(found) == [
        ("pixels from x=3, y=5 to x=9, y=7", None, "2 of 1,200 differ"),
        ("pixel x=9, y=5", "(10, 20, 200)", "(10, 20, 100)"),
        ("pixel x=3, y=7", "(10, 20, 200)", "(11, 20, 200)"),
    ]
    assert [d.amount for d in found.differences] == [None, 100, 1]
    assert (found.count, found.values, found.largest_absolute) == (2, 1200, 100)


def test_pixels_within_the_tolerance_are_equivalent(compared: Compared) -> None:
    sides = picture(), picture((3, 7, (11, 20, 200)))
    assert compared("a.png", *sides, absolute=1).outcome == "equivalent"


def test_software_and_dates_are_ignored_and_named(compared: Compared) -> None:
    found = compared(
        "a.png",
        picture(Software="Matplotlib 3.9"),
        picture(Software="Matplotlib 3.10", Date="2026-01-01"),
    )
    assert found.outcome == "equivalent"
    assert found.ignored == ("metadata Software", "metadata Date")


def test_compression_does_not_count(compared: Compared) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (30, 40, 3)).astype("u1")
    found = compared("a.png", raw(noise, "PNG", compress_level=1), raw(noise, "PNG"))
    assert (found.outcome, len(found.ignored)) == ("equivalent", 1)


def test_how_colours_are_coded_does_not_count(compared: Compared) -> None:
    found = compared("a.png", picture(mode="RGB"), picture(mode="P"))
    assert found.outcome == "equivalent"
    assert found.ignored == ("how colours are coded (RGB and P)",)
    assert compared("a.png", picture(mode="RGB"), picture(mode="RGBA")).outcome == "equivalent"


def test_a_palette_is_compared_by_its_colours(compared: Compared) -> None:
    found = compared("a.png", picture(mode="P"), picture((3, 7, (255, 0, 0)), mode="P"))
    assert found.count == 1


def test_another_size_is_told(compared: Compared) -> None:
    found = compared("a.png", picture(), picture(size=(41, 30)))
    assert told(found) == [("size", "40 × 30 pixels", "41 × 30 pixels")]


def test_another_gamma_counts(compared: Compared) -> None:
    def with_gamma(value: bytes) -> Make:
        def make(path: Path) -> None:
            info = PngImagePlugin.PngInfo()
            info.add(b"gAMA", value)
            Image.new("RGB", (2, 2)).save(path, format="PNG", pnginfo=info)

        return make

    found = compared("a.png", with_gamma(b"\0\0\xb1\x8f"), with_gamma(b"\0\1\x86\xa0"))
    assert [d.where for d in found.differences] == ["gamma"]


@pytest.mark.parametrize("dtype", ["u2", "f4", "i4"])
def test_images_of_deep_numbers_are_compared_by_them(compared: Compared, dtype: str) -> None:
    one = np.arange(12).reshape(3, 4).astype(dtype)
    other = one.copy()
    other[2, 1] += 1
    found = compared("a.tif", raw(one, "TIFF"), raw(other, "TIFF"))
    assert (found.compared_as, found.count, found.largest_absolute) == ("tiff", 1, 1.0)


def test_16_bits_of_several_colours_are_compared_by_bytes(compared: Compared) -> None:
    def deep(low: int) -> bytes:
        import struct
        import zlib

        def chunk(kind: bytes, data: bytes) -> bytes:
            body = kind + data
            return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

        header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
        pixel = zlib.compress(b"\0" + bytes([1, low, 2, 0, 3, 0]))
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", pixel)
            + chunk(b"IEND", b"")
        )

    found = compared("a.png", deep(1), deep(2))
    assert (found.outcome, found.compared_as) == ("different", "bytes")
    assert found.ignored == ("the content as image: Pillow does not read all bits of its colours",)


def test_tags_of_a_tiff_count_other_than_those_of_its_writing(compared: Compared) -> None:
    array = np.zeros((2, 2), "f4")
    found = compared("a.tif", raw(array, "TIFF"), raw(array, "TIFF", software="x"))
    assert (found.outcome, found.ignored) == ("equivalent", ("metadata Software",))
    found = compared("a.tif", *(raw(array, "TIFF", tiffinfo={270: text}) for text in ("m", "km")))
    assert told(found) == [("TIFF tag 270", "'m'", "'km'")]


def test_frames_are_compared_one_by_one(compared: Compared) -> None:
    def film(last: int) -> Make:
        frames = [Image.new("L", (4, 4), shade) for shade in (0, 100, last)]
        return lambda path: frames[0].save(
            path, format="GIF", save_all=True, append_images=frames[1:], duration=100
        )

    found = compared("a.gif", film(200), film(50))
    assert (found.compared_as, found.count) == ("gif", 16)
    assert found.differences[0].where == "pixels from x=0, y=0 to x=3, y=3 of frame 2"


def test_a_jpeg_is_compared_by_pixels(compared: Compared) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (16, 16, 3)).astype("u1")
    found = compared(
        "a.jpg", raw(noise, "JPEG", comment="one"), raw(noise, "JPEG", comment="other")
    )
    assert (found.outcome, found.compared_as) == ("equivalent", "jpeg")


def test_other_formats_differ(compared: Compared) -> None:
    array = np.zeros((4, 4), "u1")
    found = compared("a.png", raw(array, "PNG"), raw(array, "JPEG"))
    assert told(found) == [("format", "png", "jpeg")]


def test_a_truncated_image_is_compared_by_bytes(compared: Compared, tmp_path: Path) -> None:
    picture()(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    found = compared("a.png", whole, whole[:-20])
    assert (found.outcome, found.compared_as) == ("different", "bytes")


def test_an_image_that_claims_to_be_enormous_is_not_read(
    compared: Compared, tmp_path: Path
) -> None:
    picture()(tmp_path / "small")
    small = (tmp_path / "small").read_bytes()
    import zlib

    header = b"IHDR" + (200_000).to_bytes(4, "big") * 2 + small[24:29]
    huge = small[:12] + header + zlib.crc32(header).to_bytes(4, "big") + small[33:]
    found = compared("a.png", huge, huge + b"more")
    assert found.compared_as == "bytes"
    assert "exceeds limit" in found.ignored[0]
