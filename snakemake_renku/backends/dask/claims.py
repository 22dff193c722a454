"""A claim: the mark, on the shared file system, that an attempt was begun somewhere.

Dask runs a task again when its worker dies. What the first run left half-written has to be cleared
away by Snakemake first, so whoever finds the claim taken must not run the job.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def make_folder(folder: Path) -> Path:
    """The folder for claims, below the folder of the run."""
    claims = folder / "claims"
    claims.mkdir(parents=True, exist_ok=True)
    return claims


def take(claims: str, name: str) -> bool:
    """Claim an attempt; False if it was claimed before.

    Raises:
        OSError: the folder cannot be written (it is not on a file system that both sides share).
    """
    try:
        os.close(os.open(os.path.join(claims, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


def clear(folder: Path) -> None:
    """Remove all claims of a run that is over."""
    shutil.rmtree(folder / "claims", ignore_errors=True)
