"""Move the branch and git-annex's branch in one transaction, if both are where they were."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from snakemake_renku.errors import RecordError, RepositoryBusy
from snakemake_renku.provenance.git.intent import Intent
from snakemake_renku.provenance.git.repository import Repository

ANNEX = "refs/heads/git-annex"

_SETTLE = 2.0


class Moved(Exception):
    """A branch is not where it was; the work has to begin anew from where it is now."""


class Move(NamedTuple):
    """A reference that goes from one commit to another (both as hexadecimal names)."""

    ref: str
    old: str
    new: str


class Transaction:
    """A ``git update-ref`` that has been told what to do and waits to be told to do it."""

    def __init__(
        self, repository: Repository, moves: Sequence[Move], message: str, keep: Sequence[int]
    ) -> None:
        self._repository = repository
        self._moves = moves
        self._process = repository.git.start(
            "update-ref", "-m", message, "--create-reflog", "--stdin", "-z", keep=keep
        )

    def prepare(self) -> None:
        """Take the locks and compare the old values; raises :class:`Moved`."""
        commands = ["start\0"]
        commands += [f"update {move.ref}\0{move.new}\0{move.old}\0" for move in self._moves]
        self._tell(b"".join(command.encode() for command in commands) + b"prepare\0", 2)

    def commit(self) -> None:
        """Move the references."""
        self._tell(b"commit\0", 1)
        self._process.communicate()

    def abort(self) -> None:
        """Let all be as it was."""
        if self._process.poll() is None:
            self._process.communicate()

    def _tell(self, commands: bytes, answers: int) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(commands)
            process.stdin.flush()
        for _ in range(answers):
            if not process.stdout.readline().endswith(b": ok\n"):
                self._fail(process)

    def _fail(self, process: subprocess.Popen[bytes]) -> None:
        _, stderr = process.communicate()
        if any(current(self._repository, move.ref) != move.old for move in self._moves):
            raise Moved
        locks = [self._repository.common / f"{move.ref}.lock" for move in self._moves]
        present = [
            lock for lock in (*locks, self._repository.gitdir / "HEAD.lock") if lock.exists()
        ]
        if present:
            raise RepositoryBusy(
                f"Another git command is moving a branch here: {str(present[0])!r} is there.",
                remedy="Wait until it is done; if no git runs, remove that file.",
            )
        said = stderr.decode(errors="replace").strip()
        raise RecordError(
            f"The branch cannot be moved: {said or 'git does not say why'}",
            remedy="See what git says of it.",
        )


def current(repository: Repository, ref: str) -> str | None:
    """The commit that a reference is at."""
    return repository.git.line("rev-parse", "-q", "--verify", f"{ref}^{{commit}}")


def contains(repository: Repository, ref: str, commit: str) -> bool:
    """Whether a commit belongs to the history of a reference."""
    return repository.git.ask("merge-base", "--is-ancestor", commit, ref) is not None


def break_own_locks(repository: Repository, intent: Intent) -> None:
    """Remove the locks on references that a transaction left whose process was killed.

    Only to be called by who holds the recorders' lock, so that no such process lives. A lock that
    is another's goes away by itself within moments, unless its content says that it is ours.
    """
    files = [(repository.common / f"{intent.ref}.lock", intent.new)]
    if intent.new_annex is not None:
        files.append((repository.common / f"{ANNEX}.lock", intent.new_annex))
    for file, new in files:
        with suppress(FileNotFoundError):
            if file.read_text() == f"{new}\n":
                file.unlink()
    # The lock on HEAD, for its log, has no content.
    _remove_if_it_stays(repository.gitdir / "HEAD.lock")


def _remove_if_it_stays(file: Path) -> None:
    until = time.monotonic() + _SETTLE
    while file.exists() and file.stat().st_size == 0:
        if time.monotonic() >= until:
            file.unlink(missing_ok=True)
            return
        time.sleep(0.05)
