"""Images that Pillow reads, compared by their pixels.

Texts, dates, the name of the software, the resolution and how pixels are compressed do not count;
a colour profile, gamma and the orientation do, since they change what is seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake_renku.errors import CompareError
from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.pair import HEAD, Fit, Pair, head_of
from snakemake_renku.replay.compare.tally import Tally
from snakemake_renku.replay.compare.wording import short

if TYPE_CHECKING:
    from PIL.Image import Image

NAME = "image"
ISOLATED = True
TEXT = False

PNG = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB`\x82"

MAGICS = {
    PNG: "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
}

SEEN = (
    "transparency",
    "icc_profile",
    "gamma",
    "srgb",
    "chromaticity",
    "background",
    "loop",
    "duration",
    "disposal",
)
"""Metadata that change what is seen."""

_ORIENTATION = 274

_STORAGE_TAGS = {
    254,
    256,
    257,
    258,
    259,
    262,
    266,
    273,
    274,
    277,
    278,
    279,
    284,
    317,
    322,
    323,
    324,
    325,
    347,
}
"""TIFF 6.0 tags of how pixels are stored; what of them is seen is in the mode and the pixels."""

_WRITING_TAGS = {
    269: "DocumentName",
    282: "XResolution",
    283: "YResolution",
    296: "ResolutionUnit",
    305: "Software",
    306: "DateTime",
    315: "Artist",
    316: "HostComputer",
}

MOST_FRAMES = 1000


def suits(head: bytes, name: str) -> Fit:
    """By the first bytes."""
    return Fit.SURE if format_of(head) else Fit.NO


def format_of(head: bytes) -> str | None:
    """The format of an image that begins so."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return next((name for magic, name in MAGICS.items() if head.startswith(magic)), None)


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare size, pixels and what else is seen, frame by frame."""
    tally = Tally(tolerance)
    formats = [format_of(head_of(path)) for path in pair.both]
    if formats[0] != formats[1]:
        tally.differ("format", formats)
        return tally.finding(NAME)
    with _opened(pair.recorded) as recorded, _opened(pair.replayed) as replayed:
        frames = [getattr(image, "n_frames", 1) for image in (recorded, replayed)]
        if frames[0] != frames[1]:
            tally.differ("number of frames", list(map(str, frames)))
        if max(frames) > MOST_FRAMES:
            raise CompareError(f"it has more than {MOST_FRAMES:,} frames")
        for number in range(min(frames)):
            _frame(tally, recorded, replayed, number if max(frames) > 1 else None)
    return tally.finding(formats[0] or NAME, "how pixels are compressed, or data that is not shown")


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    from PIL import Image as images

    with warnings.catch_warnings():
        warnings.simplefilter("error", images.DecompressionBombWarning)
        with images.open(path) as image:
            _refuse_cut(path)
            _refuse_lossy(path, image)
            yield image


def _refuse_cut(path: Path) -> None:
    """Pillow takes a PNG without its end, if it has all the pixels; other readers do not."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - HEAD))
        end = file.read()
    if head_of(path).startswith(PNG) and PNG_END not in end:
        raise CompareError("it ends early")


def _refuse_lossy(path: Path, image: Image) -> None:
    """Pillow makes 8 bits of 16 where there are several colours, and 32 of 64: no comparison."""
    head = head_of(path)
    deep_png = head.startswith(PNG) and head[24] == 16 and head[25] != 0
    bits = getattr(image, "tag_v2", {}).get(258, (1,))
    if deep_png or max(bits) > 32 or (len(bits) > 1 and max(bits) > 8):
        raise CompareError("Pillow does not read all bits of its colours")


def _frame(tally: Tally, recorded: Image, replayed: Image, number: int | None) -> None:
    from snakemake_renku.replay.compare.pixels import compare_pixels

    if number is not None:
        recorded.seek(number)
        replayed.seek(number)
    of = "" if number is None else f" of frame {number}"
    recorded.load()
    replayed.load()
    _metadata(tally, recorded, replayed, of)
    if recorded.size != replayed.size:
        sizes = [f"{width} × {height} pixels" for width, height in (recorded.size, replayed.size)]
        tally.differ(f"size{of}", sizes)
    else:
        compare_pixels(tally, recorded, replayed, of)


def _metadata(tally: Tally, recorded: Image, replayed: Image, of: str) -> None:
    for key, a, b in _unequal(recorded.info, replayed.info):
        if key in SEEN:
            tally.differ(f"{key}{of}", (_words(a), _words(b)), part="#metadata")
        else:
            tally.ignore(f"metadata {key}")
    turned = [image.getexif().get(_ORIENTATION, 1) for image in (recorded, replayed)]
    if turned[0] != turned[1]:
        tally.differ(f"orientation{of}", list(map(str, turned)), part="#metadata")
    tags = [dict(getattr(image, "tag_v2", {})) for image in (recorded, replayed)]
    for tag, a, b in _unequal(*tags):
        if tag in _WRITING_TAGS:
            tally.ignore(f"metadata {_WRITING_TAGS[tag]}")
        elif tag not in _STORAGE_TAGS:
            tally.differ(f"TIFF tag {tag}{of}", (_words(a), _words(b)), part="#metadata")


def _unequal(one: dict[Any, Any], other: dict[Any, Any]) -> Iterator[tuple[Any, Any, Any]]:
    for key in (*one, *(key for key in other if key not in one)):
        a, b = one.get(key), other.get(key)
        if a != b:
            yield key, a, b


def _words(value: Any) -> str:
    return "missing" if value is None else short(repr(value))
