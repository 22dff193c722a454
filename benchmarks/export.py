"""Exporting a run as W3C PROV: time, CPU time and peak memory for each format.

    python benchmarks/export.py [--jobs 10000] [--folder DIR] [--keep] [--json]

The journal is made up: jobs in layers, each with two inputs (outputs of two jobs of the layer
before, or sources) and two outputs. Each measurement is a process of its own that reads the
journal, and, but for the first, builds the document, checks it and writes it, as
`snakemake-renku export prov` does. The targets are for PROV-JSON of 10,000 jobs: 30 s and 1 GB.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from snakemake_renku.journal import (
    Event,
    JobFinished,
    JobStarted,
    JobSubmitted,
    JournalWriter,
    Redactor,
    RunFinished,
    RunStarted,
)
from snakemake_renku.model import (
    FileRef,
    FileSpec,
    GitState,
    JobRecord,
    JobSpec,
    ResolvedEnvironment,
    RunEnd,
    RunInfo,
    Software,
    SourceFile,
    Step,
    StepFiles,
    Usage,
)

RUN = "20260101T000000.000-0000"
START = 1_767_225_600.0
WIDTH = 100
IMAGE = ResolvedEnvironment("docker://example.org/tool:1", "sha256:" + "1d" * 32, "manifest")

WAYS = ("load", "build", "check", "json", "provn", "xml", "turtle")


class Row(NamedTuple):
    way: str
    seconds: float
    cpu_s: float
    peak_mb: float
    size_mb: float


def main() -> int:
    options = parse()
    if options.measure is not None:
        measure(options.measure, options.folder)
        return 0
    with tempfile.TemporaryDirectory(prefix="export-", dir=options.folder) as folder:
        write_journal(Path(folder), options.jobs)
        rows = [measured(way, Path(folder)) for way in WAYS]
    print(json.dumps([row._asdict() for row in rows], indent=1) if options.json else table(rows))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="where to put the files; they are removed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(way: str, folder: Path) -> Row:
    """One way in a process of its own, which this one, being small, does not make look larger."""
    command = [sys.executable, __file__, "--measure", way, "--folder", str(folder)]
    start = time.perf_counter()
    pid = os.posix_spawn(sys.executable, command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{way} failed with wait status {status}")
    written = folder / f"out.{way}"
    size = written.stat().st_size / 1e6 if written.exists() else 0.0
    cpu_s = usage.ru_utime + usage.ru_stime
    return Row(way, seconds, cpu_s, usage.ru_maxrss * 1024 / 1e6, size)


def measure(way: str, folder: Path) -> None:
    from snakemake_renku.cli.quick import without_collection
    from snakemake_renku.journal import find_run, read_run
    from snakemake_renku.provenance.prov import check, document_of_runs, write

    with without_collection():
        run = read_run(find_run(folder))
        if way in ("build", "check"):
            document = document_of_runs([run])
            if way == "check":
                check(document)
        elif way != "load":
            with (folder / f"out.{way}").open("wb") as file:
                write([run], file, format=way)  # type: ignore[arg-type]


def table(rows: list[Row]) -> str:
    head = f"{'way':8} {'seconds':>8} {'CPU s':>8} {'peak MB':>8} {'written MB':>11}"
    return "\n".join([head, *map(line, rows)])


def line(row: Row) -> str:
    numbers = f"{row.seconds:8.2f} {row.cpu_s:8.2f} {row.peak_mb:8.0f} {row.size_mb:11.1f}"
    return f"{row.way:8} {numbers}"


def write_journal(folder: Path, jobs: int) -> None:
    writer = JournalWriter(folder, RUN, Redactor({}))
    writer.append([head(folder)], sync=False)
    for number in range(jobs):
        writer.append(events(number), sync=False)
    end = RunEnd(START + jobs + 10, "success", runner_cpu_s=float(jobs))
    writer.append([RunFinished(end.finished, end)], sync=True)
    writer.close()


def head(folder: Path) -> RunStarted:
    info = RunInfo(
        run=RUN,
        started=START,
        workdir=str(folder),
        snakefile=str(folder / "workflow" / "Snakefile"),
        backend="local",
        host="node1",
        user="ada",
        pid=1,
        snakemake_version="9.27.1",
        renku_version="0.1.0",
        command=("snakemake", "--executor", "renku"),
        cores=8,
        config={"samples": WIDTH},
        sources=(SourceFile(str(folder / "workflow" / "Snakefile"), digest("Snakefile")),),
        git=GitState("0123456789abcdef0123456789abcdef01234567", False, "main"),
        software=Software("3.11.7", "/venv/bin/python", {"numpy": "2.0"}, digest("packages")),
    )
    return RunStarted(START, info)


def events(number: int) -> Iterator[Event]:
    """The journal of one job."""
    layer, place = divmod(number, WIDTH)
    read = [f"results/{layer - 1}/{(place + shift) % WIDTH}.{shift}.csv" for shift in (0, 1)]
    if layer == 0:
        read = [f"data/{place}.{shift}.txt" for shift in (0, 1)]
    made = [f"results/{layer}/{place}.{shift}.csv" for shift in (0, 1)]
    id = f"{number}.1"
    started = START + layer * WIDTH
    yield JobSubmitted(started, spec(id, layer, place, read, made))
    yield JobStarted(started, id, 1000 + number, "node1")
    yield JobFinished(started + 60, record(id, number, started, read, made))


def spec(id: str, layer: int, place: int, read: list[str], made: list[str]) -> JobSpec:
    step = Step(
        rule=f"layer{layer}",
        kind="shell",
        wildcards={"sample": str(place), "layer": str(layer)},
        input=tuple(map(FileSpec, read)),
        output=tuple(map(FileSpec, made)),
        params={"threshold": 0.5, "method": "linear"},
        command=f"tool --threshold 0.5 --method linear {' '.join(read)} -o {' '.join(made)}",
        code_digest=digest(f"layer{layer}"),
    )
    asked: dict[str, int | str] = {"mem_mb": 1000, "runtime": 10, "tmpdir": "/tmp"}
    return JobSpec(id, RUN, id.partition(".")[0], 1, "direct", (step,), 1, asked)


def record(id: str, number: int, started: float, read: list[str], made: list[str]) -> JobRecord:
    files = StepFiles(
        rule=f"layer{number // WIDTH}",
        input=tuple(FileRef(p, "input", "file", digest(p), 1000, started - 9) for p in read),
        output=tuple(FileRef(p, "output", "file", digest(p), 1000, started + 59) for p in made),
        environment=IMAGE,
    )
    usage = Usage(60.0, 50.5, 2.25, 123_456_789, 4096, 8192)
    return JobRecord(
        *(id, "direct", started, started + 60, "node1", 1000 + number, (files,)),
        exit_code=0,
        usage=usage,
    )


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


if __name__ == "__main__":
    sys.exit(main())
