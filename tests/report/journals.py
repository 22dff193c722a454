"""Runs to report on, written by the real writer of journals.

As a program, it writes a large one: ``python -m tests.report.journals FOLDER --jobs 5000``.
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snakemake_renku.journal import (
    VERDICTS,
    Event,
    JobFinished,
    JobRejected,
    JobStarted,
    JobSubmitted,
    JournalWriter,
    Notice,
    Redactor,
    RunFinished,
    RunStarted,
    encode_verdict,
)
from snakemake_renku.model import (
    Difference,
    Environment,
    Failure,
    FailureKind,
    FileRef,
    FileSpec,
    Finding,
    GitState,
    JobRecord,
    JobSpec,
    JobVerdict,
    OutputVerdict,
    Place,
    ResolvedEnvironment,
    RunEnd,
    RunInfo,
    RunStatus,
    Software,
    SourceFile,
    Step,
    StepFiles,
    Tolerance,
    Usage,
    Verdict,
)

START = 1_780_000_000.0
RUN = "20260528T202640.000-abcd"


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def found(path: str, role: Any = "input", text: str | None = None, **more: Any) -> FileRef:
    """A file with a content that is its path, unless told otherwise."""
    size = 100 + len(path) * 997
    return FileRef(path, role, "file", digest(path if text is None else text), size, **more)


def step(
    rule: str,
    inputs: Iterable[str] = (),
    outputs: Iterable[str] = (),
    wildcards: dict[str, str] | None = None,
    **more: Any,
) -> Step:
    inputs, outputs = tuple(inputs), tuple(outputs)
    command = f"{rule} --in {' '.join(inputs[:40])} --out {' '.join(outputs)}"
    return Step(
        rule=rule,
        kind="shell",
        wildcards=wildcards or {},
        input=tuple(map(FileSpec, inputs)),
        output=tuple(map(FileSpec, outputs)),
        code_digest=digest(f"code of {rule}"),
        **{"command": command, **more},
    )


class Journal:
    """A journal being written; jobs run one second each, one after the other, unless told."""

    def __init__(self, workdir: Path, run: str = RUN, **info: Any) -> None:
        self.workdir, self.run, self.now = workdir, run, START
        self.writer = JournalWriter(workdir, run, Redactor({}))
        self.path = self.writer.path
        software = Software("3.11.7", "/venv/bin/python", {"numpy": "2.1.0"}, digest("packages"))
        values: dict[str, Any] = {
            "run": run,
            "started": START,
            "workdir": "/data/ice-model",
            "snakefile": "/data/ice-model/workflow/Snakefile",
            "backend": "local",
            "host": "node1",
            "user": "ada",
            "pid": 1,
            "snakemake_version": "9.27.1",
            "renku_version": "0.1.0",
            "command": ("/venv/bin/snakemake", "--executor", "renku", "--jobs", "8"),
            "cores": 8,
            "config": {"glaciers": ["RGI60-11.00897"], "years": 87},
            "sources": (SourceFile("workflow/Snakefile", digest("Snakefile")),),
            "git": GitState("0123456789abcdef0123456789abcdef01234567", False, "main"),
            "software": software,
            **info,
        }
        self.add(RunStarted(START, RunInfo(**values)))

    def add(self, *events: Event) -> None:
        self.writer.append(events, sync=False)

    def submit(self, id: str, *steps: Step, group: str | None = None, **more: Any) -> JobSpec:
        jobid, _, attempt = id.partition(".")
        attempts = int(attempt.partition("+")[0])
        values = {"threads": 1, "resources": {"mem_mb": 1000, "runtime": 10}, **more}
        spec = JobSpec(id, self.run, jobid, attempts, "direct", steps, group=group, **values)
        self.add(JobSubmitted(self.now, spec))
        return spec

    def start(self, id: str, host: str = "node1") -> None:
        self.add(JobStarted(self.now, id, 42, host))

    def finish(
        self,
        spec: JobSpec,
        *,
        started: float | None = None,
        finished: float | None = None,
        files: tuple[StepFiles, ...] | None = None,
        **more: Any,
    ) -> None:
        began = self.now if started is None else started
        ended = began + 1.0 if finished is None else finished
        wall = ended - began
        values = {
            "host": "node1",
            "exit_code": 0,
            "usage": Usage(wall, wall * 0.8, wall * 0.1, 250_000_000, 4096, 8192),
            **more,
        }
        if files is None:
            files = tuple(files_of(each, made="failure" not in more) for each in spec.steps)
        record = JobRecord(spec.id, spec.mode, began, ended, pid=42, steps=files, **values)
        self.add(JobFinished(ended, record))
        self.now = max(self.now, ended)

    def job(self, id: str, *steps: Step, **more: Any) -> None:
        known = ("group", "threads", "resources")
        spec = self.submit(id, *steps, **{key: more.pop(key) for key in known if key in more})
        self.start(id, more.get("host", "node1"))
        self.finish(spec, **more)

    def reject(self, id: str, kind: FailureKind, message: str) -> None:
        self.add(JobRejected(self.now, id, Failure(kind, message)))

    def notice(self, message: str, id: str | None = None) -> None:
        self.add(Notice(self.now, message, id))

    def end(self, status: RunStatus = "success", message: str | None = None) -> Path:
        self.add(RunFinished(self.now, RunEnd(self.now, status, message, 12.0)))
        self.writer.close()
        return self.path


def files_of(step: Step, *, made: bool = True) -> StepFiles:
    """What a step would have found and made, by its declaration."""
    outputs = [found(file.path, "output") for file in step.output]
    missing = [FileRef(file.path, "output", "missing") for file in step.output]
    environment = step.environment
    return StepFiles(
        step.rule,
        tuple(found(file.path, name=file.name) for file in step.input),
        tuple(outputs if made else missing),
        ResolvedEnvironment(
            environment.container,
            digest(environment.container) if environment.container else None,
            "manifest" if environment.container else None,
            environment.conda,
            environment.conda_hash,
            environment.modules,
        ),
    )


TRACEBACK = """\
reading climate/{name}.nc
Traceback (most recent call last):
  File "/data/ice-model/workflow/scripts/calibrate.py", line 88, in <module>
    parameters = calibrate(load(snakemake.input[0]), bounds=BOUNDS)
  File "/data/ice-model/workflow/scripts/calibrate.py", line 41, in calibrate
    raise RuntimeError(f"mass balance of {{glacier}} does not converge")
