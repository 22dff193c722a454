"""A report on a run: one HTML file that opens anywhere, without a network.

What it shows comes from the journal (and from the verdicts kept beside it) alone, so a fresh clone
gives the same report as the folder in which the run was made.
"""

from snakemake_renku.report.made import Made, write_report
from snakemake_renku.report.page import page

__all__ = ["Made", "page", "write_report"]
