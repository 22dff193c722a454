"""Recorded jobs, executed again in the working directory of a clean clone."""

from __future__ import annotations

from snakemake_renku.replay.execute.executed import Began, Ended, Event, Executed, Listener, Told
from snakemake_renku.replay.execute.images import image_files
from snakemake_renku.replay.execute.places import Places
from snakemake_renku.replay.execute.start import execute

__all__ = [
    "Began",
    "Ended",
    "Event",
    "Executed",
    "Listener",
    "Places",
    "Told",
    "execute",
    "image_files",
]
