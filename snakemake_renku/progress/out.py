"""The stream that all is written to: never raises, whatever it can encode or whoever hung up."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TextIO

_FALLBACKS = str.maketrans({"…": "...", "─": "-", "━": "=", "╸": "=", "╺": "-", "·": "-"})
_STYLES = {logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "1;31"}


class Out:
    """Writes text to a stream. Once that fails (a closed pipe), it writes nothing more."""

    def __init__(self, stream: TextIO, *, color: bool) -> None:
        self.stream = stream
        self.color = color
        self.gone = False
        self._encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> None:
        """Write ``text`` and flush it."""
        if self.gone:
            return
        try:
            self.stream.write(self._encodable(text))
            self.stream.flush()
        except (OSError, ValueError):
            self.gone = True

    def line(self, text: str, level: int = logging.INFO) -> None:
        """Write ``text`` and end the line, in the colour of ``level``."""
        style = _STYLES.get(level) if self.color else None
        self.write(f"\x1b[{style}m{text}\x1b[0m\n" if style else f"{text}\n")

    def _encodable(self, text: str) -> str:
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            plain = text.translate(_FALLBACKS)
            return plain.encode(self._encoding, "backslashreplace").decode(self._encoding)
        return text


def wants_color(stream: TextIO, environ: Mapping[str, str], *, nocolor: bool) -> bool:
    """Whether ``stream`` is a terminal that may be coloured (https://no-color.org)."""
    if nocolor or environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def can_draw(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether ``stream`` is a terminal on which parts of the screen can be written over.

    The logs of CI and the cells of a notebook may look like one, but only ever grow.
    """
    if not stream.isatty() or environ.get("TERM", "dumb") in ("dumb", "unknown"):
        return False
    in_notebook = "JPY_PARENT_PID" in environ and environ.get("TERM") == "xterm-color"
    return not in_notebook and not environ.get("CI")


def size(stream: TextIO) -> tuple[int, int]:
    """Columns and rows of the terminal behind ``stream``; 80 by 24 where it has no answer."""
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return 80, 24
    return columns or 80, rows or 24
