"""The commit that a workflow's sources belong to, asked of the ``git`` command.

The questions run nothing that a repository brings along as a hook or a file-system monitor, take no
locks, fetch nothing, and do not descend into submodules.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess

from snakemake_renku.model import GitState

_logger = logging.getLogger(__name__)

_TIMEOUT = 10.0
"""Seconds for one question; a status of a large tree on a slow disk takes seconds."""

_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")

# `git rev-parse --local-env-vars`: set inside hooks, where they would lead to another repository.
# GIT_CONFIG_COUNT stays, as containers declare their safe.directory by it.
_MISLEADING = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)

_USER_INFO = re.compile(r"([A-Za-z0-9+.-]+)://([^/?#\s]*)@")
_SSH_SCHEMES = ("ssh", "git+ssh", "ssh+git", "ria+ssh", "sftp")


def git_state(path: str | os.PathLike[str]) -> GitState | None:
    """Return the state of the repository that holds the folder (or file) ``path``.

    ``dirty`` means that tracked files differ from the commit; a submodule counts when another
    commit of it is checked out. Where the status cannot be had in time, ``dirty`` is True.
    None where there is no git, no repository, no commit yet, or a repository of another user.
    """
    where = os.fspath(path)
    head = _head(os.path.dirname(where) or os.curdir if os.path.isfile(where) else where)
    if head is None:
        return None
    root, commit, branch = head
    return GitState(
        commit=commit,
        dirty=_is_dirty(root),
        branch=branch,
        remote=_remote(root),
        root=root,
    )


def without_credentials(url: str) -> str:
    """Return a remote's URL without passwords and tokens; the user of an SSH URL stays."""
    return _USER_INFO.sub(_public_part, url)


def _public_part(match: re.Match[str]) -> str:
    scheme, user_info = match.groups()
    user = user_info.partition(":")[0]
    keep = scheme.lower() in _SSH_SCHEMES and user
    return f"{scheme}://{user}@" if keep else f"{scheme}://"


def _head(folder: str) -> tuple[str, str, str | None] | None:
    """Return root, commit and branch by one process."""
    answer = _git(folder, "rev-parse", "--show-toplevel", "HEAD", "--symbolic-full-name", "HEAD")
    if answer is None:
        return None
    parts = answer.rstrip("\n").rsplit("\n", 2)
    if len(parts) != 3:
        return None
    root, commit, ref = parts
    return root, commit, ref.removeprefix("refs/heads/") if ref != "HEAD" else None


def _is_dirty(root: str) -> bool:
    status = _git(
        root,
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--ignore-submodules=dirty",
        "--no-renames",
    )
    if status is None:
        _logger.warning("The state of %s is unknown and recorded as changed.", root)
    return status != ""


def _remote(root: str) -> str | None:
    url = _git(root, "remote", "get-url", "origin")
    return without_credentials(url.strip()) or None if url else None


def _git(folder: str, *arguments: str) -> str | None:
    """Return what git prints, or None if it fails."""
    command = ["git", "-C", folder, *_SAFE, *arguments]
    try:
        done = subprocess.run(
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        _logger.debug("git failed: %s", error)
        return None
    if done.returncode != 0:
        _explain(done.stderr.decode(errors="replace"))
        return None
    return done.stdout.decode(errors="replace")


def _explain(stderr: str) -> None:
    first = stderr.partition("\n")[0]
    if "dubious ownership" in first:
        _logger.warning(
            "The commit is not recorded: %s. If you trust that repository, run "
            "`git config --global --add safe.directory FOLDER`.",
            first.removeprefix("fatal: "),
        )
    else:
        _logger.debug("git: %s", first)


def _environment() -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if k not in _MISLEADING}
    return environment | {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
