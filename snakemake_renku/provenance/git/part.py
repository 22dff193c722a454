"""What a batch means for one repository: prepare it, then make it so, or leave all as it was."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence

import msgspec

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git import chain
from snakemake_renku.provenance.git.chain import Link
from snakemake_renku.provenance.git.disk import sync
from snakemake_renku.provenance.git.index import Index
from snakemake_renku.provenance.git.intent import Annexed, Intent, Notes, Staged
from snakemake_renku.provenance.git.keys import object_file
from snakemake_renku.provenance.git.locations import JournalLock
from snakemake_renku.provenance.git.lock import RecorderLock
from snakemake_renku.provenance.git.names import name_paths
from snakemake_renku.provenance.git.pack import PackWriter
from snakemake_renku.provenance.git.prepare import Options, Prepared, Share, prepare
from snakemake_renku.provenance.git.recovery import open_store, recover, settle, take_back
from snakemake_renku.provenance.git.refs import ANNEX, Move, Moved, Transaction, current
from snakemake_renku.provenance.git.repository import (
    Repository,
    reopened,
)
from snakemake_renku.provenance.git.worktree import is_same


class Part:
    """One repository's part in a batch, from :meth:`open` to :meth:`close`."""

    def __init__(self, repository: Repository, options: Options) -> None:
        self._options = options
        self.repository = repository
        self._lock = RecorderLock(self.repository.common)
        self._marker = f"renku-record {secrets.token_hex(16)}\n"
        self._pack: PackWriter | None = None
        self._staged: dict[bytes, Staged] = {}
        self.found: chain.Found | None = None
        self.prepared: Prepared | None = None
        self._searched = False

    def open(self) -> None:
        """Keep other recorders out, and complete what one left who was killed."""
        self._lock.acquire(self._options.name, self._options.wait)
        recover(self.repository)
        self.repository = reopened(self.repository)

    def close(self) -> None:
        """Let other recorders in."""
        if self._pack is not None:
            self._pack.discard()
        self._lock.release()

    def find(self, shares: Sequence[Share]) -> bool:
        """Whether the commits are in the history already; asked once."""
        if self._searched:
            return self.found is not None
        self._searched = True
        links = [Link(share.message, share.time, {}) for share in shares]
        self.found = chain.find(self.repository, links)
        return self.found is not None

    def prepare(self, shares: Sequence[Share]) -> list[str]:
        """Make the objects, unless the commits are there already; return the commits' names."""
        if self.find(shares):
            assert self.found is not None
            return self.found.commits
        self._staged = self._index().entries()
        folder = self.repository.common / "objects" / "pack"
        self._pack = PackWriter(folder, self.repository.hash_name)
        self.prepared = prepare(self.repository, shares, self._options, self._pack, self._staged)
        return self.prepared.commits

    @property
    def base(self) -> str:
        """The commit that the batch's first is made on."""
        return self.found.base if self.found else self.repository.head

    def commit(self) -> None:
        """Make it so; raises :class:`Moved` if a branch is not where it was."""
        if self.prepared is not None:
            assert self._pack is not None
            _Application(
                self.repository, self.prepared, self._options, self._marker, self._lock.descriptor
            ).run(self._pack)

    def _index(self) -> Index:
        return Index(self.repository, Notes(self.repository.gitdir), self._marker)


