"""Whether a cluster is set up for runs, found out by asking it and by a small job."""

from snakemake_renku.backends.slurm.client import Request
from snakemake_renku.doctor.report import Check, Report
from snakemake_renku.doctor.slurm import Question, diagnose, examine

__all__ = ["Check", "Question", "Report", "Request", "diagnose", "examine"]
