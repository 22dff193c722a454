"""What a job costs on Slurm: we, snakemake-executor-plugin-slurm, and a bare array, side by side.

    python benchmarks/slurm.py [--few 3] [--many 100] [--pool 1000] [--ready 1000] [--no-peer]

Needs a Slurm whose commands are on PATH, and for the peer its package (`--peer FOLDER` names a
virtual environment that has it; without it, one is made). All in one go, on the cluster as it is.
Prints wall times, CPU time of the jobs as Slurm counts it, how often Slurm was asked, and ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import asdict, dataclass
from pathlib import Path

PEER = "snakemake-executor-plugin-slurm==2.8.0"
COMMANDS = ("sbatch", "squeue", "sacct", "scancel", "scontrol", "sacctmgr", "sinfo")

SNAKEFILE = """
rule all:
    input: expand("out/{i}.txt", i=range(int(config["num"])))
rule job:
    output: "out/{i}.txt"
    resources: mem_mb=int(config["mem"]), runtime=2
    shell: "echo {wildcards.i} > {output}"
"""

# Notes each call of a command of Slurm with its times, then is that command.
SHIM = """#!/bin/sh
began=$(date +%s.%N)
{real} "$@"
code=$?
echo "{name} $began $(date +%s.%N)" >> "$RENKU_CALLS"
exit $code
"""


@dataclass(frozen=True)
class Result:
    """One run. ``cpu_per_job_s`` is of the jobs alone, by ``sacct``; None where it has nothing."""

    what: str
    jobs: int
    wall_s: float
    main_cpu_s: float
    main_rss_mb: float
    cpu_per_job_s: float | None
    calls: dict[str, int]
    submitting_s: float

    def row(self) -> str:
        cpu = "" if self.cpu_per_job_s is None else f"{1000 * self.cpu_per_job_s:.0f} ms"
        calls = " ".join(f"{name}:{n}" for name, n in self.calls.items() if n)
        return (
            f"{self.what:28} {self.jobs:6} {self.wall_s:8.1f} {self.jobs / self.wall_s:7.1f}"
            f" {self.main_cpu_s:9.1f} {self.main_rss_mb:8.0f} {cpu:>9} {self.submitting_s:7.2f}"
            f"  {calls}"
        )


HEAD = (
    f"{'':28} {'jobs':>6} {'wall s':>8} {'jobs/s':>7} {'main cpu':>9} {'main MB':>8} {'cpu/job':>9}"
    f" {'subm. s':>7}  calls"
)


class Lab:
    """A folder for runs, with commands of Slurm that note their calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shims = folder / "shims"
        self.shims.mkdir()
        for name in COMMANDS:
            real = shutil.which(name)
            if real is not None:
                shim = self.shims / name
                shim.write_text(SHIM.format(real=real, name=name))
                shim.chmod(0o755)
        self.count = 0

    def snakemake(self, what: str, python: Path, num: int, mem: int, *options: str) -> Result:
        self.count += 1
        place = self.folder / f"run{self.count}"
        place.mkdir()
        (place / "Snakefile").write_text(SNAKEFILE)
        command = [str(python), "-m", "snakemake", "--jobs", "5000", "--scheduler", "greedy"]
        command += ["--max-jobs-per-timespan", "10000/1s", "--config", f"num={num}", f"mem={mem}"]
        return self._run(what, [*command, *options], place, num)

    def bare(self, num: int) -> Result:
        """One array of the same commands, waited for by squeue."""
        self.count += 1
        place = self.folder / f"run{self.count}"
        (place / "out").mkdir(parents=True)
        script = textwrap.dedent(
            f"""
            id=$(printf '#!/bin/sh\\necho $SLURM_ARRAY_TASK_ID > out/$SLURM_ARRAY_TASK_ID.txt\\n' |
              sbatch --parsable --array=1-{num} --mem=50 --output=/dev/null)
            while [ -n "$(squeue -h -j $id 2>/dev/null)" ]; do sleep 0.2; done
            """
        )
        return self._run("bare array", ["sh", "-c", script], place, num)

    def _run(self, what: str, command: list[str], place: Path, num: int) -> Result:
        calls = place / "calls"
        calls.touch()
        environment = {
            **os.environ,
            "PATH": f"{self.shims}:{os.environ['PATH']}",
            "RENKU_CALLS": str(calls),
        }
        since = time.strftime("%Y-%m-%dT%H:%M:%S")
        began = time.monotonic()
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=place, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
            _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        made = len(list((place / "out").glob("*.txt")))
        if status != 0 or made != num:
            sys.exit(f"{what}: status {status}, {made} of {num} files; see {place / 'log'}")
        return Result(
            what,
            num,
            wall,
            used.ru_utime + used.ru_stime,
            used.ru_maxrss / 1024,
            _cpu_per_job(place, since, num),
            _count(calls),
            _submitting(calls),
        )


