"""How often something is asked: soon after something happened, seldom while nothing does."""

from __future__ import annotations

import time

_LONGEST = 60.0
"""No slow answer puts the next question off for longer, in seconds."""

_FIRST = 0.5
"""What does not answer is left alone for twice this at least, in seconds."""


class Pace:
    """Intervals in seconds that grow from ``least`` to ``most`` by half while nothing changes."""

    def __init__(self, least: float, most: float) -> None:
        self._least, self._most = least, most
        self._interval = least
        self._next = self._earliest = 0.0
        self._silent = False

    @property
    def delay(self) -> float:
        """Seconds until it is time to ask; 0 if it is."""
        return max(0.0, self._next - time.monotonic())

    def asked(self, *, changed: bool, took_s: float = 0.0) -> None:
        """Note that it was asked, and whether the answer had something new."""
        self._interval = self._least if changed else min(self._interval * 1.5, self._most)
        # What is slow to answer is asked less, so that we are never its main work.
        now, self._silent = time.monotonic(), False
        self._next = now + max(self._interval, min(10 * took_s, _LONGEST))
        self._earliest = now + min(2 * took_s, _LONGEST)

    def soon(self) -> None:
        """Something happened: ask after the shortest interval that the last answer allows."""
        if self._silent:
            return
        self._interval = self._least
        soon = max(time.monotonic() + self._least, self._earliest)
        self._next = min(self._next, soon)

    def back_off(self) -> None:
        """It did not answer: whatever happens, it is not asked before the interval is over."""
        self._interval = min(max(self._interval, self._least, _FIRST) * 2, self._most)
        self._next, self._silent = time.monotonic() + self._interval, True
