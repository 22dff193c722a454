"""The program of the small job: says what it sees on its node, and answers to files.

It is copied beside the job, and uses Python's standard library alone, since whether anything else
is there is the question. Usage: ``on_node.py FOLDER ROUNDS``.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import socket
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

PATIENCE_S = 60.0
INTERVAL_S = 0.02


def main(folder: Path, rounds: int) -> None:
    """Write the facts, then answer each ``ping`` by a ``pong`` with the times of this node."""
    write(folder / "facts.json", facts(folder))
    for number in range(rounds):
        ping = folder / f"ping.{number}"
        until = time.monotonic() + PATIENCE_S
        while not ping.exists():
            if time.monotonic() > until:
                return
            time.sleep(INTERVAL_S)
        seen = time.time()
        write(folder / f"pong.{number}", {"seen": seen, "wrote": time.time()})


def facts(folder: Path) -> dict[str, object]:
    """What there is on this node, as :class:`~snakemake_renku.doctor.report.Facts`."""
    tmp = tempfile.gettempdir() if "TMPDIR" not in os.environ else os.environ["TMPDIR"]
    return {
        "host": socket.gethostname(),
        "node": os.environ.get("SLURMD_NODENAME", ""),
        "python": sys.executable,
        "version": platform.python_version(),
        "modules": {name: version(name) for name in ("snakemake", "snakemake_renku")},
        "word": (folder / "word").read_text(),
        "inode": folder.stat().st_ino,
        "tmp": tmp,
        "tmp_free_mb": free(tmp),
        "container": shutil.which("apptainer") or shutil.which("singularity"),
    }


def version(name: str) -> str:
    """The version of a package; or, after ``!``, why it cannot be imported."""
    try:
        importlib.import_module(name)
        return metadata.version(name)
    except Exception as error:
        return f"!{type(error).__name__}: {error}"


def free(folder: str) -> int | None:
    """The free space in MB (10⁶ bytes) of a folder, or None if nothing can be written there."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x" * 4096)
        return shutil.disk_usage(folder).free // 10**6
    except OSError:
        return None


def write(path: Path, value: object) -> None:
    """Write JSON so that a reader sees all of it or nothing."""
    new = path.with_name(f".{path.name}")
    new.write_text(json.dumps(value))
    new.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
