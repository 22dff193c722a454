"""Commits made by plumbing, many at once: all of them or none.

:func:`open_repository` says whether a repository can take commits now; :func:`write_batch` makes
them, without touching whatever else the user has in the working tree and in the index.
"""

from __future__ import annotations

from snakemake_renku.provenance.git.batch import write_batch
from snakemake_renku.provenance.git.records import Commit, LeftOut, RecordedFile, Written
from snakemake_renku.provenance.git.repository import Repository, open_repository

__all__ = [
    "Commit",
    "LeftOut",
    "RecordedFile",
    "Repository",
    "Written",
    "open_repository",
    "write_batch",
]
