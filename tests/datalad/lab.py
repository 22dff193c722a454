"""A repository in which a made-up run took place: real files, a real journal, real git."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from snakemake_renku.journal import (
    Event,
    JobFinished,
    JobSubmitted,
    JournalWriter,
    Redactor,
    RunFinished,
    RunHistory,
    RunStarted,
    read_run,
)
from snakemake_renku.model import (
    Environment,
    FileRef,
    FileSpec,
    JobRecord,
    JobSpec,
    ResolvedEnvironment,
    RunEnd,
    RunInfo,
    RunStatus,
    SourceFile,
    Step,
    StepFiles,
)
from snakemake_renku.runner.digest import digest_tree

RUN = "20250101T000000.000-0001"
DSID = "0b8c34e0-26a4-4e6b-9d5b-6f1a8a3e5f01"
START = 1_735_689_600.0

_ATTRIBUTES = """* annex.backend=SHA256E
* annex.largefiles=nothing
*.dat annex.largefiles=anything
"""


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    """What git prints."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"git {arguments}: {done.stderr}")
    return done.stdout.rstrip("\n")


_TEMPLATES: dict[bool, Path] = {}
"""Empty repositories, plain and not, which are copied, as setting one up takes a while."""


class Lab:
    """A workflow's folder in a repository; ``plain`` makes one without annex and dataset."""

    def __init__(self, root: Path, below: str = ".", *, plain: bool = False) -> None:
        self.root, self.workdir = root, (root / below).resolve()
        template = _TEMPLATES.get(plain)
        if template is None:
            _TEMPLATES[plain] = template = Path(tempfile.mkdtemp(prefix="lab-"))
            atexit.register(shutil.rmtree, template, ignore_errors=True)
            self._init(template, plain)
        shutil.copytree(template, root, symlinks=True)
        self.workdir.mkdir(parents=True, exist_ok=True)
        self.write("Snakefile", "# the workflow\n")
        self.commit("workflow")

    @staticmethod
    def _init(root: Path, plain: bool) -> None:
        git(root, "init", "-q", "-b", "main")
        git(root, "config", "user.name", "A Modeller")
        git(root, "config", "user.email", "modeller@example.org")
        if not plain:
            git(root, "annex", "init", "-q", "here")
            (root / ".datalad").mkdir()
            (root / ".datalad" / "config").write_text(f'[datalad "dataset"]\n\tid = {DSID}\n')
            (root / ".gitattributes").write_text(_ATTRIBUTES)
        (root / ".gitignore").write_text(".snakemake/\n")

    def write(self, path: str, content: str | bytes = "") -> Path:
        """Make a file below the working directory."""
        file = self.workdir / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def commit(self, message: str) -> str:
        """Commit all that is there."""
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "--allow-empty", "-m", message)
        return git(self.root, "rev-parse", "HEAD")

    def subjects(self) -> list[str]:
        """First lines of the commits, the newest first."""
        return git(self.root, "log", "--format=%s").splitlines()

    def run(self, name: str = RUN, **info: Any) -> MadeUpRun:
        """A run that takes place here."""
        return MadeUpRun(self, name, info)


class MadeUpRun:
    """Jobs that are added one by one, each a second after the other, and a journal of them."""

    def __init__(self, lab: Lab, name: str, info: dict[str, Any]) -> None:
        self.lab, self.name = lab, name
        self._events: list[Event] = []
        self._now = START
        snakefile = lab.workdir / "Snakefile"
        known = {
            "run": name,
            "started": START,
            "workdir": str(lab.workdir),
            "snakefile": str(snakefile),
            "backend": "local",
            "host": "host",
            "user": "me",
            "pid": 1,
            "snakemake_version": "9.27.1",
            "renku_version": "0.1.0",
            "cores": 2,
            "sources": (SourceFile(str(snakefile), _digest(snakefile)),),
        }
        self.info = RunInfo(**{**known, **info})

    def job(
        self,
        rule: str,
        *,
        reads: Sequence[str] = (),
        makes: Mapping[str, str | bytes] | None = None,
        flags: Mapping[str, Sequence[str]] | None = None,
        wildcards: Mapping[str, str] | None = None,
        command: str | None = "true",
        environment: Environment | None = None,
        ran_in: ResolvedEnvironment | None = None,
        **spec: Any,
    ) -> str:
        """A job that ends well; the paths in ``makes`` are written (folders are made before)."""
        made, flags = dict(makes or {}), flags or {}
        for path, content in made.items():
            if "directory" not in flags.get(path, ()):
                self.lab.write(path, content)
        step = Step(
            rule=rule,
            kind="shell" if command is not None else spec.pop("kind", "script"),
            wildcards=dict(wildcards or {}),
            input=tuple(FileSpec(path) for path in reads),
            output=tuple(FileSpec(p, None, tuple(flags.get(p, ()))) for p in made),
            command=command,
            script=spec.pop("script", None),
            code_digest=spec.pop("code_digest", None),
            environment=environment or Environment(),
        )
        files = StepFiles(
            rule,
            tuple(self.ref(path, "input") for path in reads),
            tuple(self.ref(path, "output") for path in made),
            ran_in or ResolvedEnvironment(),
        )
        number = str(sum(isinstance(event, JobSubmitted) for event in self._events) + 1)
        return self._add(number, (step,), (files,), spec)

    def ref(self, path: str, role: Any) -> FileRef:
        """A file as it is now."""
        file = self.lab.workdir / path
        stat = file.stat()
        if file.is_dir():
            return FileRef(path, role, "directory", digest_tree(file), 0, stat.st_mtime)
        return FileRef(path, role, "file", _digest(file), stat.st_size, stat.st_mtime)

    def end(self, status: RunStatus | None = "success") -> RunHistory:
        """Write the journal and read it back; None: the run was cut off."""
        with_end: list[Event] = [RunStarted(START, self.info), *self._events]
        if status is not None:
            with_end.append(RunFinished(self._now, RunEnd(self._now, status)))
        writer = JournalWriter(self.lab.workdir, self.name, Redactor({}))
        writer.append(with_end, sync=False)
        writer.close()
        return read_run(writer.path)

    def _add(
        self, number: str, steps: tuple[Step, ...], files: tuple[StepFiles, ...], spec: Any
    ) -> str:
        id = f"{number}.{spec.pop('attempt', 1)}"
        self._now += 1
        shell = steps[0].command
        known = {"mode": "direct" if shell is not None else "warm", "attempt": 1}
        if shell is not None:
            known |= {
                "shell_command": f"set -euo pipefail;  {shell}",
                "shell_executable": "/bin/bash",
            }
        job = JobSpec(id=id, run=self.name, jobid=number, steps=steps, **{**known, **spec})
        record = JobRecord(id, "direct", self._now - 0.5, self._now, "host", 1, files, 0)
        self._events += [JobSubmitted(self._now - 0.6, job), JobFinished(self._now, record)]
        return id


def _digest(file: Path) -> str:
    return "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()


def run_info_of(message: str) -> dict[str, Any]:
    """The JSON of a run record."""
    body = message.split("=== Do not change lines below ===\n")[1]
    parsed: dict[str, Any] = msgspec.json.decode(body.split("\n^^^ Do not change")[0])
    return parsed


def environment() -> dict[str, str]:
    """The environment for programs that stand beside this Python."""
    import sys

    return {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
