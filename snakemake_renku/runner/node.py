"""This node: its name, and what it keeps for a user between jobs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def node_name(environment: Mapping[str, str] = os.environ) -> str:
    """The name of this node: Slurm's, else the host's."""
    return environment.get("SLURMD_NODENAME") or os.uname().nodename


def node_cache() -> str | None:
    """A folder of this node and user for remembered digests; None if there can be none.

    Not on the shared file system: its locks are not to be trusted with a database there.
    """
    folder = Path("/var/tmp" if os.path.isdir("/var/tmp") else "/tmp")
    folder /= f"snakemake-renku-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return None
    # Whoever else made it could feed us digests.
    mine = status.st_uid == os.getuid() and not status.st_mode & 0o022 and folder.is_dir()
    return str(folder) if mine and not folder.is_symlink() else None
