"""Journals of runs that need not be run: written by the real writer, of files that are there."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from snakemake_renku.journal import (
    JobFinished,
    JobSubmitted,
    JournalWriter,
    Redactor,
    RunFinished,
    RunStarted,
)
from snakemake_renku.model import (
    Environment,
    FileRef,
    FileSpec,
    JobRecord,
    JobSpec,
    ResolvedEnvironment,
    Role,
    RunEnd,
    RunInfo,
    SourceFile,
    Step,
    StepFiles,
)
from snakemake_renku.runner.digest import digest_file, file_ref, file_refs
from snakemake_renku.runner.git_state import git_state

START = 1_700_000_000.0

Content = str | bytes | Mapping[str, str] | None
"""Of a file; of a folder by the names in it; None for what stands there already."""


def put(path: Path, content: Content) -> None:
    """Write a file or a folder; nothing for None."""
    if isinstance(content, Mapping):
        for name, text in content.items():
            put(path / name, text)
    elif content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


class Ledger:
    """The runs of a folder, one after the other; a second passes between any two moments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = itertools.count(START)
        self._numbers = itertools.count(1)

    @contextmanager
    def run(self, *, sources: Iterable[str] = (), workdir: str | None = None) -> Iterator[Run]:
        """A run that goes well."""
        name = f"20260101T0000{next(self._numbers):02}.000-cafe"
        run = Run(self, name, tuple(sources), workdir)
        yield run
        run.end()

    def job(self, rule: str = "rule", **what: object) -> str:
        """A run of one job; its key."""
        with self.run() as run:
            return run.job(rule, **what)  # type: ignore[arg-type]


class Run:
    """One run; ``name`` is its id."""

    def __init__(
        self, ledger: Ledger, name: str, sources: tuple[str, ...], workdir: str | None
    ) -> None:
        self.name = name
        self._ledger, self._folder = ledger, ledger.folder
        self._ids = itertools.count(1)
        self._writer = JournalWriter(self._folder, name, Redactor({}))
        started = next(ledger.clock)
        info = RunInfo(
            run=name,
            started=started,
            workdir=workdir or str(self._folder),
            snakefile=f"{workdir or self._folder}/Snakefile",
            backend="local",
            host="node1",
            user="ada",
            pid=1,
            snakemake_version="9.27.1",
            renku_version="0.1.0",
            sources=tuple(
                SourceFile(str(self._folder / path), digest_file(self._folder / path))
                for path in sources
            ),
            git=git_state(self._folder),
        )
        self._writer.append([RunStarted(started, info)], sync=False)

    def job(
        self,
        rule: str = "rule",
        *,
        reads: Iterable[str] = (),
        makes: Mapping[str, Content] | None = None,
        logs: Mapping[str, Content] | None = None,
        flags: Mapping[str, tuple[str, ...]] | None = None,
        script: str | None = None,
        image: tuple[str, str, str] | None = None,
        at: float | None = None,
    ) -> str:
        """A job that reads and writes files here and ends well; ``image``: URL, digest, its kind.

        Returns its key. ``at`` is when it starts and ends, instead of now.
        """
        makes, logs, flags = makes or {}, logs or {}, flags or {}
        started = next(self._ledger.clock) if at is None else at
        inputs = self._refs(reads, "input", flags)
        for path, content in (*makes.items(), *logs.items()):
            put(self._folder / path, content)
        made = (*self._refs(makes, "output", flags), *self._refs(logs, "log", flags))
        environment = ResolvedEnvironment(*image) if image else ResolvedEnvironment()  # type: ignore[arg-type]
        step = Step(
            rule=rule,
            kind="script" if script else "shell",
            input=tuple(FileSpec(path, flags=flags.get(path, ())) for path in reads),
            output=tuple(FileSpec(path, flags=flags.get(path, ())) for path in makes),
            log=tuple(FileSpec(path) for path in logs),
            command=None if script else f"{rule} > {' '.join(makes)}",
            script=str(self._folder / script) if script else None,
            code_digest=digest_file(self._folder / script) if script else None,
            environment=Environment(container=image[0]) if image else Environment(),
        )
        return self.write((step,), (StepFiles(rule, inputs, made, environment),), started, at)

    def write(
        self,
        steps: tuple[Step, ...],
        files: tuple[StepFiles, ...],
        started: float,
        at: float | None,
    ) -> str:
        """Write down a job of these steps."""
        id = f"{next(self._ids)}.1"
        finished = next(self._ledger.clock) if at is None else at
        group = "group" if len(steps) > 1 else None
        spec = JobSpec(id, self.name, id[:-2], 1, "direct", steps, group=group)
        record = JobRecord(id, "direct", started, finished, "node1", 7, files, exit_code=0)
        self._writer.append(
            [JobSubmitted(started, spec), JobFinished(finished, record)], sync=False
        )
        return f"{self.name}/{id}"

    def end(self) -> None:
        """The last line."""
        finished = next(self._ledger.clock)
        self._writer.append([RunFinished(finished, RunEnd(finished, "success"))], sync=True)
        self._writer.close()

    def _refs(
        self, paths: Iterable[str], role: Role, flags: Mapping[str, tuple[str, ...]]
    ) -> tuple[FileRef, ...]:
        def ref(path: str) -> FileRef:
            spec = FileSpec(path, flags=flags.get(path, ()))
            if {"pipe", "service"} & set(spec.flags):
                return file_ref(spec, role)
            found = file_refs([FileSpec(str(self._folder / path))], role)[0]
            return FileRef(path, role, found.kind, found.digest, found.size, found.mtime)

        return tuple(map(ref, paths))
