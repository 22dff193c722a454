"""Files of which only the date of writing is known not to be content: PDF, and dBASE tables.

Whatever else differs in their bytes counts.
"""

from __future__ import annotations

import re
from io import BytesIO

from snakemake_renku.model import Finding, Tolerance
from snakemake_renku.replay.compare.kinds import plain
from snakemake_renku.replay.compare.pair import Fit, Pair
from snakemake_renku.replay.compare.tally import Tally

NAME = "dated"
ISOLATED = False
TEXT = False

LARGEST = 256 << 20
"""Bytes."""

_PDF_DATES = re.compile(
    rb"/(?P<key>CreationDate|ModDate)\s*(?:\([^()]{0,64}\)|<[0-9A-Fa-f\s]{0,128}>)"
    rb"|/(?P<id>ID)\s*\[\s*(?:<[0-9A-Fa-f]*>|\((?:[^()\\]|\\.)*\))\s*"
    rb"(?:<[0-9A-Fa-f]*>|\((?:[^()\\]|\\.)*\))\s*\]"
    rb"|<xmp:(?P<xmp>CreateDate|ModifyDate|MetadataDate)>[^<]{0,64}</xmp:"
)
"""PDF 32000-1:2008, 14.3.3 (document information), 14.4 (file identifiers), and XMP beside them."""


def suits(head: bytes, name: str) -> Fit:
    """PDF by its first bytes, dBASE by its suffix and version."""
    if head.startswith(b"%PDF-"):
        return Fit.SURE
    dbase = name.lower().endswith(".dbf") and head[:1] in b"\x03\x30\x83\x8b\xf5" and head[1:4]
    return Fit.SURE if dbase else Fit.NO


def compare(pair: Pair, tolerance: Tolerance) -> Finding:
    """Compare the bytes without the dates; places are counted without them, too."""
    tally = Tally(tolerance)
    contents = pair.read(LARGEST)
    pdf = contents[0].startswith(b"%PDF-")
    strip = _without_pdf_dates if pdf else _without_dbase_date
    (recorded, dates), (replayed, others) = map(strip, contents)
    for key in dict.fromkeys((*dates, *others)):
        if dates.get(key) != others.get(key):
            tally.ignore(key)
    tally.values = max(map(len, contents))
    plain.compare_streams(tally, BytesIO(recorded), BytesIO(replayed))
    return tally.finding("pdf" if pdf else "dbase")


Dates = dict[str, list[bytes]]
"""What was taken out, by its name."""


def _without_pdf_dates(content: bytes) -> tuple[bytes, Dates]:
    dates: Dates = {}

    def take(match: re.Match[bytes]) -> bytes:
        key = next(group for group in match.groups() if group is not None).decode()
        dates.setdefault(key, []).append(match.group())
        return b""

    return _PDF_DATES.sub(take, content), dates


def _without_dbase_date(content: bytes) -> tuple[bytes, Dates]:
    # Year since 1900, month and day of the last change.
    return content[:1] + content[4:], {"the date of the last change": [content[1:4]]}