RuntimeError: mass balance of {name} does not converge
"""

IMAGES = {
    "climate": Environment(container="docker://ghcr.io/oggm/oggm:20250601"),
    "flow": Environment(container="docker://ghcr.io/oggm/oggm:20250601"),
    "plot": Environment(conda="/data/ice-model/.snakemake/conda/abc123", conda_hash="abc123"),
}


def large(workdir: Path, jobs: int, *, fails: bool = True, seed: int = 1) -> Path:
    """A run over many glaciers, as it might be: five jobs for each, and some over all of them."""
    chance = random.Random(seed)
    journal = Journal(workdir)
    lanes = [[START + 3.0, f"node{number // 16 + 1}"] for number in range(64)]
    count = max(1, (jobs - 4) // 5)
    names = [f"RGI60-11.{number:05}" for number in range(1, count + 1)]
    numbers = iter(range(1, 10 * jobs))
    failed: set[str] = set()

    def run(one: Step, mean: float, rss: float, after: float = 0.0, **more: Any) -> float:
        lane = min(lanes, key=lambda each: each[0])
        began = max(float(lane[0]), after)
        ended = began + mean * chance.lognormvariate(0, 0.5)
        lane[0] = ended + 0.01
        mem_mb = more.pop("mem_mb", 1500)
        journal.now = began - 0.2 - chance.expovariate(0.2)
        used = int(rss * chance.lognormvariate(0, 0.25) * 1e6)
        spec = journal.submit(
            f"{next(numbers)}.1", one, resources={"mem_mb": mem_mb, "runtime": 5}, threads=1
        )
        exceeded = ("mem_mb",) if used > mem_mb * 1e6 else ()
        usage = Usage(ended - began, (ended - began) * 0.85, 0.2, used, 81920, 262144)
        journal.add(JobStarted(began, spec.id, 42, str(lane[1])))
        journal.finish(
            spec,
            started=began,
            finished=ended,
            host=str(lane[1]),
            usage=usage,
            exceeded=exceeded,
            stderr_tail=more.pop("stderr", f"{one.rule}: done with {one.wildcards}\n"),
            **more,
        )
        return ended

    ends: list[float] = []
    for name in names:
        wild = {"glacier": name}
        folder = f"results/glaciers/{name}"
        first = run(
            step(
                "climate",
                [f"data/outlines/{name}.shp", "data/climate/era5.nc"],
                [f"{folder}/climate.nc"],
                wild,
                environment=IMAGES["climate"],
            ),
            4,
            600,
        )
        second = run(
            step("flowlines", [f"data/outlines/{name}.shp"], [f"{folder}/flowlines.gpkg"], wild),
            2,
            300,
        )
        makes = [f"{folder}/parameters.json"]
        reads = [f"{folder}/climate.nc", f"{folder}/flowlines.gpkg"]
        calibrate = step(
            "calibrate",
            reads,
            makes,
            wild,
            command=None,
            script="/data/ice-model/workflow/scripts/calibrate.py",
            params={"years": [1979, 2019], "glacier": name},
        )
        if fails and chance.random() < 0.006:
            failed.add(name)
            failure = Failure("error", "The script ended with exit code 1.", 1)
            run(
                calibrate,
                6,
                500,
                max(first, second),
                failure=failure,
                exit_code=1,
                stderr=TRACEBACK.format(name=name),
            )
            continue
        third = run(calibrate, 6, 500, max(first, second))
        fourth = run(
            step("flow", [*reads, *makes], [f"{folder}/flow.nc"], wild, environment=IMAGES["flow"]),
            9,
            1100,
            third,
        )
        ends.append(
            run(
                step(
                    "plot",
                    [f"{folder}/flow.nc"],
                    [f"{folder}/figure.png"],
                    wild,
                    environment=IMAGES["plot"],
                ),
                3,
                250,
                fourth,
            )
        )
    whole = [f"results/glaciers/{name}/flow.nc" for name in names]
    if not failed:
        after = max(ends)
        merged = run(step("merge", whole, ["results/volume.nc"]), 20, 4000, after, mem_mb=3000)
        summed = run(
            step("summary", ["results/volume.nc"], ["results/summary.csv"]), 2, 300, merged
        )
        run(
            step("report", ["results/volume.nc", "results/summary.csv"], ["results/paper.pdf"]),
            5,
            300,
            summed,
        )
    journal.notice("The jobs of rule merge ask for less memory than they used before.")
    return journal.end("failed" if failed else "success")


HOSTILE = '</script><b id="pwned">\n"quoted" \u202egnp.exe & \' <!-- 🧊'
"""A name that breaks what is careless: HTML, quotes, a line break, a turn of direction."""


def varied(workdir: Path, status: RunStatus = "failed") -> Path:
    """A small run with some of everything: groups, repeats, failures, odd files and names."""
    journal = Journal(workdir, git=GitState("c0ffee" * 6 + "abcd", True, "main", "https://e.org/r"))
    prepare = step(
        "prepare",
        ["data/in.txt"],
        ["work/a.txt"],
        {"sample": HOSTILE},
        params={"text": HOSTILE, "0": [1, 2.5, None]},
        command=f"echo {HOSTILE}\n  --all",
    )
    journal.job("1.1", prepare, stderr_tail="\x1b[31mred\x1b[0m\rdone\n", stdout_tail=HOSTILE)
    model = step("model", ["work/a.txt"], [HOSTILE], {"n": "1"}, environment=IMAGES["flow"])
    failure = Failure("out_of_memory", "It went beyond 1000 MB.", 137, 9)
    journal.job("2.1", model, failure=failure, exit_code=137, signal=9, exceeded=("mem_mb",))
    journal.notice("It asks for 1000 MB and used more.", "2.1")
    journal.job("2.2", model, resources={"mem_mb": 2000, "runtime": 10, "gpu": 1})
    first = step("split", [HOSTILE], ["work/parts"], environment=IMAGES["plot"])
    second = step("join", ["work/parts"], ["results/joined.csv"])
    journal.job("3.1", first, second, group="pair")
    timeout = Failure("timeout", "It ran longer than 10 s.", None, 15)
    journal.job(
        "4.1",
        step("slow", ["work/parts/x.txt"], ["results/slow.csv"]),
        failure=timeout,
        exceeded=("runtime",),
        stderr_tail="still busy\n" * 30,
        threads=4,
    )
    journal.job("5.1", step("odd", ["results/joined.csv"], ["results/odd.csv"]), host="node2")
    journal.reject("5.1", "missing_output", "It did not make: results/odd.csv.")
    left = journal.submit("6.1", step("plot", ["results/joined.csv"], ["results/figure.png"]))
    journal.start(left.id)
    journal.submit("7.1", step("paper", ["results/figure.png"], ["results/paper.pdf"]))
    journal.notice("Of the run.")
    if status == "running":
        return journal.path
    if status == "interrupted":
        journal.writer.close()
        return journal.path
    return journal.end(status, "2 of 7 jobs failed.")


def verdict(run: str = RUN, id: str = "20260601T101500-a1b2", **more: Any) -> Verdict:
    """A verdict with an output of each outcome, on the run of :func:`varied`."""
    finding = Finding(
        "different",
        "netcdf",
        (Difference("variable volume, time=3", "12.5", "12.75", 0.25), Difference(HOSTILE)),
        count=17,
        ignored=("attribute history",),
        values=400,
        largest_absolute=0.25,
        largest_relative=0.02,
    )
    equal = Finding("equivalent", "table", values=12, largest_relative=1e-9)
    values: dict[str, Any] = {
        "id": id,
        "target": "results/joined.csv",
        "runs": (run,),
        "outcome": "different",
        "started": START + 86400,
        "finished": START + 86460,
        "place": Place("laptop", "rae", "3.12.1", "9.27.1", "0.1.0", None, "Linux x86_64"),
        "tolerance": Tolerance(1e-6, 0.0),
        "commit": "f00d" * 10,
        "notes": ("The image was taken from a cache.",),
        "jobs": (
            JobVerdict("1.1", run, "prepare", "identical"),
            JobVerdict(
                "2.2",
                run,
                "model",
                "different",
                causes=("package numpy: 2.1.0 recorded, 2.2.0 now", HOSTILE),
            ),
            JobVerdict("3.1", run, "pair", "not replayable", "The image is gone."),
        ),
        "outputs": (
            OutputVerdict("work/a.txt", "1.1", "identical", digest("work/a.txt"), digest("x")),
            OutputVerdict(HOSTILE, "2.2", "different", digest(HOSTILE), digest("y"), finding),
            OutputVerdict("work/parts", "3.1", "not replayable", reason="The image is gone."),
            OutputVerdict(
                "results/joined.csv",
                "3.1",
                "equivalent",
                digest("results/joined.csv"),
                digest("z"),
                equal,
            ),
        ),
        **more,
    }
    return Verdict(**values)


def keep(workdir: Path, verdict: Verdict) -> None:
    """Put a verdict where replays keep them."""
    path = workdir / VERDICTS / f"{verdict.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_verdict(verdict))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--good", action="store_true", help="no job fails")
    options = parser.parse_args()
    print(large(options.folder, options.jobs, fails=not options.good))


if __name__ == "__main__":
    main()
