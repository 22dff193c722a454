"""The bottom rows of a terminal, kept for a panel while all else scrolls above them.

Jobs write to the terminal whenever they like. A display that moves the cursor up and writes over
what it drew last would write over their output; so the scrolling region is made shorter instead
(DECSTBM, as in VT100 and all that came after): whatever anyone prints scrolls above the panel.
"""

from __future__ import annotations

from collections.abc import Sequence

from snakemake_renku.progress.out import Out, size

_SAVE, _RESTORE = "\x1b7", "\x1b8"
_DOWN = "\x1bD"  # Unlike a newline, it keeps the column.
_ERASE_LINE, _ERASE_BELOW = "\x1b[2K", "\x1b[J"
_WRAP_OFF, _WRAP_ON = "\x1b[?7l", "\x1b[?7h"
_ALL_ROWS = "\x1b[r"


class Region:
    """Draws a panel at the bottom of the terminal. The caller keeps threads apart."""

    def __init__(self, out: Out) -> None:
        self._out = out
        self._height = 0
        self._size = (0, 0)

    @property
    def open(self) -> bool:
        """Whether the terminal is divided now."""
        return self._height > 0

    def draw(self, lines: Sequence[str]) -> None:
        """Show ``lines``, each at most as wide as the terminal; makes room for them as needed."""
        now = size(self._out.stream)
        if now != self._size or len(lines) > self._height:
            self._divide(len(lines), now)
        top = self._size[1] - self._height + 1
        blank = [""] * (self._height - len(lines))
        rows = "".join(
            f"\x1b[{top + number};1H\x1b[0m{_ERASE_LINE}{line}"
            for number, line in enumerate([*blank, *lines])
        )
        # One write, so that a job's own output cannot fall in between.
        self._out.write(f"{_SAVE}{_WRAP_OFF}{rows}\x1b[0m{_WRAP_ON}{_RESTORE}")

    def close(self) -> None:
        """Take the panel away and give the whole terminal back."""
        if self._height:
            self._out.write(f"{_SAVE}{_ALL_ROWS}{_RESTORE}{_ERASE_BELOW}")
            self._height, self._size = 0, (0, 0)

    def _divide(self, height: int, now: tuple[int, int]) -> None:
        self.close()
        self._height, self._size = height, now
        room = f"{_DOWN * height}\x1b[{height}A"
        self._out.write(f"{room}{_SAVE}\x1b[1;{now[1] - height}r{_RESTORE}")
