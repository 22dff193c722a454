"""The branch git-annex: that a content is here, written as git-annex writes it.

Its location logs have a line for each repository, ``<time>s <1 or 0> <uuid>``, the newest counting
(git-annex's page ``internals``). git-annex keeps changes for a while in a journal of its own, which
it must have committed before, and it is kept from writing by its own lock while the branch moves.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable

from snakemake_renku.errors import RecordError, RepositoryBusy
from snakemake_renku.provenance.git.folder import FILE, Entry
from snakemake_renku.provenance.git.keys import log_file
from snakemake_renku.provenance.git.objects import Objects
from snakemake_renku.provenance.git.pack import BLOB, PackWriter
from snakemake_renku.provenance.git.refs import ANNEX, Moved, current
from snakemake_renku.provenance.git.repository import Repository
from snakemake_renku.provenance.git.rules import run_annex, shared_config
from snakemake_renku.provenance.git.tree import Tree

_STEP = 0.05


def require_usual(repository: Repository) -> None:
    """Raise :class:`RecordError` for the rare set-ups whose layout we do not write."""
    odd = [name for name in repository.config if name.startswith("annex.tune.")]
    if repository.config.get("annex.private", "false") not in ("false", "no", "0", "off"):
        odd.append("annex.private")
    if odd:
        raise RecordError(
            f"This annex has the setting {odd[0]}, with which records cannot be written.",
            remedy="Record in a clone without it.",
        )


def require_set_up(repository: Repository) -> None:
    """Raise :class:`RecordError` in a clone of an annex whose own annex is not set up yet."""
    if repository.annex:
        return
    refs = ("refs/remotes/*/git-annex", "refs/heads/git-annex")
    if repository.uuid is not None or repository.git.line("for-each-ref", "--count=1", *refs):
        raise RecordError(
            "This is a clone of a repository with an annex, but git-annex is not set up here.",
            remedy="Run `git annex init`.",
        )


def flush_journal(repository: Repository) -> str:
    """Have git-annex commit what it has in its journal, and return its branch's head."""
    if _journal(repository):
        done = run_annex(repository, ["registerurl", "--batch"])
        if _journal(repository):
            said = done.stderr.decode(errors="replace").strip()
            raise RecordError(
                f"git-annex does not complete its journal: {said}",
                remedy="Run `git annex restage`, and see what it says.",
            )
    head = current(repository, ANNEX)
    if head is None:
        raise RecordError("There is no branch git-annex.", remedy="Run `git annex init`.")
    return head


def read_shared_config(objects: Objects, tree: Tree) -> dict[str, str]:
    """What ``git annex config`` keeps for all clones."""
    entry = tree.get(b"config.log")
    return shared_config(objects.read(entry.name, "blob")) if entry else {}


def note_present(
    pack: PackWriter,
    objects: Objects,
    tree: Tree,
    uuid: str,
    keys: Iterable[str],
    when: int,
) -> bool:
    """Note in the tree that the contents of the keys are here; False if that is known."""
    changed = False
    for key in keys:
        path = os.fsencode(log_file(key))
        entry = tree.get(path)
        before = objects.read(entry.name, "blob") if entry else b""
        after = with_presence(before, uuid.encode(), when)
        if after != before:
            tree.put(path, Entry(FILE, pack.add(BLOB, after)))
            changed = True
    return changed


def with_presence(log: bytes, uuid: bytes, when: int) -> bytes:
    """A location log in which a repository has the content."""
    others = []
    latest: tuple[float, bytes] | None = None
    for line in log.split(b"\n"):
        fields = line.split(b" ")
        if len(fields) != 3 or fields[2] != uuid:
            others.append(line)
            continue
        moment = _moment(fields[0])
        if latest is None or moment >= latest[0]:
            latest = moment, fields[1]
    if latest is not None and latest[1] == b"1":
        return log
    if latest is not None:
        when = max(when, int(latest[0]) + 1)
    kept = b"".join(line + b"\n" for line in others if line)
    return kept + b"%ds 1 %s\n" % (when, uuid)


def _moment(text: bytes) -> float:
    try:
        return float(text.removesuffix(b"s"))
    except ValueError:
        return 0.0


class JournalLock:
    """git-annex's own lock on its journal, without which it neither journals nor commits."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._descriptor = -1

    def acquire(self, wait: float) -> None:
        """Wait up to ``wait`` seconds for it.

        Raises :class:`RepositoryBusy`, and :class:`Moved` if git-annex has journalled something.
        """
        path = self._repository.common / "annex" / "journal.lck"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        until = time.monotonic() + wait
        while not self._try():
            if time.monotonic() >= until:
                self.release()
                raise RepositoryBusy(
                    "git-annex is at work in this repository.", remedy="Try again when it is done."
                )
            time.sleep(_STEP)
        if _journal(self._repository):
            self.release()
            raise Moved

    def release(self) -> None:
        """Let git-annex go on."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _try(self) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True


def _journal(repository: Repository) -> list[str]:
    try:
        return os.listdir(repository.common / "annex" / "journal")
    except FileNotFoundError:
        return []