class _Application:
    """The steps from which on others can see something."""

    def __init__(
        self,
        repository: Repository,
        prepared: Prepared,
        options: Options,
        marker: str,
        descriptor: int,
    ) -> None:
        self._repository = repository
        self._prepared = prepared
        self._options = options
        self._keep = (descriptor,)
        self._notes = Notes(repository.gitdir)
        self._index = Index(repository, self._notes, marker)
        self._journal = JournalLock(repository)
        self._store = open_store(repository)
        self._intent = self._make_intent(marker)

    def run(self, pack: PackWriter) -> None:
        try:
            self._notes.begin()
            self._notes.save(self._intent)
            pack.finish()
            self._put_contents()
            self._index.lock(self._options.wait)
            self._prepare_index()
            self._move()
        except BaseException:
            self._undo()
            raise
        finally:
            self._journal.release()
        self._settle()

    def _make_intent(self, marker: str) -> Intent:
        prepared = self._prepared
        return Intent(
            marker=marker,
            name=self._options.name,
            ref=self._repository.ref,
            old=prepared.old,
            new=prepared.new,
            old_annex=prepared.old_annex,
            new_annex=prepared.new_annex,
            changes=(),
            annexed=tuple(prepared.taken.annexed),
            texts=prepared.texts,
            placed=tuple(self._lacking()),
        )

    def _lacking(self) -> dict[str, Annexed]:
        lacking: dict[str, Annexed] = {}
        for one in self._prepared.taken.annexed:
            name = object_file(one.key)
            if name not in lacking and self._store.lacks(
                one, self._prepared.taken.digests[one.path]
            ):
                lacking[name] = one
        return lacking

    def _put_contents(self) -> None:
        root = os.fsencode(self._repository.root)
        placed = set(self._intent.placed)
        for one in self._prepared.taken.annexed:
            name = object_file(one.key)
            if name in placed:
                placed.remove(name)
                self._store.put(os.path.join(root, one.path), one)
        sync(self._repository.common)
        self._require_unchanged()

    def _require_unchanged(self) -> None:
        root = os.fsencode(self._repository.root)
        changed = [
            one.path
            for one in self._prepared.taken.annexed
            if not is_same(os.lstat(os.path.join(root, one.path)), one)
        ]
        if changed:
            raise RecordError(
                f"Files changed while they were recorded: {name_paths(changed)}.",
                remedy="Record again when nothing writes to them any more.",
            )

    def _prepare_index(self) -> None:
        if reopened(self._repository) != self._repository:
            raise Moved
        changes = self._prepared.changes(self._index.entries())
        self._intent = msgspec.structs.replace(self._intent, changes=changes)
        self._notes.save(self._intent)
        self._index.prepare(changes)

    def _move(self) -> None:
        moves = [Move(self._repository.ref, self._intent.old, self._intent.new)]
        if self._prepared.new_annex is not None:
            assert self._prepared.old_annex is not None
            self._journal.acquire(self._options.wait)
            # First, so that a content is never in a commit without being known to be here.
            moves.insert(0, Move(ANNEX, self._prepared.old_annex, self._prepared.new_annex))
        message = f"renku: {self._options.name}"
        transaction = Transaction(self._repository, moves, message, self._keep)
        try:
            transaction.prepare()
            transaction.commit()
        finally:
            transaction.abort()
        self._index.commit()

    def _undo(self) -> None:
        if current(self._repository, self._intent.ref) == self._intent.new:
            # It is done; the next recorder completes what is left.
            return
        self._index.unlock()
        take_back(self._repository, self._intent)
        self._notes.clear()

    def _settle(self) -> None:
        try:
            changed = settle(self._repository, self._notes, self._index, self._intent)
        except OSError as error:
            raise RecordError(
                f"The commits were made, but the files could not be put in order: {error}.",
                remedy="Mend that, and record again, which completes it.",
            ) from error
        self._notes.clear()
        self._remember()
        if changed:
            raise RecordError(
                f"The commits were made, but files changed at the very moment: "
                f"{name_paths(changed)}.",
                remedy="See `git status`.",
            )

    def _remember(self) -> None:
        """Keep the digests of what is in the annex now, whose status has changed thereby."""
        cache = self._options.cache
        if cache is None or not self._intent.annexed:
            return
        time.sleep(0.021)
        began = time.time_ns()
        root = os.fsencode(self._repository.root)
        for one in self._intent.annexed:
            path = os.path.join(root, one.path)
            digest = bytes.fromhex(self._prepared.taken.digests[one.path].removeprefix("sha256:"))
            cache.store(path, os.stat(path), began, digest)
