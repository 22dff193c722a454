"""Make all objects of a repository's part in a batch; nothing of it is visible yet."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git import chain, locations
from snakemake_renku.provenance.git.chain import Link
from snakemake_renku.provenance.git.files import Taker
from snakemake_renku.provenance.git.folder import FILE, SUBMODULE, Entry
from snakemake_renku.provenance.git.index import changes_of
from snakemake_renku.provenance.git.intent import Change, Staged, Text
from snakemake_renku.provenance.git.names import name_paths
from snakemake_renku.provenance.git.objects import Objects
from snakemake_renku.provenance.git.pack import BLOB, PackWriter
from snakemake_renku.provenance.git.records import LeftOut
from snakemake_renku.provenance.git.repository import Repository
from snakemake_renku.provenance.git.rules import Rules, ignored
from snakemake_renku.provenance.git.taken import Findings, Taken
from snakemake_renku.provenance.git.tree import Tree, tree_of
from snakemake_renku.provenance.git.worktree import content_of
from snakemake_renku.runner.digest_cache import DigestCache

_ANNEX_MESSAGE = b"update\n"


class Share(NamedTuple):
    """What a commit of the batch means for one repository.

    ``files`` are digests (or None) by path in git, ``texts`` contents by path, ``submodules`` the
    commits (hexadecimal) that submodules are to be at.
    """

    message: bytes
    time: int
    files: dict[bytes, str | None]
    texts: dict[bytes, bytes]
    submodules: dict[bytes, str]


class Options(NamedTuple):
    """How a batch is to be written."""

    name: str
    wait: float
    git_limit: int
    cache: DigestCache | None


class Prepared(NamedTuple):
    """What is to become visible: the branches' new heads, and what follows from them."""

    commits: list[str]
    old: str
    new: str
    old_annex: str | None
    new_annex: str | None
    before: Mapping[bytes, Staged]
    after: Mapping[bytes, Staged]
    taken: Taken
    texts: tuple[Text, ...]

    def changes(self, staged: Mapping[bytes, Staged]) -> tuple[Change, ...]:
        """What the index has to take over; raises :class:`RecordError` if something is staged."""
        return changes_of(staged, self.before, self.after)


def prepare(
    repository: Repository,
    shares: Sequence[Share],
    options: Options,
    pack: PackWriter,
    staged: Mapping[bytes, Staged],
) -> Prepared:
    """Put what the shares need into the pack; raises :class:`RecordError` if something is wrong."""
    with Objects(repository.git) as objects:
        return _Preparation(repository, options, pack, objects, staged).run(shares)


class _Preparation:
    def __init__(
        self,
        repository: Repository,
        options: Options,
        pack: PackWriter,
        objects: Objects,
        staged: Mapping[bytes, Staged],
    ) -> None:
        self._repository = repository
        self._options = options
        self._pack = pack
        self._objects = objects
        self._staged = staged
        self._who = chain.identity(repository.git)
        self._tree = tree_of(objects, repository.head)

    def run(self, shares: Sequence[Share]) -> Prepared:
        wanted = {path: digest for share in shares for path, digest in share.files.items()}
        self._require_free([*wanted, *(path for share in shares for path in share.texts)])
        if wanted:
            locations.require_set_up(self._repository)
        annex = self._open_annex() if self._repository.annex and wanted else None
        taken = self._take(wanted, annex[1] if annex else None)
        links = [self._link(share, taken) for share in shares]
        after = {path: Staged(*entry) for link in links for path, entry in link.entries.items()}
        before = {path: self._before(path) for path in after}
        texts = self._texts(shares, before)
        # The index must be found wanting before the tree forgets what it was.
        changes_of(self._staged, before, after)
        parent = bytes.fromhex(self._repository.head)
        commits = chain.build(self._pack, self._tree, links, parent, self._who)
        new_annex = self._note_locations(annex, taken, links) if annex else None
        return Prepared(
            commits=[name.hex() for name in commits],
            old=self._repository.head,
            new=commits[-1].hex(),
            old_annex=annex[0] if annex else None,
            new_annex=new_annex,
            before=before,
            after=after,
            taken=taken,
            texts=texts,
        )

    def _require_free(self, paths: Iterable[bytes]) -> None:
        taken = [path for path in paths if self._tree.in_the_way(path) is not None]
        if taken:
            raise RecordError(
                f"In the last commit there is a file in the place of a folder, or a folder in the "
                f"place of a file: {name_paths(taken)}.",
                remedy="Commit that it is gone: `git rm -r --cached PATH` and `git commit`.",
            )

    # Files

    def _open_annex(self) -> tuple[str, Tree]:
        locations.require_usual(self._repository)
        head = locations.flush_journal(self._repository)
        return head, tree_of(self._objects, head)

    def _take(self, wanted: Mapping[bytes, str | None], annex: Tree | None) -> Taken:
        out = ignored(self._repository.root, [path for path in wanted if path not in self._staged])
        paths = [path for path in wanted if path not in out]
        shared = locations.read_shared_config(self._objects, annex) if annex else {}
        taker = Taker(
            self._repository,
            Findings(self._pack),
            self._objects,
            Rules(self._repository, paths, shared),
            self._staged,
            git_limit=self._options.git_limit,
            cache=self._options.cache,
        )
        taken = taker.take({path: wanted[path] for path in paths})
        reason = "ignored by git (.gitignore)"
        taken.left_out += [LeftOut(os.fsdecode(path), reason) for path in wanted if path in out]
        return taken

    def _link(self, share: Share, taken: Taken) -> Link:
        entries = {path: taken.entries[path] for path in share.files if path in taken.entries}
        for path, content in share.texts.items():
            entries[path] = Entry(FILE, self._pack.add(BLOB, content))
        for path, commit in share.submodules.items():
            entries[path] = Entry(SUBMODULE, bytes.fromhex(commit))
        return Link(share.message, share.time, entries)

    def _before(self, path: bytes) -> Staged:
        entry = self._tree.get(path)
        return Staged(*entry) if entry else Staged()

    # Texts

    def _texts(self, shares: Sequence[Share], before: Mapping[bytes, Staged]) -> tuple[Text, ...]:
        final = {path: content for share in shares for path, content in share.texts.items()}
        texts, changed = [], []
        for path, content in final.items():
            present = content_of(os.path.join(os.fsencode(self._repository.root), path))
            if present in (None, content) or present == self._committed(before[path]):
                name = self._pack.name_of(BLOB, (content,), len(content))
                digest = None if present is None else hashlib.sha256(present).digest()
                texts.append(Text(path, name, digest))
            else:
                changed.append(path)
        if changed:
            raise RecordError(
                f"Files that are to be written have changes of yours: {name_paths(changed)}.",
                remedy="Commit them, or remove them.",
            )
        return tuple(texts)

    def _committed(self, entry: Staged) -> bytes | None:
        return self._objects.read(entry.name, "blob") if entry.mode in (FILE, b"100755") else None

    # The branch git-annex

    def _note_locations(
        self, annex: tuple[str, Tree], taken: Taken, links: Sequence[Link]
    ) -> str | None:
        head, tree = annex
        when = max(link.time for link in links)
        keys = dict.fromkeys(one.key for one in taken.annexed)
        assert self._repository.uuid is not None
        if not locations.note_present(
            self._pack, self._objects, tree, self._repository.uuid, keys, when
        ):
            return None
        link = Link(_ANNEX_MESSAGE, when, {})
        name = tree.write(self._pack)
        return chain.add_commit(self._pack, name, [bytes.fromhex(head)], link, self._who).hex()
