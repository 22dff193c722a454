"""The logger ``--logger renku``: how far a run is, on a terminal or in a file.

Snakemake imports this module at every start, for every user, so it imports nothing of weight
itself; what it needs is imported when the first record arrives.
"""

# No annotations from the future here: Snakemake makes options of the settings' types.
import os
import sys
from dataclasses import dataclass, field
from logging import WARNING, LogRecord
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

if TYPE_CHECKING:
    from snakemake_renku.progress import Reporter

__all__ = ["LogHandler", "LogHandlerSettings"]


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):  # type: ignore[misc]
    """What the command line may set."""

    progress: str = field(
        default="auto",
        metadata={
            "help": "Whether to draw a progress display: auto (on a terminal), always, "
            "or never (plain lines).",
            "choices": ["auto", "always", "never"],
        },
    )


class LogHandler(LogHandlerBase):  # type: ignore[misc]
    """Hands each record to the observers and to the display; never lets an error out."""

    _reporter: "Reporter | None"
    _pid: int

    def __post_init__(self) -> None:
        self._reporter = None
        self._pid = os.getpid()

    def emit(self, record: LogRecord) -> None:
        """Show ``record``, or where that fails its bare message."""
        try:
            from snakemake_renku.observe import observe

            observe(record)
            if self._reporter is None:
                self._reporter = self._open()
            self._reporter.handle(record)
        except Exception:
            self._show_bare(record)

    def close(self) -> None:
        """Take the display down and leave the terminal as it was."""
        # A forked child inherits this handler, and must not take down its parent's display.
        reporter, self._reporter = self._reporter, None
        if reporter is not None and self._pid == os.getpid():
            try:
                reporter.close()
            except Exception as error:
                print(f"snakemake-renku: the progress display failed: {error}", file=sys.stderr)
        super().close()

    def _open(self) -> "Reporter":
        from snakemake_renku.progress import open_reporter

        wanted = getattr(self.settings, "progress", "auto")
        stream = sys.stdout if self.common_settings.stdout else sys.stderr
        return open_reporter(self.common_settings, stream, wanted)

    def _show_bare(self, record: LogRecord) -> None:
        if record.levelno < WARNING:
            return
        try:
            print(record.getMessage(), file=sys.stderr)
        except Exception:
            # The stream is gone; there is nobody left to tell, and the run goes on.
            return

    @property
    def writes_to_stream(self) -> bool:
        """It does: standard error, or standard output for a dry run."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """It does not."""
        return False

    @property
    def has_filter(self) -> bool:
        """It chooses by itself, for the observers must see all."""
        return True

    @property
    def has_formatter(self) -> bool:
        """It words records by itself."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """It does not."""
        return False
