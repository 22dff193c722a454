"""Which repository each recorded file belongs to: the one at the top, or a submodule of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git.chain import encode_message
from snakemake_renku.provenance.git.objects import Objects
from snakemake_renku.provenance.git.part import Part
from snakemake_renku.provenance.git.paths import Paths
from snakemake_renku.provenance.git.prepare import Options, Share
from snakemake_renku.provenance.git.records import Commit, LeftOut
from snakemake_renku.provenance.git.repository import Repository, open_repository
from snakemake_renku.provenance.git.tree import tree_of


class Node:
    """A repository with its part in a batch, and the submodules that have parts of their own.

    ``shares`` are by the number of the commit in the batch; a submodule has only those that bring
    it something. ``stack`` closes what is opened.
    """

    def __init__(
        self, repository: Repository, options: Options, stack: ExitStack, prefix: str = ""
    ) -> None:
        self.part = Part(repository, options)
        stack.callback(self.part.close)
        self.part.open()
        self.shares: dict[int, Share] = {}
        self.submodules: dict[bytes, Node] = {}
        self.left_out: list[LeftOut] = []
        self._options = options
        self._stack = stack
        self._prefix = prefix
        self._paths = Paths(repository.root)
        self._root = os.fsencode(repository.root)
        objects = stack.enter_context(Objects(self.part.repository.git))
        self._tree = tree_of(objects, self.part.repository.head)
        self._repositories: dict[bytes, bytes | None] = {b"": None}
        self._last: dict[bytes, int] = {}

    def share_out(self, commits: Sequence[Commit]) -> None:
        """Give each file to the repository that it belongs to."""
        for number, commit in enumerate(commits):
            share = self.share(number, commit)
            for file in commit.files:
                self.add(number, commit, file.path, file.digest)
            for path, content in commit.texts.items():
                place = self._paths.locate(path)
                if isinstance(place, str) or self._repository_of(place) is not None:
                    why = place if isinstance(place, str) else "it lies in another repository"
                    raise RecordError(f"The text {path!r} cannot be written: {why}.")
                share.texts[place] = content

    def share(self, number: int, commit: Commit) -> Share:
        """The share of a commit, empty at first."""
        if number not in self.shares:
            self.shares[number] = empty_share(commit)
        return self.shares[number]

    def add(self, number: int, commit: Commit, path: str, digest: str | None) -> None:
        """Give a file to this repository, or to the submodule that it is in."""
        place = self._paths.locate(path)
        if isinstance(place, str):
            self._leave_out(path, place)
            return
        inner = self._repository_of(place)
        if inner is None:
            self._add_here(self.share(number, commit), number, place, digest)
        elif self._tree.submodule(inner + b"/x") == inner:
            rest = os.fsdecode(place[len(inner) + 1 :])
            # This repository has a commit for it too, to follow the submodule.
            self.share(number, commit)
            self._submodule(inner).add(number, commit, rest, digest)
        else:
            name = os.fsdecode(inner)
            self._leave_out(path, f"it lies in the repository {name!r}, which is no submodule here")

    def prepare(self) -> list[str]:
        """Prepare the submodules, then this repository; return the commits' names."""
        for path, node in self.submodules.items():
            names = node.prepare()
            self._require_recorded(path, node)
            for number, name in zip(node.shares, names, strict=True):
                self.shares[number].submodules[path] = name
        return self.part.prepare(list(self.shares.values()))

    def commit(self) -> None:
        """Commit in the submodules, then here."""
        for node in self.submodules.values():
            node.commit()
        self.part.commit()

    def walk(self) -> Iterator[Node]:
        """This and all below it."""
        yield self
        for node in self.submodules.values():
            yield from node.walk()

    def all_left_out(self) -> Iterator[LeftOut]:
        """What this repository's commits do not hold, by paths from the top."""
        yield from self.left_out
        if self.part.prepared is not None:
            for one in self.part.prepared.taken.left_out:
                yield LeftOut(self._prefix + one.path, one.reason)

    def _add_here(self, share: Share, number: int, path: bytes, digest: str | None) -> None:
        share.files[path] = digest
        last = self._last.get(path, number)
        if last != number and self.shares[last].files[path] != digest:
            del self.shares[last].files[path]
            self._leave_out(os.fsdecode(path), "a later job wrote it anew")
        self._last[path] = number

    def _leave_out(self, path: str, reason: str) -> None:
        self.left_out.append(LeftOut(self._prefix + path, reason))

    # Repositories below

    def _repository_of(self, path: bytes) -> bytes | None:
        """The outermost folder around ``path`` that is a repository of its own, or is to be."""
        folder = path.rpartition(b"/")[0]
        if folder not in self._repositories:
            outer = self._repository_of(folder)
            self._repositories[folder] = outer or (folder if self._is_one(folder) else None)
        return self._repositories[folder]

    def _is_one(self, folder: bytes) -> bool:
        if os.path.lexists(os.path.join(self._root, folder, b".git")):
            return True
        return self._tree.submodule(folder + b"/x") == folder

    def _submodule(self, path: bytes) -> Node:
        if path not in self.submodules:
            name = os.fsdecode(path)
            root = self.part.repository.root / name
            if not os.path.lexists(root / ".git"):
                raise RecordError(
                    f"The subdataset {name!r} is not installed, so nothing can be recorded in it.",
                    remedy=f"Run `datalad get --no-data {name}`.",
                )
            prefix = f"{self._prefix}{name}/"
            self.submodules[path] = Node(open_repository(root), self._options, self._stack, prefix)
        return self.submodules[path]

    def _require_recorded(self, path: bytes, node: Node) -> None:
        """The commits take nothing along that the user committed in the submodule alone."""
        entry = self._tree.get(path)
        if self.part.found is None and (entry is None or entry.name.hex() != node.part.base):
            name = os.fsdecode(path)
            raise RecordError(
                f"The subdataset {name!r} has other commits than its parent says.",
                remedy=f"Run `datalad save --dataset . {name}`, and record again.",
            )


def empty_share(commit: Commit) -> Share:
    """A commit's message and date, without any file."""
    return Share(encode_message(commit.message), int(commit.time), {}, {}, {})
