"""Whether files, and what they were made from, are what was recorded."""

from snakemake_renku.verify.check import verify
from snakemake_renku.verify.result import FORMAT, FileState, Problem, Report

__all__ = ["FORMAT", "FileState", "Problem", "Report", "verify"]
