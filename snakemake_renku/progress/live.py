"""Progress on a terminal: a panel at its bottom, and all that is said above it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from snakemake_renku.progress.out import Out, size
from snakemake_renku.progress.panel import Panel
from snakemake_renku.progress.plain import show_outcome
from snakemake_renku.progress.region import Region
from snakemake_renku.progress.shown import Shown
from snakemake_renku.progress.state import Change, RunProgress
from snakemake_renku.progress.wording import Message

REFRESH_S = 0.5

LEAST_ROWS = 8
"""On a terminal with fewer rows, a panel would leave no room for messages."""

_log = logging.getLogger(__name__)


class LiveDisplay:
    """Draws the panel again twice a second, from a thread that starts with the first job."""

    def __init__(self, out: Out, shown: Shown, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._shown = shown
        self._clock = clock
        self._panel = Panel(out.stream, shown, color=out.color)
        self._region = Region(out)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def message(self, message: Message) -> None:
        """Show what Snakemake says, above the panel."""
        with self._lock:
            self._out.line(message.text, message.level)

    def change(self, progress: RunProgress, change: Change, now: float) -> None:
        """Start drawing with the first job; the thread shows all later changes."""
        wanted = not self._shown.dryrun and self._shown.about("progress")
        if change.kind == "started" and self._thread is None and wanted:
            self._thread = threading.Thread(
                target=self._refresh, args=(progress,), name="renku-progress", daemon=True
            )
            self._thread.start()

    def close(self, progress: RunProgress, now: float) -> None:
        """Take the panel down, and show how it all ended."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout=2)
        with self._lock:
            self._region.close()
        show_outcome(self._out, self._shown, progress, now)

    def _refresh(self, progress: RunProgress) -> None:
        while True:
            try:
                with self._lock:
                    self._draw(progress)
            except Exception:
                # Messages are still shown, only without a panel.
                _log.debug("The progress panel failed.", exc_info=True)
                with self._lock:
                    self._region.close()
                return
            if self._closing.wait(REFRESH_S):
                return

    def _draw(self, progress: RunProgress) -> None:
        if self._closing.is_set():
            return
        columns, rows = size(self._out.stream)
        if rows < LEAST_ROWS:
            self._region.close()
            return
        with progress.lock:
            lines = self._panel.lines(progress, self._clock(), columns, rows)
        self._region.draw(lines)