def _count(calls: Path) -> dict[str, int]:
    names = [line.split()[0] for line in calls.read_text().splitlines()]
    return {name: names.count(name) for name in COMMANDS}


def _submitting(calls: Path) -> float:
    """Seconds from the first call of sbatch to the end of the last."""
    lines = (line.split() for line in calls.read_text().splitlines())
    times = [(float(b), float(e)) for name, b, e in lines if name == "sbatch"]
    return max(e for _, e in times) - min(b for b, _ in times) if times else 0.0


def _cpu_per_job(place: Path, since: str, num: int) -> float | None:
    """CPU seconds of the jobs that worked in this folder, per job, when accounting has them."""
    time.sleep(6)  # accounting gathers and writes late
    command = ["sacct", "-n", "-P", "-S", since, "-o", "JobID,WorkDir,TotalCPU", "--units=M"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    total, found = 0.0, 0
    for line in done.stdout.splitlines():
        job, workdir, cpu = line.rsplit("|", 2)
        if "." not in job and Path(workdir) == place:
            total += _seconds(cpu)
            found += 1
    return total / num if found else None


def _seconds(text: str) -> float:
    """From ``[DD-[HH:]]MM:SS.mmm``."""
    days, _, rest = text.rpartition("-")
    seconds = 0.0
    for part in rest.split(":"):
        seconds = 60 * seconds + float(part or 0)
    return seconds + 86400 * int(days or 0)


def peer_python(folder: Path | None, scratch: Path) -> Path:
    """The interpreter of an environment with the peer; one that sees ours is made if need be."""
    if folder is not None:
        return folder / "bin" / "python"
    place = scratch / "peer"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    python = place / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "-q", "install", PEER, "snakemake"], check=True)
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=3)
    parser.add_argument("--many", type=int, default=100)
    parser.add_argument("--ready", type=int, default=1000, help="jobs in job mode, ready at once")
    parser.add_argument("--pool", type=int, default=1000, help="jobs on warm workers")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--peer", type=Path, help="an environment that has the peer")
    parser.add_argument("--json", type=Path, help="write the results there too")
    args = parser.parse_args()
    if shutil.which("sbatch") is None:
        print("No sbatch on PATH: nothing is measured.")
        return
    with tempfile.TemporaryDirectory(prefix="renku-bench-") as name:
        scratch = Path(name)
        lab = Lab(scratch)
        ours = ("--executor", "renku", "--renku-backend")
        results = []

        def note(result: Result) -> Result:
            results.append(result)
            print(result.row(), flush=True)
            return result

        python = Path(sys.executable)
        print(HEAD)
        note(lab.bare(args.many))
        few = note(lab.snakemake("renku slurm, mem_mb=50", python, args.few, 50, *ours, "slurm"))
        many = note(lab.snakemake("renku slurm", python, args.many, 50, *ours, "slurm"))
        if args.ready:
            note(lab.snakemake("renku slurm", python, args.ready, 50, *ours, "slurm"))
        if args.pool:
            note(lab.snakemake("renku slurm-pool", python, args.pool, 50, *ours, "slurm-pool"))
        if not args.no_peer:
            peer = peer_python(args.peer, scratch)
            theirs = ("--executor", "slurm", "--slurm-no-account")
            peer_few = note(lab.snakemake("peer", peer, args.few, 500, *theirs[:2]))
            peer_many = note(lab.snakemake("peer", peer, args.many, 500, *theirs[:2]))
            print(f"\n{args.few} jobs: {few.wall_s / peer_few.wall_s:.3f} of the peer's wall time")
            print(f"{args.many} jobs: {many.wall_s / peer_many.wall_s:.3f} of the peer's wall time")
        if args.json:
            args.json.write_text(json.dumps([asdict(result) for result in results], indent=1))


if __name__ == "__main__":
    main()
