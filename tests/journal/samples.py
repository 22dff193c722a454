"""One event of each kind, filled in as far as it goes."""

from __future__ import annotations

from snakemake_renku.journal import (
    Event,
    JobFinished,
    JobRejected,
    JobStarted,
    JobSubmitted,
    Notice,
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
    Software,
    SourceFile,
    Step,
    StepFiles,
    Usage,
)

STRANGE = 'Käse 🧀\nsecond line\t"quoted" \\ \u2028'
"""A name that a careless format would break at."""


def run_info(run: str = "20250101T000000-abcdef", pid: int = 1) -> RunInfo:
    return RunInfo(
        run=run,
        started=1000.0,
        workdir="/some dir",
        snakefile="Snakefile",
        backend="local",
        host="somewhere-else",
        user="me",
        pid=pid,
        snakemake_version="9.27.0",
        renku_version="0.1.0",
        command=("snakemake", "--jobs", "2"),
        cores=2,
        config={"samples": ["a", STRANGE], "depth": 1.5, "none": None},
        sources=(SourceFile("Snakefile", "sha256:00"),),
        git=GitState("c0ffee", True, "main", "https://example.org/r.git", "/some dir"),
        software=Software("3.11.2", "/usr/bin/python", {"numpy": "2.0"}, "sha256:01"),
    )


def job_spec(job: str = "1.1") -> JobSpec:
    step = Step(
        rule="align",
        kind="shell",
        wildcards={"sample": STRANGE},
        input=(FileSpec(STRANGE, "reads", ("temp",)),),
        output=(FileSpec("out.bam"),),
        log=(FileSpec("log.txt"),),
        benchmark="bench.txt",
        params={"0": [1, 2.5, None], "extra": STRANGE},
        command="align\n  --all",
        script="align.py",
        code_digest="sha256:02",
        environment=Environment("docker://a/b:c", "/images/b.simg", "/envs/x", "ff", ("gcc/12",)),
    )
    return JobSpec(
        id=job,
        run="20250101T000000-abcdef",
        jobid=job.split(".")[0],
        attempt=1,
        mode="direct",
        steps=(step,),
        threads=2,
        resources={"mem_mb": 100, "runtime": 5, "tmpdir": "/tmp"},
        priority=7,
        group="g",
        shell_command="set -e; align",
        shell_executable="/bin/bash",
        tmpdir="/tmp",
        unneeded_temp_files=("t",),
    )


def job_record(job: str = "1.1", failure: Failure | None = None) -> JobRecord:
    digest = "sha256:" + "ab" * 32
    return JobRecord(
        id=job,
        mode="direct",
        started=1001.0,
        finished=1002.5,
        host="somewhere-else",
        pid=12,
        steps=(
            StepFiles(
                "align",
                (FileRef(STRANGE, "input", "file", digest, 3, 999.5, "reads"),),
                (FileRef("out.bam", "output", "special", problem="It is a device."),),
                ResolvedEnvironment("docker://a/b:c", digest, "manifest", "/envs/x", "ff", ("m",)),
            ),
        ),
        exit_code=0,
        signal=None,
        failure=failure,
        usage=Usage(1.5, 1.0, 0.2, 10_000, 1, 2),
        exceeded=("mem_mb",),
        stdout_tail=STRANGE,
        stderr_tail="",
    )


def head(run: str = "20250101T000000-abcdef", pid: int = 1) -> RunStarted:
    return RunStarted(1000.0, run_info(run, pid))


def every_kind() -> list[Event]:
    return [
        head(),
        JobSubmitted(1000.5, job_spec("1.1")),
        JobSubmitted(1000.5, job_spec("2.1")),
        JobStarted(1001.0, "1.1", 12, "somewhere-else"),
        Notice(1001.1, STRANGE, "1.1"),
        Notice(1001.2, "Of the run."),
        JobFinished(1002.5, job_record("1.1")),
        JobFinished(1002.5, job_record("2.1")),
        JobRejected(1002.6, "2.1", Failure("missing_output", "It did not make: out.bam.")),
        RunFinished(1003.0, RunEnd(1003.0, "failed", "1 of 2 jobs failed.", 3.5)),
    ]
