"""Asking git and git-annex, in the repository that is replayed and in its clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from snakemake_renku.errors import ReplayError

# What a hook or a shell may have set, and what would lead git to another repository than asked.
_KEPT = ("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_SSH", "GIT_ASKPASS")

_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")

_REMEDIES = {
    "dubious ownership": "It is another user's: if you trust it, run "
    "`git config --global --add safe.directory FOLDER`.",
    "not a git repository": "Replay needs the recorded run in git: go into its repository, or name "
    "a folder with --directory.",
    "No space left on device": "Make room, or set TMPDIR to a folder on a larger disk.",
    "Disk quota exceeded": "Make room, or set TMPDIR to a folder on a larger disk.",
    "Permission denied": "Everything in the repository must be readable for you.",
}


class GitFailed(ReplayError):
    """Git did not do what it was asked; the message holds what it said."""


def git(folder: Path, *arguments: str, input: bytes | None = None) -> bytes:
    """What ``git -C folder …`` prints.

    Raises:
        GitFailed: it ended with an error, or is not there.
    """
    done = _run(["git", "-C", str(folder), *_SAFE, *arguments], input)
    if done.returncode != 0:
        raise _failed(folder, done.stderr.decode(errors="replace"))
    return done.stdout


def git_or_none(folder: Path, *arguments: str) -> bytes | None:
    """What git prints, or None where its answer is no."""
    try:
        return git(folder, *arguments)
    except GitFailed:
        return None


def line(answer: bytes) -> str:
    """An answer of one line (a path, which may itself hold newlines) as text."""
    return os.fsdecode(answer.removesuffix(b"\n"))


def zero_separated(answer: bytes) -> list[str]:
    """The items of a ``-z`` format."""
    return [os.fsdecode(item) for item in answer.split(b"\0") if item]


def blobs(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The bytes of blobs, of those that are there (git-cat-file(1), ``--batch``)."""
    names = list(dict.fromkeys(names))
    asked = b"".join(name.encode() + b"\n" for name in names)
    answer, position, found = git(folder, "cat-file", "--batch", input=asked), 0, {}
    for name in names:
        end = answer.index(b"\n", position)
        head, position = answer[position:end].split(b" "), end + 1
        if head[-1] != b"missing":
            size = int(head[-1])
            found[name] = answer[position : position + size]
            position += size + 1
    return found


def annex(folder: Path, *arguments: str, input: bytes | None = None) -> bytes:
    """What ``git annex …`` prints in ``folder``.

    Raises:
        GitFailed: as :func:`git` does.
    """
    return git(folder, "annex", *arguments, input=input)


def annex_replies(
    folder: Path, *arguments: str, how: str, items: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    """What ``git annex COMMAND --json`` answers on each of ``items``.

    ``how`` they are given: by ``--batch``, or keys by ``--batch-keys``.

    An item of which there is nothing to be done has no answer; one that failed has an answer that
    says so, so the exit code tells nothing more.
    """
    # In a batch, git-annex does not find what has a newline in its name.
    odd = [item for item in items if "\n" in item]
    batch = b"".join(os.fsencode(item) + b"\0" for item in items if "\n" not in item)
    command = ["git", "-C", str(folder), *_SAFE, "annex", *arguments]
    json = ("--json", "--json-error-messages")
    answers = [_run([*command, how, "-z", *json], batch).stdout] if batch else []
    answers += [_run([*command, *json, "--", item], None).stdout for item in odd]
    for reply in b"".join(answers).split(b"\n"):
        if reply.strip():
            yield msgspec.json.decode(reply)


def has_annex() -> bool:
    """Whether git-annex can be called."""
    return shutil.which("git-annex", path=environment()["PATH"]) is not None


def environment() -> dict[str, str]:
    """The environment for git: without what misleads it, and never asking for a password.

    Programs that were installed beside this interpreter (git-annex, datalad) are found also where
    nobody put their folder on the PATH.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k.startswith(_KEPT)}
    beside = os.path.dirname(sys.executable)
    return kept | {
        "PATH": os.pathsep.join(filter(None, (kept.get("PATH", os.defpath), beside))),
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "LC_ALL": "C.UTF-8",
    }


def _run(command: list[str], input: bytes | None) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            env=environment(),
            input=input or b"",
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise GitFailed("There is no git here.", remedy="Install git.") from error


def _failed(folder: Path, said: str) -> GitFailed:
    lines = [text for text in said.splitlines() if text.strip()]
    first = next((text for text in lines if text.startswith(("fatal:", "error:"))), None)
    told = (first or (lines[-1] if lines else "it said nothing")).removeprefix("fatal: ")
    remedy = next((remedy for sign, remedy in _REMEDIES.items() if sign in said), None)
    if remedy is not None:
        remedy = remedy.replace("FOLDER", str(folder))
    return GitFailed(f"Git failed in {folder}: {told}.".replace("..", "."), remedy=remedy)
