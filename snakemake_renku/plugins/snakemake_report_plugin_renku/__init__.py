"""The reporter ``--reporter renku``: a run as one HTML file that opens anywhere, offline.

Snakemake imports this module at every start, for every user, so it imports nothing of weight
itself; the work is in :mod:`snakemake_renku.report`.
"""

# No annotations from the future here: Snakemake makes options of the settings' types.
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from snakemake_interface_report_plugins.reporter import ReporterBase
from snakemake_interface_report_plugins.settings import ReportSettingsBase

__all__ = ["ReportSettings", "Reporter"]


@dataclass
class ReportSettings(ReportSettingsBase):  # type: ignore[misc]
    """What the command line may set."""

    path: Optional[Path] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "The file to write, from Snakemake's working directory; one that is there is "
            "replaced. Default: report.html."
        },
    )
    run: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "The run to report on: its id, the beginning of one, or latest. "
            "Default: the latest one that was recorded in the working directory."
        },
    )


class Reporter(ReporterBase):  # type: ignore[misc]
    """Writes the report from the journal; what Snakemake itself remembers is not asked for."""

    def render(self) -> None:
        """Write the report."""
        from snakemake_interface_common.exceptions import WorkflowError

        from snakemake_renku.errors import RenkuError
        from snakemake_renku.report import write_report

        settings = self.settings
        try:
            write_report(Path.cwd(), settings.run, Path(settings.path or "report.html"))
        except RenkuError as error:
            raise WorkflowError(str(error)) from error
