"""Who may talk with the step: whoever has the keys, which are made for it and go with it.

A dask scheduler runs what it is sent. On a machine with other users it must not listen to them.
"""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec


class Keys(msgspec.Struct, frozen=True):
    """A certificate with its key in a folder that only this user may read."""

    folder: Path
    security: Any
    """dask's own ``Security``."""

    @classmethod
    def make(cls, folder: Path) -> Keys | None:
        """New keys below ``folder``; None where the package ``cryptography`` is missing."""
        security_class: Any = importlib.import_module("distributed").Security
        try:
            security = security_class.temporary()
        except ImportError:
            return None
        folder.mkdir(mode=0o700, parents=True)
        made = security.get_tls_config_for_role("worker")
        cert, key = folder / "cert.pem", folder / "key.pem"
        for path, text in ((cert, made["cert"]), (key, made["key"])):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
        roles = {
            f"tls_{role}_{what}": str(path)
            for role in ("scheduler", "worker", "client")
            for what, path in (("cert", cert), ("key", key))
        }
        # It is its own authority.
        security = security_class(require_encryption=True, tls_ca_file=str(cert), **roles)
        return cls(folder, security)

    def options(self) -> list[str]:
        """The options by which a worker finds them."""
        return [
            *("--protocol", "tls"),
            *("--tls-ca-file", str(self.folder / "cert.pem")),
            *("--tls-cert", str(self.folder / "cert.pem")),
            *("--tls-key", str(self.folder / "key.pem")),
        ]

    def remove(self) -> None:
        """Take them away; whoever is connected stays so."""
        shutil.rmtree(self.folder, ignore_errors=True)
