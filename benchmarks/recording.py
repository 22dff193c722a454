"""What it costs to record a run in git, beside `datalad run` on the same machine in the same go.

Makes runs of many jobs (each leaves one small file for git and one for the annex), records them,
and compares with as many calls of `datalad run` as patience allows, in an empty dataset and in the
large one. Looks at what that adds to the repository, whether git, git-annex and DataLad find all in
order, in a clone too, and how much longer a run of Snakemake takes that records itself.

    python benchmarks/recording.py [--jobs 1000 10000] [--peers 20] [--flat] [--quick]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from snakemake_renku.journal import (
    JobFinished,
    JobSubmitted,
    JournalWriter,
    Redactor,
    RunFinished,
    RunStarted,
    find_run,
    read_run,
)
from snakemake_renku.model import (
    FileRef,
    FileSpec,
    JobRecord,
    JobSpec,
    RunEnd,
    RunInfo,
    SourceFile,
    Step,
    StepFiles,
    Usage,
)
from snakemake_renku.provenance.datalad import record

RUN = "20250101T000000.000-0001"
START = 1_735_689_600.0

SNAKEFILE = """
rule all:
    input: expand("out/{i}.txt", i=range(int(config["num"])))
rule job:
    output: "out/{i}.txt", "out/{i}.dat"
    shell: "echo {wildcards.i} > {output[0]}; printf '%02000d' {wildcards.i} > {output[1]}"
"""

os.environ["PATH"] = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"


def call(folder: Path, *command: str, check: bool = True) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(f"{' '.join(command)} failed in {folder}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def dataset(folder: Path, snakefile: str = "# the workflow\n") -> Path:
    folder.mkdir(parents=True)
    call(folder, "datalad", "-l", "warning", "create", "--force", ".")
    with (folder / ".gitattributes").open("a") as file:
        file.write("* annex.backend=SHA256E\n*.txt annex.largefiles=nothing\n")
        file.write("Snakefile annex.largefiles=nothing\n")
    (folder / ".gitignore").write_text(".snakemake/\n")
    (folder / "Snakefile").write_text(snakefile)
    (folder / "in.txt").write_text("input\n")
    call(folder, "datalad", "-l", "warning", "save", "-m", "workflow")
    return folder


def names(i: int, flat: bool) -> tuple[str, str]:
    folder = "out" if flat else f"out/{i // 100}"
    return f"{folder}/{i}.txt", f"{folder}/{i}.dat"


def shell(i: int, flat: bool) -> str:
    small, large = names(i, flat)
    return f"cat in.txt > {small}; echo {i} >> {small}; printf '%02000d' {i} > {large}"


def make_run(folder: Path, jobs: int, flat: bool) -> None:
    """The files of the jobs, and the journal that a run would have left."""
    events: list[JobSubmitted | JobFinished] = []
    source = ref(folder, "in.txt", "input")
    for i in range(jobs):
        small, large = names(i, flat)
        (folder / small).parent.mkdir(parents=True, exist_ok=True)
        (folder / small).write_text(f"input\n{i}\n")
        (folder / large).write_text(f"{i:02000d}")
        outputs = (FileSpec(small), FileSpec(large))
        command = shell(i, flat)
        step = Step("job", "shell", {"i": str(i)}, (FileSpec("in.txt"),), outputs, command=command)
        at = START + i / 100
        spec = JobSpec(
            f"{i}.1", RUN, str(i), 1, "direct", (step,), 1, {"mem_mb": 100, "tmpdir": "/tmp"}, 0,
            None, f"set -euo pipefail;  {command}", "/usr/bin/bash", "/tmp",
        )  # fmt: skip
        files = StepFiles(
            "job", (source,), (ref(folder, small, "output"), ref(folder, large, "output"))
        )
        usage = Usage(0.0035920143127441406, 0.001725, 0.0014119999999999998, 5_000_000)
        done = JobRecord(
            f"{i}.1", "direct", at - 0.01, at, "host", 1000 + i, (files,), 0, usage=usage
        )
        events += [JobSubmitted(at - 0.02, spec), JobFinished(at, done)]
    snakefile = folder / "Snakefile"
    digest = "sha256:" + hashlib.sha256(snakefile.read_bytes()).hexdigest()
    info = RunInfo(
        RUN, START, str(folder), str(snakefile), "local", "host", "me", 1, "9.27.1", "0.1.0",
        cores=2, sources=(SourceFile(str(snakefile), digest),),
    )  # fmt: skip
    end = START + jobs / 100 + 1
    writer = JournalWriter(folder, RUN, Redactor({}))
    ended = RunFinished(end, RunEnd(end, "success"))
    writer.append([RunStarted(START, info), *events, ended], sync=False)
    writer.close()


def ref(folder: Path, path: str, role: str) -> FileRef:
    data, stat = (folder / path).read_bytes(), (folder / path).stat()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return FileRef(path, role, "file", digest, len(data), stat.st_mtime)  # type: ignore[arg-type]


def packed(folder: Path) -> int:
    """Bytes of the repository's objects, all in packs."""
    call(folder, "git", "repack", "-adq")
    sizes = dict(
        line.split(": ") for line in call(folder, "git", "count-objects", "-v").splitlines()
    )
    return 1024 * (int(sizes["size-pack"]) + int(sizes["size"]))


