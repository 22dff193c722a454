"""Which files a repository's own rules put into its annex, and under what kind of key.

As ``git annex add`` does, and ``datalad save`` by means of it. The rules are, the first that is
there: ``annex.largefiles`` in git's configuration, the attribute of that name, the value that ``git
annex config`` keeps for all clones. Without any, all but files with a dot in front go to the annex.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from snakemake_renku.errors import RecordError
from snakemake_renku.provenance.git.expression import Matcher, Subject, parse
from snakemake_renku.provenance.git.keys import extension
from snakemake_renku.provenance.git.plumbing import Git
from snakemake_renku.provenance.git.repository import Repository

ATTRIBUTES = (
    "annex.largefiles",
    "annex.backend",
    "filter",
    "text",
    "eol",
    "ident",
    "working-tree-encoding",
)

_DEFAULT_BACKEND = "SHA256E"
_NO_VALUE = ("unspecified", "unset", "set", "")
_OFF = ("unspecified", "unset")

_matcher: Callable[[str], Matcher] = cache(parse)


class Subjected(NamedTuple):
    """A file about which the rules are asked."""

    path: bytes
    size: int
    binary: Callable[[], bool | None]


class Rules:
    """The rules of a repository; ``shared`` is what ``git annex config`` keeps."""

    def __init__(
        self, repository: Repository, paths: Sequence[bytes], shared: Mapping[str, str]
    ) -> None:
        self._repository = repository
        self._config = repository.config
        self._shared = shared
        self._attributes = attributes_of(repository.git, paths)
        self._dotfiles = self._has_dotfiles()

    def annexed(self, file: Subjected) -> bool | None:
        """Whether a file belongs into the annex; None if only git-annex knows."""
        if not self._dotfiles and _is_dotfile(file.path):
            return False
        expression = self._large_files(file.path)
        return True if expression is None else self._evaluate(expression, file)

    def ask_annexed(self, files: Sequence[bytes]) -> list[bool]:
        """As :meth:`annexed`, by asking git-annex."""
        dotfiles = "true" if self._dotfiles else "false"
        command = ["add", "-c", f"annex.dotfiles={dotfiles}", "--batch", "-z", "--dry-run"]
        command += ["--no-check-gitignore", "--json"]
        answers = ask_annex(self._repository, command, files)
        # Without an answer, git-annex does not see a file here.
        if any(not answer for answer in answers):
            raise RecordError("git-annex does not say which of the files are large.")
        return [b"adding content to git repository" not in answer for answer in answers]

    def unlocked(self, file: Subjected) -> bool:
        """Whether a file is to be added to the annex unlocked (``annex.addunlocked``)."""
        value = self._config.get("annex.addunlocked") or self._shared.get("annex.addunlocked", "")
        if value.lower() in ("", "false", "no", "off", "0"):
            return False
        if value.lower() in ("true", "yes", "on", "1"):
            return True
        verdict = self._evaluate(value, file)
        if verdict is None:
            raise RecordError(
                f"Whether {os.fsdecode(file.path)!r} is to be unlocked hangs on a setting that is "
                f"not understood: annex.addunlocked={value!r}.",
                remedy="Set annex.addunlocked to true or false.",
            )
        return verdict

    def backend(self, path: bytes) -> str:
        """The backend of the keys."""
        configured = self._config.get("annex.backend")
        attribute = self._attribute(path, "annex.backend")
        return attribute or configured or _DEFAULT_BACKEND

    def extension(self, path: bytes) -> str | None:
        """What a key keeps of the name; None if only git-annex knows."""
        return extension(
            os.fsdecode(path),
            self._number("annex.maxextensionlength"),
            self._number("annex.maxextensions"),
        )

    def ask_keys(self, backend: str, files: Sequence[bytes]) -> list[str]:
        """The keys of files, computed by git-annex."""
        command = ["calckey", f"--backend={backend}", "--batch", "-z"]
        answers = ask_annex(self._repository, command, files)
        if any(not answer for answer in answers):
            raise RecordError("git-annex does not say the keys of the files.")
        return [os.fsdecode(answer) for answer in answers]

    def converted(self, path: bytes) -> bool:
        """Whether git has another content than the file, by a filter or an encoding."""
        get = self._attributes[path].get
        if get("filter", "unspecified") not in (*_OFF, "annex"):
            return True
        return get("ident") == "set" or get("working-tree-encoding", "unset") not in _OFF

    def ends_of_lines(self, path: bytes) -> bool:
        """Whether git may convert the ends of the lines."""
        get = self._attributes[path].get
        if get("text", "unspecified") == "unset":
            return False
        if get("text", "unspecified") != "unspecified" or get("eol", "unspecified") not in _OFF:
            return True
        return self._config.get("core.autocrlf", "false").lower() in ("true", "input", "yes", "1")

    def _has_dotfiles(self) -> bool:
        # DataLad sets it for all that it adds.
        if self._repository.dsid is not None:
            return True
        value = self._config.get("annex.dotfiles") or self._shared.get("annex.dotfiles", "")
        return value.lower() in ("true", "yes", "on", "1")

    def _large_files(self, path: bytes) -> str | None:
        configured = self._config.get("annex.largefiles")
        if configured is not None:
            return configured
        attribute = self._attribute(path, "annex.largefiles")
        return attribute or self._shared.get("annex.largefiles")

    def _evaluate(self, expression: str, file: Subjected) -> bool | None:
        try:
            name = file.path.decode("utf-8")
        except UnicodeDecodeError:
            return None
        return _matcher(expression)(Subject(name, file.size, file.binary))

    def _attribute(self, path: bytes, name: str) -> str | None:
        value = self._attributes[path].get(name, "unspecified")
        return None if value in _NO_VALUE else value

    def _number(self, name: str) -> int | None:
        value = self._config.get(name)
        return int(value) if value is not None and value.isdigit() else None


def attributes_of(git: Git, paths: Sequence[bytes]) -> dict[bytes, dict[str, str]]:
    """The attributes of each path, as git has them now."""
    found: dict[bytes, dict[str, str]] = {path: {} for path in paths}
    if not found:
        return found
    stdin = b"".join(path + b"\0" for path in found)
    answer = git.run("check-attr", "-z", "--stdin", *ATTRIBUTES, stdin=stdin).split(b"\0")
    for place in range(0, len(answer) - 2, 3):
        path, name, value = answer[place : place + 3]
        found[path][name.decode()] = os.fsdecode(value)
    return found


def ignored(root: Path, paths: Sequence[bytes]) -> set[bytes]:
    """Those of the paths, none of them tracked, that git ignores."""
    if not paths:
        return set()
    # This command does not know literal path specifications; the dot keeps a colon from being one.
    git = Git(root, GIT_LITERAL_PATHSPECS="0")
    stdin = b"".join(b"./" + path + b"\0" for path in paths)
    # It ends with 1 if none is ignored.
    answer = git.run("check-ignore", "-z", "--stdin", stdin=stdin, fine=(0, 1))
    return {path[2:] for path in answer.split(b"\0") if path}


def shared_config(log: bytes) -> dict[str, str]:
    """The newest value of each name in ``config.log`` of the branch git-annex."""
    newest: dict[str, tuple[float, str]] = {}
    for when, name, value in _config_lines(os.fsdecode(log)):
        if name not in newest or newest[name][0] <= when:
            newest[name] = when, value
    return {name: value for name, (_, value) in newest.items() if value}


def _config_lines(text: str) -> Iterator[tuple[float, str, str]]:
    for line in text.split("\n"):
        time, _, rest = line.partition(" ")
        name, _, value = rest.partition(" ")
        try:
            yield float(time.removesuffix("s")), name, value
        except ValueError:
            continue


def ask_annex(
    repository: Repository, arguments: Sequence[str], files: Sequence[bytes]
) -> list[bytes]:
    """One line of answer for each file."""
    done = run_annex(repository, arguments, b"".join(file + b"\0" for file in files))
    lines = done.stdout.split(b"\n")
    if len(lines) != len(files) + 1:
        said = done.stderr.decode(errors="replace").strip()
        raise RecordError(f"`git annex {arguments[0]}` failed: {said or 'it said nothing'}")
    return lines[:-1]


def run_annex(
    repository: Repository, arguments: Sequence[str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run git-annex in a repository; raises :class:`RecordError` if it is not installed."""
    git = repository.git
    environment = {
        name: value for name, value in git.environment().items() if name != "GIT_LITERAL_PATHSPECS"
    }
    try:
        return subprocess.run(
            ["git-annex", *arguments],
            cwd=repository.root,
            input=stdin,
            capture_output=True,
            env=environment,
            check=False,
        )
    except OSError as error:
        raise RecordError(
            "This repository has an annex, but git-annex cannot be run.",
            remedy="Install it: pip install 'snakemake-renku[datalad]'.",
        ) from error


def _is_dotfile(path: bytes) -> bool:
    return any(part.startswith(b".") for part in path.split(b"/"))
