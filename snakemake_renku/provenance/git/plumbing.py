"""The one way in which ``git`` and ``git annex`` are run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from snakemake_renku.errors import RecordError

# `git rev-parse --local-env-vars` without what carries configuration of the user: set inside hooks,
# where they would lead to another repository. The dates of commits come from us.
_MISLEADING = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_DATE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INDEX_VERSION",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)

NO_ANNEX_FILTERS = ("-c", "filter.annex.process=", "-c", "filter.annex.clean=")
"""With these, git looks at files itself, instead of asking a git-annex process for each."""

_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false")


class GitFailed(RecordError):
    """A git command ended with an error; ``stderr`` is what it said."""

    def __init__(self, command: Sequence[str], stderr: str) -> None:
        what = " ".join(["git", *command[:2]])
        super().__init__(f"`{what}` failed: {stderr.strip() or 'it said nothing'}")
        self.stderr = stderr


class Git:
    """Runs git in a working tree, or wherever ``folder`` is."""

    def __init__(self, folder: str | os.PathLike[str], **extra: str) -> None:
        self._folder = os.fspath(folder)
        self._extra = extra

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        safe: Sequence[str] = (),
        fine: Sequence[int] = (0,),
    ) -> bytes:
        """What git prints; raises :class:`GitFailed` unless it ends with a code that is fine."""
        done = self._run(arguments, stdin, safe)
        if done.returncode not in fine:
            raise GitFailed(arguments, done.stderr.decode(errors="replace"))
        return done.stdout

    def ask(self, *arguments: str, stdin: bytes = b"", safe: Sequence[str] = ()) -> bytes | None:
        """What git prints, or None if it ends with an error."""
        done = self._run(arguments, stdin, safe)
        return done.stdout if done.returncode == 0 else None

    def line(self, *arguments: str) -> str | None:
        """What git prints, without the last newline, or None if it ends with an error."""
        answer = self.ask(*arguments)
        return None if answer is None else os.fsdecode(answer.removesuffix(b"\n"))

    def start(self, *arguments: str, keep: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        """A git that is talked with.

        It is out of reach of what ends our process group, and holds the descriptors ``keep``.
        """
        return subprocess.Popen(
            self.command(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(),
            pass_fds=tuple(keep),
            start_new_session=True,
        )

    def command(self, arguments: Sequence[str], safe: Sequence[str] = ()) -> list[str]:
        """The command line."""
        return ["git", "-C", self._folder, *_SAFE, *safe, *arguments]

    def environment(self) -> dict[str, str]:
        """The environment, freed of what would lead git elsewhere."""
        return {
            **{name: value for name, value in os.environ.items() if name not in _MISLEADING},
            # Its messages as they are in its source, whatever the user's language.
            "LANGUAGE": "en",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            **self._extra,
        }

    def _run(
        self, arguments: Sequence[str], stdin: bytes, safe: Sequence[str]
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                self.command(arguments, safe),
                input=stdin,
                capture_output=True,
                env=self.environment(),
                check=False,
            )
        except OSError as error:
            raise RecordError(
                f"git cannot be run: {error.strerror}.", remedy="Install git, and try again."
            ) from error
