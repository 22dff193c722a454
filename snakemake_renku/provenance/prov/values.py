"""What stands in a journal as what PROV can say: moments, texts, and JSON within a text."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped (section 2.2)."""


def moment(seconds: float | None) -> datetime | None:
    """A time in seconds since the epoch, to the microsecond, in UTC.

    None for None, and for what no calendar has.
    """
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def as_json(value: Any) -> str | None:
    """A value as JSON with sorted keys; None for an empty one, which is not worth a statement."""
    if not value and not isinstance(value, bool | int | float):
        return None
    return msgspec.json.encode(value, order="sorted").decode()


def fits(text: str) -> bool:
    """Whether every format can hold the text."""
    return text.isprintable() or _UNFIT.search(text) is None


def escaped(text: str) -> str:
    """A text that not every format can hold, as the inside of a JSON string in ASCII."""
    return json.dumps(text, ensure_ascii=True)[1:-1]
