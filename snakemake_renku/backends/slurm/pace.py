"""How often something is asked: soon after something happened, seldom while nothing does."""

from __future__ import annotations

import time


class Pace:
    """Intervals in seconds that grow from ``least`` to ``most`` by half while nothing changes."""

    def __init__(self, least: float, most: float) -> None:
        self._least, self._most = least, most
        self._interval = least
        self._next = 0.0

    @property
    def delay(self) -> float:
        """Seconds until it is time to ask; 0 if it is."""
        return max(0.0, self._next - time.monotonic())

    def asked(self, *, changed: bool, took_s: float = 0.0) -> None:
        """Note that it was asked, and whether the answer had something new."""
        self._interval = self._least if changed else min(self._interval * 1.5, self._most)
        # What is slow to answer is asked less, so that we are never its main work.
        self._next = time.monotonic() + max(self._interval, 10 * took_s)

    def soon(self) -> None:
        """Something happened: ask after the shortest interval."""
        self._interval = self._least
        self._next = min(self._next, time.monotonic() + self._least)

    def back_off(self) -> None:
        """It did not answer."""
        self._interval = min(max(self._interval, self._least) * 2, self._most)
        self._next = time.monotonic() + self._interval
