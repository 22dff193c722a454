"""Runs recorded in git as DataLad run records: one commit a job, which `datalad rerun` executes.

:func:`record` writes the records of a run; :func:`check_recordable` says before a run whether that
will be possible.
"""

from snakemake_renku.provenance.datalad.record import Recorded, check_recordable, record
from snakemake_renku.provenance.datalad.recorded import recording_commit, unrecorded

__all__ = ["Recorded", "check_recordable", "record", "recording_commit", "unrecorded"]
