"""Journals to export, written by the real writer and read by the real reader."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from prov.identifier import Identifier
from prov.model import ProvDocument, ProvRecord

from snakemake_renku.journal import (
    Event,
    JobFinished,
    JobStarted,
    JobSubmitted,
    JournalWriter,
    Redactor,
    RunFinished,
    RunHistory,
    RunStarted,
    read_run,
)
from snakemake_renku.model import (
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
from snakemake_renku.provenance.prov import Format, check, document_of_runs, write
from snakemake_renku.provenance.prov.names import RECORD, RENKU

START = 1_767_225_600.0
"""2026-01-01T00:00:00Z, when the first run of a test begins."""

HOSTILE = 'résumé "1" \\ <&>\'\n\r\n\ttab {brace} \x01\x1b[0m\ufffe 🧊 -x= (a;b) [c]'
"""A text that careless formats break at."""


def digest(content: str) -> str:
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


def file(path: str, content: str | None = None, **more: Any) -> FileRef:
    """A file that was found; with a path alone, its content is its path."""
    text = path if content is None else content
    fields = {"role": "input", "kind": "file", "digest": digest(text), "size": len(text)}
    return FileRef(path, **{**fields, "mtime": START - 10, **more})


def made(path: str, content: str | None = None, **more: Any) -> FileRef:
    """A file that a job left."""
    return file(path, content, **{"role": "output", **more})


@dataclass
class Journal:
    """A journal that is being written; times are in seconds after the start of the run."""

    folder: Path
    run: str = "20260101T000000.000-0001"
    started: float = START
    workdir: str = "/recorded/here"
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._writer = JournalWriter(self.folder, self.run, Redactor({}))
        self.path = self._writer.path
        fields: dict[str, Any] = {
            "snakefile": f"{self.workdir}/workflow/Snakefile",
            "backend": "local",
            "host": "node1",
            "user": "ada",
            "pid": 1,
            "snakemake_version": "9.27.1",
            "renku_version": "0.1.0",
            "command": ("snakemake", "--config", "a b"),
            "cores": 4,
            "config": {"factor": 2},
            "sources": (SourceFile(f"{self.workdir}/workflow/Snakefile", digest("Snakefile")),),
            "git": GitState("c0ffee", False, "main", "https://example.org/r.git", self.workdir),
            "software": Software(
                "3.11.7", "/venv/bin/python", {"numpy": "2.0"}, digest("packages")
            ),
        }
        info = RunInfo(self.run, self.started, self.workdir, **{**fields, **self.info})
        self.add(RunStarted(self.started, info))

    def add(self, *events: Event) -> None:
        self._writer.append(events, sync=False)

    def job(
        self,
        id: str,
        reads: Iterable[FileRef] = (),
        makes: Iterable[FileRef] = (),
        at: tuple[float, float] = (1.0, 2.0),
        *,
        rule: str = "rule",
        host: str = "node1",
        failure: Failure | None = None,
        environment: ResolvedEnvironment | None = None,
        spec: dict[str, Any] | None = None,
        step: dict[str, Any] | None = None,
        record: dict[str, Any] | None = None,
    ) -> None:
        """One attempt of a job of one step."""
        reads, makes = tuple(reads), tuple(makes)
        declared = Step(
            rule=rule,
            **{
                "kind": "shell",
                "input": tuple(FileSpec(ref.path) for ref in reads),
                "output": tuple(FileSpec(ref.path) for ref in makes),
                "command": f"run {id}",
                "code_digest": digest(rule),
                **(step or {}),
            },
        )
        found = StepFiles(rule, reads, makes, environment or ResolvedEnvironment())
        self.jobs_of(id, (declared,), (found,), at, host, failure, spec or {}, record or {})

    def group(
        self, id: str, steps: Iterable[tuple[str, Iterable[FileRef], Iterable[FileRef]]]
    ) -> None:
        """One attempt of a group; as in a real journal, files handed over are not looked at."""
        declared, found = [], []
        parts = [(rule, tuple(reads), tuple(makes)) for rule, reads, makes in steps]
        own = {ref.path for _, _, makes in parts for ref in makes}
        for rule, reads, makes in parts:
            names = tuple(FileSpec(ref.path) for ref in reads)
            results = tuple(FileSpec(ref.path) for ref in makes)
            declared.append(Step(rule, "shell", input=names, output=results, command=rule))
            outside = tuple(ref for ref in reads if ref.path not in own)
            found.append(StepFiles(rule, outside, makes))
        spec = {"group": "together"}
        self.jobs_of(id, tuple(declared), tuple(found), (1.0, 2.0), "node1", None, spec, {})

    def jobs_of(
        self,
        id: str,
        declared: tuple[Step, ...],
        found: tuple[StepFiles, ...],
        at: tuple[float, float],
        host: str,
        failure: Failure | None,
        spec: dict[str, Any],
        record: dict[str, Any],
    ) -> None:
        jobid, _, attempt = id.partition(".")
        number = int(attempt.partition("+")[0])
        fields = {"mode": "direct", **spec}
        submitted = JobSpec(id, self.run, jobid, number, steps=declared, **fields)
        started, finished = (self.started + time for time in at)
        ended = JobRecord(
            *(id, "direct", started, finished, host, 7, found),
            failure=failure,
            **{"exit_code": 0 if failure is None else 1, **record},
        )
        self.add(
            JobSubmitted(started, submitted),
            JobStarted(started, id, 7, host),
            JobFinished(finished, ended),
        )

    def end(self, status: RunStatus = "success", after: float = 100.0) -> RunHistory:
        """Write the last line, and read all."""
        finished = self.started + after
        self.add(RunFinished(finished, RunEnd(finished, status, runner_cpu_s=1.5)))
        return self.read()

    def read(self) -> RunHistory:
        """Stop writing, as if cut off, and read what there is."""
        self._writer.close()
        return read_run(self.path)


def rich(folder: Path) -> list[RunHistory]:
    """Two runs with something of everything."""
    one = Journal(folder, info={"config": {"name": HOSTILE, "list": [1, 2.5, None, True]}})
    image = ResolvedEnvironment("docker://example.org/a:1", digest("image"), "manifest")
    conda = ResolvedEnvironment(conda="/envs/x", conda_hash="ff", modules=("gcc/12", "R/4"))
    one.job(
        "1.1",
        [file("data/1.txt", name="reads")],
        failure=Failure("out_of_memory", HOSTILE, 137, 9),
        record={"exceeded": ("mem_mb",), "signal": 9},
    )
    one.job(
        "1.2",
        [file("data/1.txt", name="reads"), file(HOSTILE)],
        [made(f"out/{HOSTILE}"), made("logs/1.log", role="log"), made("b.tsv", role="benchmark")],
        (3.0, 4.0),
        environment=image,
        spec={"threads": 2, "resources": {"mem_mb": 500, "runtime": 2, "odd name\x02": "x"}},
        step={
            "wildcards": {"sample": HOSTILE},
            "params": {"factor": 1.5, "0": [HOSTILE]},
            "command": f"tool {HOSTILE}",
            "output": (FileSpec(f"out/{HOSTILE}", flags=("temp", "protected")),),
        },
        record={"usage": Usage(1.0, 0.5, 0.25, 12_345_678_901, 4096, 0)},
    )
    folder_ref = made("tree", kind="directory", digest="sha256-tree:" + "0" * 64)
    one.job("2.1", [made(f"out/{HOSTILE}", role="input")], [folder_ref], (5.0, 6.0), rule="tree")
    one.job(
        "3.1",
        [file("tree/x.txt", mtime=START + 5), made("odd", kind="special", digest=None)],
        [made("end.txt")],
        (7.0, 8.0),
        rule="last",
        host="node2",
        environment=conda,
        step={"kind": "script", "script": "/recorded/here/workflow/scripts/last.py"},
    )
    one.group(
        "4f-5.1",
        [
            (
                "first",
                [file("data/1.txt")],
                [made("g/1"), made("g/pipe", kind="pipe", digest=None)],
            ),
            ("second", [made("g/1"), made("g/pipe")], [made("g/2")]),
        ],
    )
    two = Journal(folder, "20260101T010000.000-0002", START + 3600)
    two.job("1.1", [file("end.txt")], [made("final.txt")])
    two.job("2.1", [file("end.txt")], [made("cut.txt")], (3.0, 4.0), spec={"mode": "snakemake"})
    return [one.end("failed"), two.read()]


class Told:
    """A document that was checked, and questions to it."""

    def __init__(self, document: ProvDocument) -> None:
        check(document)
        self.document = document

    def all(self, kind: str, **attributes: Any) -> list[ProvRecord]:
        """The records of a kind (``Entity``) that have these attributes, formal ones or ours."""
        return [
            record
            for record in self.document.get_records()
            if record.get_type().localpart == kind
            and all(value in self.values(record, name) for name, value in attributes.items())
        ]

    def one(self, kind: str, **attributes: Any) -> ProvRecord:
        (record,) = self.all(kind, **attributes)
        return record

    def values(self, record: ProvRecord, name: str) -> list[Any]:
        return [
            _plain(value)
            for key, value in record.attributes
            if key.localpart == name and value is not None
        ]

    def value(self, record: ProvRecord, name: str) -> Any:
        (value,) = self.values(record, name)
        return value

    def id(self, record: ProvRecord) -> str:
        assert record.identifier is not None
        return _plain(record.identifier)  # type: ignore[no-any-return]


def told(*runs: RunHistory, **more: Any) -> Told:
    return Told(document_of_runs(runs, **more))


def written(runs: Iterable[RunHistory], format: Format, **more: Any) -> bytes:
    buffer = BytesIO()
    write(list(runs), buffer, format=format, **more)
    return buffer.getvalue()


def names(document: ProvDocument) -> Iterator[str]:
    """All identifiers in the namespaces of ours that stand in a document."""
    for record in document.get_records():
        if record.identifier is not None:
            yield record.identifier.uri
        for key, value in record.attributes:
            yield key.uri
            if isinstance(value, Identifier):
                yield value.uri


def _plain(value: Any) -> Any:
    if isinstance(value, Identifier):
        return value.uri.removeprefix(RECORD).removeprefix(RENKU)
    return value
