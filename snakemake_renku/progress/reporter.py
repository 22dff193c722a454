"""From Snakemake's records to a display."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO

from snakemake_renku.progress.out import Out, can_draw, wants_color
from snakemake_renku.progress.plain import PlainDisplay
from snakemake_renku.progress.shown import Shown
from snakemake_renku.progress.state import Change, RunProgress
from snakemake_renku.progress.wording import Message, Wording


class Display(Protocol):
    """Where messages and progress go."""

    def message(self, message: Message) -> None:
        """Show what Snakemake says."""

    def change(self, progress: RunProgress, change: Change, now: float) -> None:
        """Show that a run was planned, or that a job moved."""

    def close(self, progress: RunProgress, now: float) -> None:
        """Show how it all ended, and leave the stream as it was."""


class Reporter:
    """Takes in records one after the other, keeps count, and has a display show them."""

    def __init__(
        self, shown: Shown, display: Display, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.progress = RunProgress()
        self._shown = shown
        self._wording = Wording(shown)
        self._display = display
        self._clock = clock
        self._held: Message | None = None

    def handle(self, record: logging.LogRecord) -> None:
        """Show what ``record`` says, and what it changes."""
        now = self._clock()
        event = getattr(record, "event", None)
        message = self._wording.message(record)
        if self._shown.dryrun and event == "run_info":
            message, self._held = self._once_at_the_end(message)
        if message is not None:
            self._display.message(message)
        change = self.progress.apply(event, record.__dict__, now)
        if change is not None:
            self._display.change(self.progress, change, now)

    def close(self) -> None:
        """Show the outcome and let go of the terminal."""
        if self._held is not None:
            self._display.message(self._held)
        self._display.close(self.progress, self._clock())

    def _once_at_the_end(self, message: Message | None) -> tuple[Message | None, Message | None]:
        # A dry run tells the same table before its jobs and after them, or only before.
        return (message, None) if self._held is not None else (None, message)


def open_reporter(settings: Any, stream: TextIO, wanted: str) -> Reporter:
    """A reporter to ``stream``, by Snakemake's output settings.

    ``wanted`` is ``auto`` (a live display where ``stream`` is a terminal that can show one),
    ``always`` or ``never``.
    """
    shown = Shown.of(settings)
    nocolor = bool(getattr(settings, "nocolor", False))
    out = Out(stream, color=wants_color(stream, os.environ, nocolor=nocolor))
    live = wanted == "always" or (wanted == "auto" and can_draw(stream, os.environ))
    return Reporter(shown, _live(out, shown) if live else PlainDisplay(out, shown))


def _live(out: Out, shown: Shown) -> Display:
    try:
        from snakemake_renku.progress.live import LiveDisplay
    except ImportError:
        return PlainDisplay(out, shown)
    return LiveDisplay(out, shown)