def files_in_git(folder: Path) -> int:
    """Bytes that the small files themselves take in the packs."""
    listing = call(folder, "git", "ls-tree", "-r", "HEAD", "out/").splitlines()
    blobs = "\n".join(line.split()[2] for line in listing if line.startswith("100644"))
    sizes = subprocess.run(
        ["git", "cat-file", "--batch-check=%(objectsize:disk)"],
        cwd=folder, input=blobs, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return sum(map(int, sizes.split()))


def record_run(folder: Path, jobs: int) -> float:
    before = packed(folder)
    children, own, began = cpu_of_children(), time.process_time(), time.monotonic()
    recorded = record(folder, read_run(find_run(folder)))
    wall = time.monotonic() - began
    children, own = cpu_of_children() - children, time.process_time() - own
    assert (recorded.in_git, recorded.annexed) == (jobs, jobs), recorded
    as_left = call(folder, "git", "count-objects", "-vH").replace("\n", ", ")
    beyond = packed(folder) - before - files_in_git(folder)
    print(
        f"  recorded in {wall:.1f} s, with {own:.1f} s of CPU, and {children:.1f} s of git's: "
        f"{jobs / wall:.0f} jobs/s; {beyond / jobs:.0f} bytes a job beyond the files, packed"
    )
    print(f"  objects as they were left: {as_left.rstrip(', ')}")
    return jobs / wall


def datalad_runs(folder: Path, count: int, first: int, *options: str) -> float:
    """Jobs a second of `datalad run`, called for each."""
    began = time.monotonic()
    for i in range(first, first + count):
        small, large = names(i, False)
        (folder / small).parent.mkdir(parents=True, exist_ok=True)
        call(
            folder, "datalad", "-l", "warning", "run", *options, "-m", f"job i={i}",
            "-i", "in.txt", "-o", small, "-o", large, shell(i, False),
        )  # fmt: skip
    return count / (time.monotonic() - began)


def check(folder: Path, scratch: Path, reruns: int) -> None:
    """Whether the tools find all in order, here and in a clone."""
    for command in (
        ("git", "fsck", "--strict", "--no-dangling"),
        ("git", "annex", "fsck", "--quiet"),
        ("datalad", "status"),
    ):
        began = time.monotonic()
        said = call(folder, *command).strip().splitlines() or ["(nothing)"]
        print(f"  {' '.join(command)}: {said[-1]} ({time.monotonic() - began:.0f} s)")
    clone = scratch / "clone"
    call(scratch, "datalad", "-l", "warning", "clone", str(folder), str(clone))
    said = call(clone, "datalad", "get", ".").strip().splitlines()
    missing = call(clone, "git", "annex", "find", "--not", "--in=here").strip()
    print(f"  clone, datalad get: {said[-1].strip()}; missing: {missing or 'none'}")
    said = call(clone, "datalad", "rerun", f"--since=HEAD~{reruns}").strip().splitlines()
    new = call(clone, "git", "log", "--oneline", "origin/HEAD..").strip()
    status = call(clone, "datalad", "status").strip()
    ran = next(line.strip() for line in said if line.strip().startswith("run ("))
    print(f"  datalad rerun --since=HEAD~{reruns}: {ran}; new commits: {new or 'none'}; {status}")
    call(scratch, "chmod", "-R", "u+w", str(clone))
    shutil.rmtree(clone)


def synthetic(jobs: int, peers: int, flat: bool, scratch: Path) -> None:
    print(f"{jobs} jobs, {'one folder' if flat else 'folders of 100'}")
    folder = dataset(scratch / f"study-{jobs}")
    make_run(folder, jobs, flat)
    rate = record_run(folder, jobs)
    check(folder, scratch, min(3, jobs))
    for title, where in (("empty", None), ("this", folder)):
        for options in ((), ("--explicit",)):
            place = where or dataset(scratch / f"fresh-{jobs}{''.join(options)}")
            first = 200_000 + (500 if options else 0)
            theirs = datalad_runs(place, peers, first, *options)
            name = " ".join(["datalad run", *options])
            print(f"  {name}, {title} dataset: {theirs:.2f} jobs/s; ours {rate / theirs:.0f} times")


def with_snakemake(jobs: int, scratch: Path, turns: int) -> None:
    """How much longer a run of Snakemake takes that records itself; in turns."""
    results: dict[str, list[tuple[float, float]]] = {"none": [], "datalad": []}
    for turn in range(turns):
        for setting, found in results.items():
            folder = dataset(scratch / f"run-{setting}-{turn}", textwrap.dedent(SNAKEFILE))
            cpu, began = cpu_of_children(), time.monotonic()
            call(
                folder, sys.executable, "-m", "snakemake", "--executor", "renku", "--jobs", "2",
                "--scheduler", "greedy", "--quiet", "all", "--renku-record", setting,
                "--config", f"num={jobs}",
            )  # fmt: skip
            found.append((time.monotonic() - began, cpu_of_children() - cpu))
    for setting, found in results.items():
        times = ", ".join(f"{wall:.1f} s ({cpu:.1f} s of CPU)" for wall, cpu in found)
        print(f"snakemake, {jobs} jobs, --renku-record {setting}: {times}")
    for name, number in (("wall", 0), ("CPU", 1)):
        least = {setting: min(each[number] for each in found) for setting, found in results.items()}
        more = 100 * (least["datalad"] / least["none"] - 1)
        print(f"  recording adds {more:.1f} % of {name} (of the best turns)")


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--peers", type=int, default=20, help="calls of `datalad run` each")
    parser.add_argument("--snakemake", type=int, default=1000, help="jobs of the runs of Snakemake")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--flat", action="store_true", help="all outputs in one folder")
    parser.add_argument("--quick", action="store_true", help="a few jobs of each")
    parser.add_argument("--folder", type=Path, help="where to work (a temporary folder)")
    args = parser.parse_args()
    if args.quick:
        args.jobs, args.peers, args.snakemake, args.turns = [200], 2, 100, 1
    scratch = Path(tempfile.mkdtemp(prefix="recording-", dir=args.folder)).resolve()
    try:
        for jobs in args.jobs:
            synthetic(jobs, args.peers, args.flat, scratch)
        if args.snakemake:
            with_snakemake(args.snakemake, scratch, args.turns)
    finally:
        call(scratch, "chmod", "-R", "u+w", ".", check=False)
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
