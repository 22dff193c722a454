"""Small pieces of text: durations, percentages, and what a terminal can bear."""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def duration(seconds: float) -> str:
    """``12 s``, ``3:05 min``, ``1:02:03 h`` or ``2 d 03:04 h``."""
    whole = max(0, int(seconds + 0.5))
    if whole < 60:
        return f"{whole} s"
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if not hours:
        return f"{minute}:{second:02} min"
    days, hour = divmod(hours, 24)
    if not days:
        return f"{hour}:{minute:02}:{second:02} h"
    return f"{days} d {hour:02}:{minute:02} h"


def short(seconds: float) -> str:
    """Like :func:`duration`, but with tenths of a second below ten."""
    return f"{max(0.0, seconds):.1f} s" if seconds < 9.95 else duration(seconds)


def percent(done: int, total: int) -> str:
    """``42%``; 100% only when all is done."""
    if total <= 0:
        return "0%"
    return f"{min(done, total) * 100 // total}%"


def clean(text: str) -> str:
    """``text`` without what moves the cursor or changes the terminal's state.

    Of a line that was written over and over (a progress bar), the last state is kept.
    """
    if text.isprintable():
        return text
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _CONTROLS.sub("", "\n".join(lines))


def indent(text: str, by: int = 4) -> str:
    """``text`` with each of its lines moved to the right."""
    return "\n".join(" " * by + line if line else line for line in text.split("\n"))


def jobs(count: int) -> str:
    """``1 job`` or ``2 jobs``."""
    return f"{count} job" if count == 1 else f"{count} jobs"
