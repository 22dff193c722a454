"""What a job costs beside its own work, on this machine.

Runs the same trivial jobs through Snakemake's built-in executor (which records nothing), through
ours (which records everything), and a few through a nested start of Snakemake for each, as other
remote executors do it; all in one go, side by side. Prints wall times, CPU times and ratios.

    python benchmarks/local_overhead.py [--jobs 1000] [--scripts 200] [--nested 10] [--repeat 3]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import asdict, dataclass
from pathlib import Path

SNAKEFILES = {
    "shell": """
        rule all:
            input: expand("out/{i}.txt", i=range(int(config["num"])))
        rule job:
            output: "out/{i}.txt"
            shell: "echo {wildcards.i} > {output}"
        """,
    "script": """
        rule all:
            input: expand("out/{i}.txt", i=range(int(config["num"])))
        rule job:
            output: "out/{i}.txt"
            script: "job.py"
        """,
}

SCRIPT = "open(snakemake.output[0], 'w').write(snakemake.wildcards.i)\n"

NESTED_PLUGIN = '''
import shlex, subprocess
from concurrent.futures import ThreadPoolExecutor
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings, ExecMode
common_settings = CommonSettings(non_local_exec=True, implies_no_shared_fs=False,
    job_deploy_sources=False, auto_deploy_default_storage_provider=False)

class Executor(RealExecutor):
    """The least that a remote executor does: one nested Snakemake for each job."""
    def __post_init__(self):
        self.pool = ThreadPoolExecutor(2)
    def run_job(self, job):
        info = SubmittedJobInfo(job=job)
        command = self.format_job_exec(job)
        self.report_job_submission(info)
        self.pool.submit(self.work, info, command)
    def work(self, info, command):
        if subprocess.call(command, shell=True, stderr=subprocess.DEVNULL) == 0:
            self.report_job_success(info)
        else:
            self.report_job_error(info)
    def additional_general_args(self):
        return ""
    def cancel(self):
        self.shutdown()
    def shutdown(self):
        self.pool.shutdown()
    @property
    def cores(self):
        return "all"
    def get_exec_mode(self):
        return ExecMode.REMOTE
    def get_python_executable(self):
        import sys
        return sys.executable
'''


@dataclass
class Result:
    """One run: seconds in all; ``cpu_s`` with all children, ``runner_cpu_s`` beside Snakemake."""

    wall_s: float
    cpu_s: float
    runner_cpu_s: float | None


EXECUTORS = {
    "built-in": ["--cores", "2"],
    "renku": ["--executor", "renku", "--jobs", "2"],
    "renku, warm": ["--executor", "renku", "--jobs", "2", "--renku-start", "warm"],
    "nested": ["--executor", "nestedbench", "--jobs", "2"],
}


def run(kind: str, count: int, executor: str, folder: Path) -> Result:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "Snakefile").write_text(textwrap.dedent(SNAKEFILES[kind]))
    (folder / "job.py").write_text(SCRIPT)
    plugin = folder.parent / "plugins" / "snakemake_executor_plugin_nestedbench.py"
    if executor == "nested":
        package = plugin.with_suffix("")
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(NESTED_PLUGIN)
    environment = dict(os.environ)
    if executor == "nested":
        environment["PYTHONPATH"] = str(plugin.parent)
    command = [sys.executable, "-m", "snakemake", "--quiet", "all", "--scheduler", "greedy"]
    command += [*EXECUTORS[executor], "--config", f"num={count}"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or len(list((folder / "out").iterdir())) != count:
        sys.exit(f"{executor}: the workflow failed\n{done.stdout}\n{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Result(wall, cpu, runner_cpu(folder))


def runner_cpu(folder: Path) -> float | None:
    for journal in (folder / ".snakemake" / "renku" / "runs").glob("*.jsonl"):
        last = json.loads(journal.read_text().splitlines()[-1])
        return last["end"]["runner_cpu_s"]
    return None


def measure(
    kind: str, count: int, names: list[str], folder: Path, repeat: int
) -> dict[str, Result]:
    """The run with the median wall time; in turns, so that a busy moment hits all alike."""
    results: dict[str, list[Result]] = {name: [] for name in names}
    for _ in range(repeat):
        for name in names:
            results[name].append(run(kind, count, name, folder))
    return {n: sorted(r, key=lambda r: r.wall_s)[len(r) // 2] for n, r in results.items()}


def idle(folder: Path) -> Result:
    """A run of one job: what starting and ending cost, to be taken off the nested start's total."""
    runs = [run("shell", 1, "nested", folder) for _ in range(2)]
    return Result(
        *(statistics.mean(getattr(r, n) for r in runs) for n in ("wall_s", "cpu_s")), None
    )


def table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _milliseconds(seconds: float | None, count: int) -> str:
    return "" if seconds is None else f"{1000 * seconds / count:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000, help="shell jobs")
    parser.add_argument("--scripts", type=int, default=200, help="script jobs")
    parser.add_argument("--nested", type=int, default=10, help="jobs for the nested starts")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the median counts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results: dict[str, dict[str, object]] = {}
    rows = [("", "jobs", "wall s", "of built-in", "CPU s", "runner ms CPU/job")]
    with tempfile.TemporaryDirectory(prefix="renku-bench-") as scratch:
        folder = Path(scratch) / "run"
        for kind, count in (("shell", options.jobs), ("script", options.scripts)):
            if not count:
                continue
            names = ["built-in", "renku"] + (["renku, warm"] if kind == "shell" else [])
            for name, result in measure(kind, count, names, folder, options.repeat).items():
                if name == "built-in":
                    base = result
                ratio = result.wall_s / base.wall_s
                each = _milliseconds(result.runner_cpu_s, count)
                cells = (f"{result.wall_s:.1f}", f"{ratio:.2f}", f"{result.cpu_s:.1f}", each)
                rows.append((f"{kind}: {name}", str(count), *cells))
                results[f"{kind}: {name}"] = {**asdict(result), "jobs": count, "wall_ratio": ratio}
        if options.nested:
            one = idle(folder)
            many = run("shell", options.nested + 1, "nested", folder)
            each = 1000 * (many.cpu_s - one.cpu_s) / options.nested
            rows.append(
                (
                    "shell: nested start",
                    str(options.nested),
                    f"{many.wall_s:.1f}",
                    "",
                    f"{many.cpu_s:.1f}",
                    f"{each:.0f}",
                )
            )
            results["shell: nested start"] = {
                **asdict(many),
                "jobs": options.nested,
                "runner_ms_per_job": each,
            }
    print(json.dumps(results, indent=1) if options.json else table(rows))


if __name__ == "__main__":
    main()
