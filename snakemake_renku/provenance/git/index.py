"""The index: read it, keep others from writing it, and change the entries of some paths.

While ``index.lock`` is there, no git command can stage or commit. The new index is made by git from
a copy, so all that others staged, and whatever extension the index has, is kept.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from snakemake_renku.errors import RecordError, RepositoryBusy
from snakemake_renku.provenance.git.intent import Change, Notes, Staged
from snakemake_renku.provenance.git.names import name_paths
from snakemake_renku.provenance.git.plumbing import NO_ANNEX_FILTERS, Git
from snakemake_renku.provenance.git.repository import Repository

NOTHING = Staged()

_STEP = 0.02
_OURS = "new-index"


class Index:
    """The index of a working tree; ``marker`` tells our lock from another's."""

    def __init__(self, repository: Repository, notes: Notes, marker: str) -> None:
        self._repository = repository
        self._path = repository.gitdir / "index"
        self._lock = repository.gitdir / "index.lock"
        self._notes = notes
        self._marker = marker.encode()
        self._locked = False

    def entries(self) -> dict[bytes, Staged]:
        """All entries; one in conflict has the mode ``conflict``."""
        found: dict[bytes, Staged] = {}
        for line in self._repository.git.run("ls-files", "-z", "--stage").split(b"\0"):
            if line:
                facts, _, path = line.partition(b"\t")
                mode, name, stage = facts.split(b" ")
                found[path] = Staged(
                    mode if stage == b"0" else b"conflict", bytes.fromhex(name.decode())
                )
        return found

    def lock(self, wait: float) -> None:
        """Keep others from writing the index.

        Raises :class:`RepositoryBusy` if another has it for ``wait`` seconds and more.
        """
        marker = self._notes.put("marker", self._marker)
        until = time.monotonic() + wait
        while not self._try(marker):
            if time.monotonic() >= until:
                raise RepositoryBusy(
                    f"Another git command is at work here: {str(self._lock)!r} is there.",
                    remedy="Wait until it is done; if no git runs, remove that file.",
                )
            time.sleep(_STEP)
        self._locked = True

    def prepare(self, changes: Sequence[Change]) -> None:
        """Make the index with the changes, and let it stand as the lock."""
        new = self._copy()
        lines = (
            b"%s %s 0\t%s\0" % (one.after.mode, one.after.name.hex().encode(), one.path)
            for one in changes
        )
        self._git(new).run(
            "update-index", "-z", "--add", "--replace", "--index-info", stdin=b"".join(lines)
        )
        self._stand_in(new)

    def refresh(self) -> None:
        """Under a lock, let the index know the files as they are now."""
        new = self._copy()
        # It ends with 1 if some file differs from its entry, as those may that the user works on.
        self._git(new).ask("update-index", "-q", "--refresh", "--unmerged", safe=NO_ANNEX_FILTERS)
        self._stand_in(new)

    def commit(self) -> None:
        """Let the prepared index be the index; this gives up the lock."""
        os.replace(self._lock, self._path)
        self._locked = False

    def unlock(self) -> None:
        """Give up the lock, if we have it."""
        if self._locked:
            self._lock.unlink(missing_ok=True)
            self._locked = False

    def break_own_lock(self) -> None:
        """Remove the lock that a recorder left who was killed, never another's."""
        try:
            content = self._lock.read_bytes()
        except FileNotFoundError:
            return
        if content == self._marker or self._is_prepared(content):
            self._lock.unlink(missing_ok=True)

    def _try(self, marker: Path) -> bool:
        try:
            os.link(marker, self._lock)
        except FileExistsError:
            return False
        except OSError as error:
            if isinstance(error, PermissionError) and not os.access(self._lock.parent, os.W_OK):
                raise
            return self._create()
        return True

    def _create(self) -> bool:
        # Where there are no hard links.
        try:
            descriptor = os.open(self._lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._marker)
        return True

    def _copy(self) -> Path:
        new = self._notes.folder / "index"
        for old in (new, new.with_suffix(".lock")):
            old.unlink(missing_ok=True)
        if self._path.exists():
            shutil.copyfile(self._path, new)
            shutil.copymode(self._path, new)
        return new

    def _git(self, index: Path) -> Git:
        return Git(self._repository.root, GIT_INDEX_FILE=str(index))

    def _stand_in(self, new: Path) -> None:
        content = new.read_bytes()
        self._notes.put(_OURS, hashlib.sha256(content).digest())
        with open(new, "rb") as file:
            os.fsync(file.fileno())
        os.replace(new, self._lock)

    def _is_prepared(self, content: bytes) -> bool:
        try:
            known = (self._notes.folder / _OURS).read_bytes()
        except FileNotFoundError:
            return False
        return known == hashlib.sha256(content).digest()


def changes_of(
    staged: Mapping[bytes, Staged], before: Mapping[bytes, Staged], after: Mapping[bytes, Staged]
) -> tuple[Change, ...]:
    """What the index has to take over: the paths of ``after``, which were ``before`` in the head.

    Raises :class:`RecordError` naming the paths where the user staged something else.
    """
    in_the_way = [
        path
        for path, entry in after.items()
        if staged.get(path, NOTHING) not in (before.get(path, NOTHING), entry)
        and not _means_nothing(staged.get(path, NOTHING), before.get(path, NOTHING))
    ]
    if in_the_way:
        raise RecordError(
            f"Something else than what was recorded is staged for {name_paths(in_the_way)}.",
            remedy="Commit it, or unstage it by `git restore --staged FILE`.",
        )
    return tuple(
        Change(path, staged.get(path, NOTHING), entry)
        for path, entry in after.items()
        if staged.get(path, NOTHING) != entry
    )


_EMPTY = {
    bytes.fromhex("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
    bytes.fromhex("473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"),
}


def _means_nothing(staged: Staged, before: Staged) -> bool:
    # `git add --intent-to-add` leaves an entry without content.
    return before == NOTHING and staged.name in _EMPTY
