"""Complete what was decided: after the branch has moved, or when a recorder was killed."""

from __future__ import annotations

import msgspec

from snakemake_renku.errors import RecordError, RepositoryBusy
from snakemake_renku.provenance.git.index import NOTHING, Index
from snakemake_renku.provenance.git.intent import Intent, Notes
from snakemake_renku.provenance.git.objects import Objects
from snakemake_renku.provenance.git.refs import ANNEX, break_own_locks, contains
from snakemake_renku.provenance.git.repository import Repository
from snakemake_renku.provenance.git.store import Store
from snakemake_renku.provenance.git.worktree import WorkTree

_WAIT = 10.0
_REFRESH_WAIT = 1.0


def open_store(repository: Repository) -> Store:
    """The store of the repository's annex."""
    get = repository.config.get
    return Store(
        repository.common,
        shared=get("core.sharedrepository", ""),
        thin=get("annex.thin", "false").lower() in ("true", "yes", "on", "1"),
    )


def recover(repository: Repository) -> None:
    """Complete, or take back, what a recorder left who was killed.

    Only to be called under the recorders' lock. Its batch is complete if the branch has its last
    commit; otherwise nothing of it counts.
    """
    notes = Notes(repository.gitdir)
    try:
        intent = notes.load()
    except (msgspec.MsgspecError, OSError, ValueError) as error:
        raise RecordError(
            f"The notes of a recorder that was stopped cannot be read: {error}.",
            remedy=f"See whether its batch is in the history, then remove {str(notes.folder)!r}.",
        ) from error
    if intent is not None:
        break_own_locks(repository, intent)
        index = Index(repository, notes, intent.marker)
        index.break_own_lock()
        if contains(repository, intent.ref, intent.new):
            _complete(repository, notes, index, intent)
        else:
            take_back(repository, intent)
    notes.clear()


def _complete(repository: Repository, notes: Notes, index: Index, intent: Intent) -> None:
    if repository.ref != intent.ref:
        # The index and the files are another branch's now.
        return
    index.lock(_WAIT)
    try:
        entries = index.entries()
        behind = [one for one in intent.changes if entries.get(one.path, NOTHING) == one.before]
        index.prepare(behind)
        index.commit()
    finally:
        index.unlock()
    settle(repository, notes, index, intent)


def settle(repository: Repository, notes: Notes, index: Index, intent: Intent) -> list[bytes]:
    """Let files, contents and the index be as the commits have them.

    Returns the paths that were changed at the very moment, and are left as they are.
    """
    tree = WorkTree(repository.root, notes.folder)
    store = open_store(repository) if intent.annexed else None
    with Objects(repository.git) as objects:
        changed = tree.settle(
            intent.annexed, intent.texts, store, lambda name: objects.read(name, "blob")
        )
    _refresh(index)
    return changed


def take_back(repository: Repository, intent: Intent) -> None:
    """Remove what was put into the annex for commits that were not made."""
    if intent.new_annex is not None and contains(repository, ANNEX, intent.new_annex):
        # git-annex counts on these contents already; that they are here is true.
        return
    store = open_store(repository)
    for name in intent.placed:
        store.withdraw(name)


def _refresh(index: Index) -> None:
    # Without it, git would look at each file once more; nothing else depends on it.
    try:
        index.lock(_REFRESH_WAIT)
    except RepositoryBusy:
        return
    try:
        index.refresh()
        index.commit()
    finally:
        index.unlock()
