"""Journals to look at, written by the real writer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from snakemake_renku.cli import main
from snakemake_renku.journal import (
    Event,
    JobFinished,
    JobStarted,
    JobSubmitted,
    JournalWriter,
    Notice,
    Redactor,
    RunFinished,
    RunStarted,
)
from snakemake_renku.model import (
    Environment,
    Failure,
    FileRef,
    FileSpec,
    GitState,
    JobRecord,
    JobSpec,
    ResolvedEnvironment,
    RunEnd,
    RunInfo,
    RunStatus,
    Software,
    SourceFile,
    Step,
    StepFiles,
    Usage,
)

START = 1_700_000_000.0
DIGEST = "sha256:" + "ab" * 32


@dataclass
class Journal:
    """A journal being written, in order of the calls."""

    workdir: Path
    run: str
    writer: JournalWriter = field(init=False)

    def __post_init__(self) -> None:
        self.writer = JournalWriter(self.workdir, self.run, Redactor({}))
        info = RunInfo(
            run=self.run,
            started=START,
            workdir=str(self.workdir),
            snakefile=str(self.workdir / "workflow" / "Snakefile"),
            backend="local",
            host="node1",
            user="ada",
            pid=1,
            snakemake_version="9.27.1",
            renku_version="0.1.0",
            command=("snakemake", "--executor", "renku"),
            sources=(SourceFile("workflow/Snakefile", DIGEST),),
            git=GitState(commit="0123456789abcdef", dirty=True, branch="main"),
            software=Software("3.11.7", "/venv/bin/python", {"numpy": "2"}, DIGEST),
        )
        self.add(RunStarted(START, info))

    def add(self, *events: Event) -> None:
        self.writer.append(events, sync=False)

    def submit(self, id: str, rule: str = "align", output: Iterable[str] = (), **more: Any) -> None:
        jobid, _, attempt = id.partition(".")
        flags = more.pop("flags", ())
        step = Step(
            rule=rule,
            kind="shell",
            wildcards={"sample": jobid},
            input=(FileSpec("in.txt"),),
            output=tuple(FileSpec(path, flags=flags) for path in output),
            log=(FileSpec("align.log"),),
            params={"k": 3},
            command="align in.txt\n  --fast",
            environment=more.pop("environment", Environment()),
        )
        spec = JobSpec(
            id=id,
            run=self.run,
            jobid=jobid,
            attempt=int(attempt),
            mode="direct",
            steps=(step,),
            threads=2,
            resources={"mem_mb": 2000, "runtime": 10, "gpu": 1},
            **more,
        )
        self.add(JobSubmitted(START + 1, spec), JobStarted(START + 2, id, 42, "node1"))

    def finish(
        self,
        id: str,
        rule: str = "align",
        output: Iterable[str] = (),
        environment: ResolvedEnvironment | None = None,
        **more: Any,
    ) -> None:
        files = StepFiles(
            rule=rule,
            input=more.pop("input", (FileRef("in.txt", "input", "file", DIGEST, 12),)),
            output=tuple(FileRef(path, "output", "file", DIGEST, 4_200_000) for path in output),
            environment=environment or ResolvedEnvironment(),
        )
        record = JobRecord(
            id=id,
            mode="direct",
            started=START + 2,
            finished=START + 14,
            host="node1",
            pid=42,
            steps=(files,),
            usage=Usage(12.0, 6.0, 3.0, 2_500_000_000, 1000, 2_000_000),
            **{"exit_code": 0, **more},
        )
        self.add(JobFinished(START + 14, record))

    def job(self, id: str, rule: str = "align", output: Iterable[str] = (), **more: Any) -> None:
        output = tuple(output)
        self.submit(id, rule, output)
        self.finish(id, rule, output, **more)

    def notice(self, message: str, id: str | None = None) -> None:
        self.add(Notice(START + 3, message, id))

    def end(self, status: RunStatus = "success") -> None:
        self.add(RunFinished(START + 60, RunEnd(START + 60, status)))
        self.writer.close()

    def append_raw(self, data: bytes) -> None:
        with self.writer.path.open("ab") as file:
            file.write(data)


FAILURE = Failure("out_of_memory", "It went beyond 2000 MB.", exit_code=137, signal=9)

NewJournal = Callable[..., Journal]


@dataclass
class Result:
    """What a command line gave."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Result]


@pytest.fixture
def failure() -> Failure:
    return FAILURE


@pytest.fixture
def journal(tmp_path: Path) -> NewJournal:
    def start(run: str = "20260101T000000-aaaaaa") -> Journal:
        return Journal(tmp_path, run)

    return start


@pytest.fixture
def renku(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.chdir(tmp_path)

    def call(*argv: str) -> Result:
        status = main(argv)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return call
