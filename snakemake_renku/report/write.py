"""Putting a file where it belongs, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from snakemake_renku.errors import ExportError

_REMEDY = "Name another file."


def write(path: Path, data: bytes) -> None:
    """Write ``data`` aside, bring it to the disk, and let it take the place of ``path``.

    Raises:
        ExportError: it cannot be written there; what was there is left as it was.
    """
    if path.is_dir():
        raise ExportError(f"Cannot write {path}: it is a folder.", remedy=_REMEDY)
    # A name may be as long as the file system allows, so its beginning is enough here.
    aside = path.with_name(f".{path.name[:50]}.{secrets.token_hex(4)}")
    try:
        _write_synced(aside, data)
        aside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ExportError(f"Cannot write {path}: {error.strerror}.", remedy=_REMEDY) from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _write_synced(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with open(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)
