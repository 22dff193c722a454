"""Encryption between the parts of a cluster that we make, with a key made for the run.

Whoever reaches an unprotected scheduler of dask can run code as its user. Keys lie in a folder that
only the user can read.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

_FIELDS = ("tls_ca_file", "tls_client_cert", "tls_client_key")


def make_keys(folder: Path) -> tuple[str, str, str] | None:
    """Paths of a new authority, certificate and key; None where there is no ``cryptography``."""
    from distributed.security import Security

    try:
        made = Security.temporary()
    except ImportError:
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = []
    for name in _FIELDS:
        path = folder / name
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(getattr(made, name))
        paths.append(str(path))
    return paths[0], paths[1], paths[2]


def security(ca: str, cert: str, key: str) -> Any:
    """The settings of dask for these keys; the same for all parts."""
    from distributed.security import Security

    both = {f"tls_{role}_cert": cert for role in ("client", "scheduler", "worker")}
    keys = {f"tls_{role}_key": key for role in ("client", "scheduler", "worker")}
    return Security(tls_ca_file=ca, require_encryption=True, **both, **keys)
