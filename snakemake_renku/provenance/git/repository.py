"""A repository that can take commits now, or the reason why it cannot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git.plumbing import Git

HEADS = "refs/heads/"

_IN_PROGRESS = {
    "MERGE_HEAD": ("a merge", "git merge --abort"),
    "rebase-merge": ("a rebase", "git rebase --abort"),
    "rebase-apply": ("a rebase or `git am`", "git rebase --abort"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "git cherry-pick --abort"),
    "REVERT_HEAD": ("a revert", "git revert --abort"),
    "sequencer": ("a series of cherry-picks or reverts", "git cherry-pick --abort"),
    "BISECT_LOG": ("a bisection", "git bisect reset"),
}


class Repository(msgspec.Struct, frozen=True):
    """A repository on a branch, with the state in which it was found.

    ``root`` is its working tree, ``gitdir`` what belongs to this working tree alone, ``common``
    what all working trees of the repository share. ``branch`` is the name without ``refs/heads/``,
    ``head`` the commit it was at. ``annex`` says whether git-annex is set up here, with the
    repository's ``uuid``; ``dsid`` is the DataLad dataset's id. ``config`` is git's configuration,
    the last value of each name, names in git's canonical form.
    """

    root: Path
    gitdir: Path
    common: Path
    branch: str
    head: str
    annex: bool
    uuid: str | None
    dsid: str | None
    config: Mapping[str, str]

    @property
    def ref(self) -> str:
        """The branch's full name."""
        return HEADS + self.branch

    @property
    def git(self) -> Git:
        """Git, in the working tree."""
        return Git(self.root)

    @property
    def hash_name(self) -> str:
        """The hash of the repository's objects, as :mod:`hashlib` names it."""
        return self.config.get("extensions.objectformat", "sha1")


def open_repository(path: str | os.PathLike[str]) -> Repository:
    """The repository whose working tree holds the folder (or file) ``path``.

    Raises :class:`RecordError` where no commit can be made: no repository, none with a working
    tree, no branch, no commit yet, or something in progress.
    """
    where = Path(path)
    folder = where if where.is_dir() else where.parent
    git = Git(folder)
    root, gitdir, common = _places(git, folder)
    require_nothing_in_progress(gitdir)
    branch, head = branch_and_head(git, root)
    config = read_config(git)
    uuid = config.get("annex.uuid")
    return Repository(
        root=root,
        gitdir=gitdir,
        common=common,
        branch=branch,
        head=head,
        annex=bool(uuid)
        and git.line("rev-parse", "-q", "--verify", "refs/heads/git-annex") is not None,
        uuid=uuid,
        dsid=_dataset_id(git, root),
        config=config,
    )


def reopened(repository: Repository) -> Repository:
    """The repository with the branch and commit that are checked out now; raises RecordError."""
    require_nothing_in_progress(repository.gitdir)
    branch, head = branch_and_head(repository.git, repository.root)
    return msgspec.structs.replace(repository, branch=branch, head=head)


def read_config(git: Git) -> dict[str, str]:
    """The last value of each name in git's configuration; a name without a value is ``true``."""
    config = {}
    for item in git.run("config", "--list", "-z", "--includes").split(b"\0"):
        name, has_value, value = os.fsdecode(item).partition("\n")
        config[name] = value if has_value else "true"
    return config


def _places(git: Git, folder: Path) -> tuple[Path, Path, Path]:
    """Root, git directory, and what all working trees share."""
    questions = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
    absolute = "--path-format=absolute"
    together = git.line("rev-parse", absolute, *questions)
    answers = together.split("\n") if together else []
    if len(answers) != len(questions):
        # A path with a newline, or no repository.
        first = _root(git, folder)
        rest = (git.line("rev-parse", absolute, one) for one in questions[1:])
        answers = [first, *map(_must, rest)]
    root, gitdir, common = map(Path, answers)
    return root, gitdir, common


def _root(git: Git, folder: Path) -> str:
    root = git.line("rev-parse", "--show-toplevel")
    if root:
        return root
    if git.line("rev-parse", "--is-bare-repository") == "true":
        raise RecordError(
            f"The repository at {str(folder)!r} is bare: it has no files to record.",
            remedy="Clone it, and record in the clone.",
        )
    if git.line("rev-parse", "--is-inside-git-dir") == "true":
        raise RecordError(f"{str(folder)!r} is inside of a repository's .git folder.")
    raise _no_repository(git, folder)


def _no_repository(git: Git, folder: Path) -> RecordError:
    try:
        git.run("rev-parse", "--show-toplevel")
    except RecordError as error:
        if "dubious ownership" in str(error):
            return RecordError(
                f"The repository at {str(folder)!r} belongs to another user.",
                remedy="If you trust it, run `git config --global --add safe.directory FOLDER`.",
            )
        if "not a git repository" not in str(error):
            return error
    return RecordError(
        f"{str(folder)!r} is in no git repository.",
        remedy="Make one: `datalad create --force .`, or `git init` with a first commit.",
    )


def branch_and_head(git: Git, root: Path) -> tuple[str, str]:
    """The branch that is checked out, and its commit; raises :class:`RecordError` without one."""
    ref = git.line("symbolic-ref", "-q", "HEAD")
    if ref is None or not ref.startswith(HEADS):
        raise RecordError(
            f"No branch is checked out in {str(root)!r} (HEAD is detached).",
            remedy="Check out a branch, for instance by `git switch -c NAME`.",
        )
    branch = ref.removeprefix(HEADS)
    head = git.line("rev-parse", "-q", "--verify", f"{ref}^{{commit}}")
    if head is None:
        raise RecordError(
            f"The branch {branch!r} has no commit yet.",
            remedy="Commit the workflow first: `git add` and `git commit`, or `datalad save`.",
        )
    if branch.startswith("adjusted/"):
        raise RecordError(
            f"The branch {branch!r} is one that git-annex adjusts, and it makes its commits anew.",
            remedy="Check out the branch that it was made from.",
        )
    if branch == "git-annex":
        raise RecordError(
            "The branch git-annex is git-annex's own.", remedy="Check out another branch."
        )
    return branch, head


def require_nothing_in_progress(gitdir: Path) -> None:
    """Raise :class:`RecordError` if a merge or the like waits to be completed."""
    for name, (what, abort) in _IN_PROGRESS.items():
        if os.path.lexists(gitdir / name):
            raise RecordError(
                f"In this repository {what} is in progress.",
                remedy=f"Complete it, or give it up by `{abort}`.",
            )


def _dataset_id(git: Git, root: Path) -> str | None:
    file = root / ".datalad" / "config"
    if not file.is_file():
        return None
    return git.line("config", "--file", str(file), "--get", "datalad.dataset.id")


def _must(answer: str | None) -> str:
    if answer is None:
        raise RecordError("git does not say where the repository is.")
    return answer
