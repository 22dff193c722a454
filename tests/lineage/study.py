"""A small study in a dataset, run for real: three runs, a temporary file, a folder, a copy.

    data/{1,2}.txt ─ double ─ results/double/{n}.csv ─ gather ─ results/all.csv (temporary) ─ total
    ─ results/total.txt ─ split ─ results/parts/ ─ (a later run) end ─ results/end.txt

Between the first and the second run ``data/2.txt`` is changed and committed. The third run uses a
copy of a result at another path, and a file out of a folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent

SNAKEFILE = """\
configfile: "config.yaml"
rule all:
    input: "results/total.txt", "results/parts"
rule double:
    input: "data/{n}.txt"
    output: "results/double/{n}.csv"
    log: "logs/{n}.log"
    params: factor=config["factor"]
    shell: "awk '{{print $1 * {params.factor}}}' {input} > {output} 2> {log}"
rule gather:
    input: expand("results/double/{n}.csv", n=[1, 2])
    output: temp("results/all.csv")
    shell: "cat {input} > {output}"
rule total:
    input: "results/all.csv"
    output: "results/total.txt"
    script: "scripts/total.py"
rule split:
    input: "results/total.txt"
    output: directory("results/parts")
    shell: "mkdir -p {output} && cp {input} {output}/a.txt && echo b > {output}/b.txt"
rule end:
    input: "results/parts/a.txt", "copies/total.txt"
    output: "results/end.txt"
    shell: "cat {input} > {output}"
"""

SCRIPT = """\
with open(snakemake.input[0]) as lines, open(snakemake.output[0], "w") as file:
    file.write(f"{sum(float(line) for line in lines)}\\n")
"""

ATTRIBUTES = """\
* annex.backend=SHA256E
* annex.largefiles=nothing
data/** annex.largefiles=anything
results/** annex.largefiles=anything
"""


def environment() -> dict[str, str]:
    """One in which our tools are found first, and in which git knows who commits."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "GIT_AUTHOR_NAME": "A Modeller",
        "GIT_AUTHOR_EMAIL": "modeller@example.org",
        "GIT_COMMITTER_NAME": "A Modeller",
        "GIT_COMMITTER_EMAIL": "modeller@example.org",
    }


def sh(folder: Path, *command: str) -> str:
    """What a command prints."""
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def snakemake(folder: Path, *targets: str) -> None:
    """Run the workflow by our executor."""
    options = ("--executor", "renku", "--jobs", "2", "--scheduler", "greedy", "--quiet", "all")
    sh(folder, "snakemake", *targets, *options)


def commit(folder: Path, message: str) -> None:
    """Add and commit everything, large files to the annex."""
    if (folder / ".git" / "annex").exists():
        sh(folder, "git", "annex", "add", "--quiet", ".")
    sh(folder, "git", "add", "--update" if (folder / ".git" / "annex").exists() else "--all")
    sh(folder, "git", "commit", "--quiet", "--message", message)


def record(folder: Path) -> None:
    """Put the journals into git, as they are recorded."""
    runs = folder / ".snakemake-renku" / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    (runs.parent / ".gitattributes").write_text("* annex.largefiles=nothing\n")
    for journal in (folder / ".snakemake" / "renku" / "runs").iterdir():
        shutil.copy(journal, runs)
    commit(folder, "Records")


def make(folder: Path, *, annex: bool = True) -> None:
    """Make the dataset and its first run."""
    for name in ("data", "workflow/scripts"):
        (folder / name).mkdir(parents=True)
    sh(folder, "git", "init", "--quiet", "--initial-branch=main")
    if annex:
        sh(folder, "git", "annex", "init", "--quiet", "here")
        (folder / ".gitattributes").write_text(ATTRIBUTES)
    (folder / ".gitignore").write_text(".snakemake/\n__pycache__/\n")
    (folder / "workflow" / "Snakefile").write_text(SNAKEFILE)
    (folder / "workflow" / "scripts" / "total.py").write_text(SCRIPT)
    (folder / "config.yaml").write_text("factor: 2\n")
    for n in (1, 2):
        (folder / "data" / f"{n}.txt").write_text(f"{n}\n{n}0\n")
    commit(folder, "Workflow and data")
    snakemake(folder)
    commit(folder, "Results")


def change(folder: Path) -> None:
    """Change a source, and run again."""
    sh(folder, "git", "annex", "unlock", "--quiet", "data/2.txt")
    (folder / "data" / "2.txt").write_text("3\n30\n")
    commit(folder, "Better data")
    snakemake(folder)
    commit(folder, "Better results")


def use_copy(folder: Path) -> None:
    """Copy a result by hand, and use it."""
    (folder / "copies").mkdir()
    shutil.copy(folder / "results" / "total.txt", folder / "copies" / "total.txt")
    commit(folder, "A copy")
    snakemake(folder, "results/end.txt")
    commit(folder, "The end")


def runs(folder: Path) -> list[str]:
    """The names of the runs, oldest first."""
    journals = folder / ".snakemake" / "renku" / "runs"
    return sorted(path.stem for path in journals.glob("*.jsonl"))
