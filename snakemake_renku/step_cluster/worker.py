"""A worker in a Slurm job of its own: it looks first whether the step is still there.

A job that waited in the queue while its step was killed, and the step's guard with it, ends so
before it costs anything, and takes with it those that still wait.
"""

from __future__ import annotations

import os
import runpy
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

PATIENCE = 20.0
"""Seconds for which a network that does not lead to the step is tried again."""


def main() -> None:
    """Be dask's worker, with the arguments of that; the first is the address of the step."""
    address = urlsplit(sys.argv[1])
    problem = look(str(address.hostname), int(address.port or 0))
    if problem is not None:
        print(f"The step at {sys.argv[1]} cannot be reached: {problem}", file=sys.stderr)
        sys.exit(1)
    # As the main module, which the worker's own processes look for.
    runpy.run_module("distributed.cli.dask_worker", run_name="__main__", alter_sys=True)


def look(host: str, port: int) -> str | None:
    """Why the step cannot be reached; None if it can."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
            return None
        except ConnectionRefusedError as error:
            # Its machine is there, so the network is right and the step is over.
            _cancel_siblings()
            return str(error)
        except OSError as error:
            if time.monotonic() > deadline:
                return str(error)
            time.sleep(1)


def _cancel_siblings() -> None:
    name = os.environ.get("SLURM_JOB_NAME", "")
    if name.startswith("dask-"):
        command = ["scancel", "--quiet", "--state=PENDING", f"--name={name}"]
        subprocess.run([*command, f"--user={os.getuid()}"], check=False)


if __name__ == "__main__":
    main()
