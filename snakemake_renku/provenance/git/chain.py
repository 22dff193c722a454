"""A linear chain of commits, made on top of a commit; and whether it is there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git.folder import Entry
from snakemake_renku.provenance.git.pack import COMMIT, PackWriter
from snakemake_renku.provenance.git.plumbing import Git
from snakemake_renku.provenance.git.repository import Repository
from snakemake_renku.provenance.git.tree import Tree

# Commits are dated by their jobs, so those on top of them are no older; clocks differ a little.
_SLOP = 86_400


class Link(NamedTuple):
    """A commit of the chain: what it says, when it is dated, and what it changes."""

    message: bytes
    time: int
    entries: Mapping[bytes, Entry]


class Identity(NamedTuple):
    """Who makes the commits: ``Name <mail>``, as git writes it."""

    author: bytes
    committer: bytes


def identity(git: Git) -> Identity:
    """The user, as git knows them; raises :class:`RecordError` if it does not."""
    return Identity(*(_ident(git, name) for name in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT")))


def _ident(git: Git, name: str) -> bytes:
    answer = git.ask("var", name)
    if answer is None:
        raise RecordError(
            "git does not know who you are, and a commit needs an author.",
            remedy='Run `git config --global user.name "YOUR NAME"` and '
            "`git config --global user.email YOU@EXAMPLE.ORG`.",
        )
    return answer.rstrip(b"\n").rsplit(b" ", 2)[0]


def encode_message(message: str) -> bytes:
    """The bytes of a commit's message, which ends with a newline and has no zero byte."""
    raw = message.encode("utf-8", "surrogateescape")
    if b"\0" in raw:
        raise RecordError("A commit's message cannot hold a zero byte.")
    return raw.rstrip(b"\n") + b"\n"


def build(
    pack: PackWriter, tree: Tree, links: Iterable[Link], parent: bytes, who: Identity
) -> list[bytes]:
    """Add the chain to the pack, and return the names of its commits."""
    made = []
    for link in links:
        for path, entry in link.entries.items():
            tree.put(path, entry)
        parent = add_commit(pack, tree.write(pack), (parent,), link, who)
        made.append(parent)
    return made


def add_commit(
    pack: PackWriter, tree: bytes, parents: Sequence[bytes], link: Link, who: Identity
) -> bytes:
    """Add one commit, dated in UTC."""
    lines = [
        b"tree %s" % tree.hex().encode(),
        *(b"parent %s" % parent.hex().encode() for parent in parents),
        b"author %s %d +0000" % (who.author, link.time),
        b"committer %s %d +0000" % (who.committer, link.time),
        b"",
        link.message,
    ]
    return pack.add(COMMIT, b"\n".join(lines))


class Found(NamedTuple):
    """A chain in the history: its commits, and the one that it was made on."""

    commits: list[str]
    base: str


def find(repository: Repository, links: Sequence[Link]) -> Found | None:
    """The chain in the branch's history: commits that say the same and have the same dates."""
    if not links:
        return None
    since = min(link.time for link in links) - _SLOP
    known = _history(repository, since)
    wanted = [(link.time, link.message.rstrip(b"\n")) for link in links]
    says = [(time, message) for _, _, time, message in known]
    for start in range(len(known) - len(wanted), -1, -1):
        if says[start] == wanted[0] and says[start : start + len(wanted)] == wanted:
            commits = [name for name, _, _, _ in known[start : start + len(wanted)]]
            return Found(commits, known[start][1])
    return None


def _history(repository: Repository, since: int) -> list[tuple[str, str, int, bytes]]:
    """Name, first parent, time and message of the commits since a time, the oldest first."""
    answer = repository.git.run(
        "-c",
        "i18n.logOutputEncoding=UTF-8",
        "log",
        "-z",
        "--first-parent",
        f"--since=@{since}",
        "--format=%H %P%n%at%n%B",
        repository.head,
        "--",
    )
    commits = []
    for item in answer.split(b"\0"):
        if item:
            names, time, message = item.split(b"\n", 2)
            name, *parents = names.decode().split(" ")
            commits.append((name, parents[0] if parents else "", int(time), message.rstrip(b"\n")))
    commits.reverse()
    return commits
