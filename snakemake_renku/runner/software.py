"""The running interpreter and the packages that it can import.

Names and versions are read from the names of the ``*.dist-info`` and ``*.egg-info`` folders
(Python Packaging User Guide, "Recording installed projects" and "Binary distribution format"),
because parsing every METADATA file costs more than all the rest of a job's record.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator

from snakemake_renku.model import Software

_DIST_INFO = re.compile(r"(?P<name>[^~].*)-(?P<version>[0-9][^-_]*)\.dist-info")
_EGG_INFO = re.compile(r"(?P<name>[^~].*?)-(?P<version>[0-9][^-_]*)(-py[0-9.]+.*)?\.egg-info")
_SEPARATORS = re.compile(r"[-_.]+")


def software(path: Iterable[str] | None = None) -> Software:
    """Describe the running interpreter; ``path`` stands for :data:`sys.path`.

    ``digest`` is the sha256 of :func:`canonical_text`. Of a package that is there twice, the one
    that an import would find counts.
    """
    python = platform.python_version()
    packages = installed(sys.path if path is None else path)
    text = canonical_text(python, packages)
    return Software(
        python=python,
        executable=sys.executable,
        packages=packages,
        digest="sha256:" + hashlib.sha256(text.encode()).hexdigest(),
    )


def canonical_text(python: str, packages: dict[str, str]) -> str:
    """Return what the digest is over: ``python==VERSION``, then sorted ``NAME==VERSION`` lines.

    Each line ends with a newline; names are normalised. No paths: equal software at another place
    has an equal digest.
    """
    lines = [f"python=={python}", *(f"{name}=={packages[name]}" for name in sorted(packages))]
    return "".join(f"{line}\n" for line in lines)


def installed(path: Iterable[str]) -> dict[str, str]:
    """Return ``normalised name → version`` of the packages in the folders, sorted by name."""
    found: dict[str, str] = {}
    for folder in dict.fromkeys(path):
        # Sorted, so that two versions left in one folder by accident give the same answer always.
        for name, version in sorted(_in_folder(folder or os.curdir)):
            found.setdefault(normalised(name), version)
    return dict(sorted(found.items()))


def normalised(name: str) -> str:
    """Return a package's name as PEP 503 normalises it."""
    return _SEPARATORS.sub("-", name).lower()


def _in_folder(folder: str) -> Iterator[tuple[str, str]]:
    try:
        with os.scandir(folder) as entries:
            infos = [e.path for e in entries if e.name.endswith((".dist-info", ".egg-info"))]
    except OSError:  # an archive, or a folder that is not there
        return
    for info in infos:
        package = _described_by(info)
        if package is not None:
            yield package


def _described_by(info: str) -> tuple[str, str] | None:
    """Return name and version of one folder, or None of the remains of a removed package."""
    base = os.path.basename(info)
    is_wheel = base.endswith(".dist-info")
    metadata = os.path.join(info, "METADATA" if is_wheel else "PKG-INFO")
    if not is_wheel and os.path.isfile(info):
        metadata = info
    if not os.path.exists(metadata):
        return None
    match = (_DIST_INFO if is_wheel else _EGG_INFO).fullmatch(base)
    return (match["name"], match["version"]) if match else _from_metadata(metadata)


def _from_metadata(path: str) -> tuple[str, str] | None:
    """Read name and version from the headers of a metadata file (Core metadata specification)."""
    headers: dict[str, str] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.isspace():
                    break
                key, _, value = line.partition(":")
                headers.setdefault(key.lower(), value.strip())
    except OSError:
        return None
    name, version = headers.get("name"), headers.get("version")
    return (name, version) if name and version else None
