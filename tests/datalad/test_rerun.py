"""What Snakemake ran here is recorded, and executed again by plain DataLad in a clone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.datalad.lab import environment, git

SNAKEFILE = """
configfile: "config.yaml"
rule all:
    input: "out/up.txt", "out/doubled it's {braces}.txt".format(braces="[1]*")
rule double:
    input: "data/in.txt"
    output: temp("out/doubled.txt")
    log: "logs/double.log"
    benchmark: "benchmarks/double.tsv"
    shell: "awk '{{print $1 * {config[factor]}}}' {input} >> {output} 2>> {log}"
rule copy:
    input: "out/doubled.txt"
    output: "out/doubled it's {n}.txt"
    shell: "cat {input} | tee -a {output:q}"
rule up:
    input: "out/doubled.txt"
    output: "out/up.txt"
    script: "scripts/up.py"
"""

SCRIPT = """
text = open(snakemake.input[0]).read()
open(snakemake.output[0], "w").write("sum %s\\n" % sum(map(int, text.split())))
"""


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset whose workflow, in a folder below its root, ran and was recorded."""
    root = tmp_path_factory.mktemp("study")
    run(root, "datalad", "-l", "warning", "create", "--force", ".")
    for name, value in (("user.name", "A Modeller"), ("user.email", "modeller@example.org")):
        git(root, "config", name, value)
    (root / ".gitattributes").open("a").write("*.txt annex.largefiles=nothing\n")
    (root / ".gitignore").write_text(".snakemake/\n")
    workdir = root / "analysis"
    for path, text in {
        "Snakefile": SNAKEFILE,
        "scripts/up.py": SCRIPT,
        "config.yaml": "factor: 2\n",
        "data/in.txt": "1\n2\n3\n",
    }.items():
        (workdir / path).parent.mkdir(parents=True, exist_ok=True)
        (workdir / path).write_text(text)
    run(root, "datalad", "-l", "warning", "save", "-m", "workflow")
    run(workdir, *snakemake("--executor", "renku", "--jobs", "2"))
    run(workdir, "snakemake-renku", "record")
    return root


def snakemake(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "snakemake", "--scheduler", "greedy", *arguments)


def test_afterwards_snakemake_has_nothing_to_do(study: Path) -> None:
    assert "Nothing to be done" in run(study / "analysis", *snakemake("-n", "--cores", "1"))


def test_afterwards_the_dataset_is_clean_and_whole(study: Path) -> None:
    assert "nothing to save, working tree clean" in run(study, "datalad", "status")
    run(study, "git", "fsck", "--no-dangling")
    run(study, "git", "annex", "fsck", "--quiet")


def test_a_benchmark_that_datalad_will_not_measure_again_stands_with_the_journal(
    study: Path,
) -> None:
    place = "analysis/benchmarks/double.tsv"
    assert git(study, "log", "--format=%s", "--", place).startswith("Record of run")


def test_plain_datalad_makes_the_same_files_again_in_a_clone(study: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    run(tmp_path, "datalad", "-l", "warning", "clone", str(study), str(clone))
    first = git(clone, "log", "--format=%H", "--grep=^Record of run")
    said = run(clone, "datalad", "rerun", f"--since={first}")
    assert "run (ok: 3)" in said
    assert git(clone, "diff", "--stat", "origin/HEAD", "HEAD") == ""
    assert "nothing to save, working tree clean" in run(clone, "datalad", "status")
    # The temporary file came and went, each with a commit; what else was made is the same.
    assert git(clone, "log", "--format=%s", "origin/HEAD..").count("RUNCMD") == 2
