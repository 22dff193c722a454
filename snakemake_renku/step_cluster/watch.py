"""The step's end of the guard: starts it before there is anything to guard."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from select import select
from time import monotonic

from snakemake_renku.errors import RunnerLost
from snakemake_renku.step_cluster import guard


class Guard:
    """A process that starts ``commands``, and ends them when this process ends or closes it.

    It then also cancels the Slurm jobs named ``cancel``, and removes the folders in ``remove``.
    What it and the commands print goes to the file ``log``. A guard of Slurm jobs leaves the tree
    of this process, which may be killed as a whole.
    """

    def __init__(
        self,
        *,
        log: Path,
        environ: Mapping[str, str],
        commands: Sequence[Sequence[str]] = (),
        cancel: str | None = None,
        remove: Sequence[Path] = (),
    ) -> None:
        self.ended: dict[int, int] = {}
        """The commands that have ended, by number, with their exit status."""
        self._count = len(commands)
        self._text = b""
        orders = {
            "commands": [list(command) for command in commands],
            "cancel": cancel,
            "remove": [str(path) for path in remove],
            "detach": cancel is not None,
        }
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-P", guard.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=dict(environ),
                start_new_session=cancel is not None,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        try:
            self._stdin.write(json.dumps(orders).encode() + b"\n")
            self._stdin.flush()
            if cancel is not None:
                self._process.wait()  # for its first half; the other has left
        except OSError as error:
            raise RunnerLost(
                "The process that guards the dask workers of this step ended at once.",
                remedy=f"Its messages are in {log}.",
            ) from error

    def all_ended(self) -> bool:
        """Whether each command has ended by itself (or the guard with them)."""
        alive = self._read(0)
        return not alive or (self._count > 0 and len(self.ended) == self._count)

    def close(self, timeout: float = 20.0) -> bool:
        """End all; whether that was done after ``timeout`` seconds. It goes on if it was not."""
        with contextlib.suppress(OSError):
            self._stdin.write(guard.DONE)
            self._stdin.close()
        deadline = monotonic() + timeout
        while (left := deadline - monotonic()) > 0:
            if not self._read(left):
                self._stdout.close()
                self._process.wait()
                return True
        return False

    def _read(self, timeout: float) -> bool:
        """Take what the guard has to say; False at the end of it."""
        while select([self._stdout], [], [], timeout)[0]:
            data = os.read(self._stdout.fileno(), 4096)
            if not data:
                return False
            *lines, self._text = (self._text + data).split(b"\n")
            for line in lines:
                number, status = line.split()
                self.ended[int(number)] = int(status)
            timeout = 0
        return True
