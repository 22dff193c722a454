"""Objects of a repository, read through one ``git cat-file`` for each kind of question."""

from __future__ import annotations

import subprocess
from types import TracebackType

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git.plumbing import Git


class Objects:
    """A context in which objects can be read."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Objects:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        for process in self._processes.values():
            process.communicate()
        self._processes.clear()

    def read(self, name: bytes | str, kind: str) -> bytes:
        """The object with this name (as bytes) or revision; raises :class:`RecordError`."""
        process = self._started("--batch")
        asked = name.hex() if isinstance(name, bytes) else name
        header = _ask(process, asked)
        if len(header) != 3 or header[1] != kind:
            raise RecordError(
                f"The repository has no {kind} {asked}.",
                remedy="Run `git fsck`, and fetch what is missing.",
            )
        assert process.stdout is not None
        data = process.stdout.read(int(header[2]))
        process.stdout.read(1)
        return data

    def read_if_small(self, name: bytes, most: int) -> bytes | None:
        """A blob of at most ``most`` bytes; None if it is larger, or no blob."""
        header = _ask(self._started("--batch-check"), name.hex())
        if len(header) != 3 or header[1] != "blob" or int(header[2]) > most:
            return None
        return self.read(name, "blob")

    def _started(self, mode: str) -> subprocess.Popen[bytes]:
        if mode not in self._processes:
            self._processes[mode] = self._git.start("cat-file", mode)
        return self._processes[mode]


def _ask(process: subprocess.Popen[bytes], question: str) -> list[str]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(question.encode() + b"\n")
    process.stdin.flush()
    return process.stdout.readline().decode(errors="replace").split()
