"""All commits of a batch, or none; with subdatasets, theirs before their parent's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from snakemake_renku.errors import RecordError, RepositoryBusy
from snakemake_renku.provenance.git.prepare import Options
from snakemake_renku.provenance.git.records import Commit, Written
from snakemake_renku.provenance.git.refs import Moved
from snakemake_renku.provenance.git.repository import Repository
from snakemake_renku.provenance.git.split import Node, empty_share
from snakemake_renku.runner.digest_cache import DigestCache

GIT_LIMIT = 10_000_000
"""Files above so many bytes are left out where there is no annex."""

WAIT = 10.0
"""Seconds to wait for another recorder, or another git."""

_ATTEMPTS = 5


def write_batch(
    repository: Repository,
    commits: Sequence[Commit],
    *,
    name: str,
    git_limit: int = GIT_LIMIT,
    wait: float = WAIT,
    cache: DigestCache | None = None,
) -> Written:
    """Make the commits on the branch that is checked out: all of them, or none.

    ``name`` says in the reflog, and to another recorder, what is recorded. ``cache`` knows digests
    of files that need not be read again, and learns those of what goes into the annex. A batch that
    is in the history already is not made again; what a killed recorder left is completed first.

    Raises :class:`RecordError` if a file is not what was recorded, or something stands in the way,
    and :class:`RepositoryBusy` if another process keeps at work here; then nothing was changed.
    """
    if not commits:
        return Written(repository.head, ())
    options = Options(name, wait, git_limit, cache)
    for _ in range(_ATTEMPTS):
        try:
            written = _attempt(repository, commits, options)
        except Moved:
            continue
        except OSError as error:
            raise RecordError(
                f"The repository cannot be written to: {error}.",
                remedy="Nothing was changed. Make room on the disk, or permit the user to write.",
            ) from error
        if cache is not None:
            cache.flush()
        return written
    raise RepositoryBusy(
        f"The branch {repository.branch!r} moved each time that the records were ready.",
        remedy="Try again when nothing else commits to it.",
    )


def _attempt(repository: Repository, commits: Sequence[Commit], options: Options) -> Written:
    with ExitStack() as stack:
        top = Node(repository, options, stack)
        if top.part.find([empty_share(commit) for commit in commits]):
            assert top.part.found is not None
            return Written(top.part.repository.head, tuple(top.part.found.commits))
        top.share_out(commits)
        names = top.prepare()
        top.commit()
        nodes = list(top.walk())
        taken = [node.part.prepared.taken for node in nodes if node.part.prepared is not None]
        return Written(
            head=names[-1],
            commits=tuple(names),
            annexed=sum(one.in_annex for one in taken),
            in_git=sum(one.in_git for one in taken),
            left_out=tuple(one for node in nodes for one in node.all_left_out()),
        )
