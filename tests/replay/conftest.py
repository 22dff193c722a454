"""Real datasets with a real run, recorded; and the command that replays them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from snakemake_renku.journal import RunHistory, list_runs, read_run
from snakemake_renku.model import JobVerdict, OutputVerdict, Verdict

BIN = str(Path(sys.executable).parent)
NAMED = {"GIT_AUTHOR_NAME": "A Modeller", "GIT_AUTHOR_EMAIL": "modeller@example.org"}
ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    "PATH": f"{BIN}:{os.environ['PATH']}",
    **NAMED,
    **{name.replace("AUTHOR", "COMMITTER"): value for name, value in NAMED.items()},
}

SNAKEFILE = """
import sys

configfile: "config/config.yaml"

rule all:
    input:
        "results/label.txt", "results/field.nc", "results/plot.png", "results/count.txt",
        "results/page.txt"

rule double:
    input: "data/{n}.txt"
    output: "results/double/{n}.csv"
    params: factor=config["factor"]
    shell: "awk '{{print $1 \\",\\" $1*{params.factor}}}' {input} > {output}"

rule gather:
    input: expand("results/double/{n}.csv", n=[1, 2])
    output: temp("results/all.csv")
    shell: "cat {input} > {output}"

rule sum:
    input: "results/all.csv"
    output: "results/sum.json"
    shell: "awk -F, -f scripts/sum.awk {input} > {output}"

rule label:
    input: "results/sum.json"
    output: "results/label.txt"
    log: "logs/label.log"
    script: "scripts/label.py"

rule field:
    input: "results/sum.json"
    output: "results/field.nc"
    script: "scripts/field.py"

rule plot:
    input: "results/sum.json"
    output: "results/plot.png"
    script: "scripts/plot.py"

rule stamp:
    output: temp("results/stamp.txt")
    shell: "date +%s%N > {output}"

rule count:
    input: "results/stamp.txt"
    output: "results/count.txt"
    shell: "wc -l < {input} > {output}"

rule page:
    output: "results/page.txt"
    params: python=sys.executable
    shell:
        "if [ -e cache/page ]; then cp cache/page {output}; else {params.python} -c"
        " 'import urllib.request as u; u.urlopen(\\"http://nowhere.invalid/\\")'; fi"
"""

SCRIPTS = {
    "sum.awk": """
        { sum += $2 }
        END { printf "{\\"sum\\": %.1f, \\"rows\\": %d}\\n", sum, NR }
        """,
    "label.py": """
        found = open(snakemake.input[0]).read()
        with open(snakemake.output[0], "w") as label:
            print("all", "numbers:", found, file=label)
        """,
    "field.py": """
        import json, time
        import netCDF4
        with netCDF4.Dataset(snakemake.output[0], "w") as dataset:
            dataset.createDimension("x", 1)
            total = dataset.createVariable("sum", "f8", ("x",))
            total[:] = json.load(open(snakemake.input[0]))["sum"]
            dataset.history = f"created {time.ctime()} after {time.time()} s"
        """,
    "plot.py": """
        import json, time
        from PIL import Image, PngImagePlugin
        text = PngImagePlugin.PngInfo()
        text.add_text("Creation Time", str(time.time()))
        shade = int(json.load(open(snakemake.input[0]))["sum"]) % 256
        Image.new("L", (4, 4), shade).save(snakemake.output[0], pnginfo=text)
        """,
}


def call(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=ENVIRONMENT | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def git(folder: Path, *arguments: str) -> str:
    done = call("git", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Dataset:
    """A DataLad dataset (or plain git repository); ``below`` is Snakemake's folder in it."""

    root: Path
    below: str = "."
    scratch: Path = field(init=False)

    def __post_init__(self) -> None:
        self.scratch = self.root.with_name(f"{self.root.name} scratch")
        self.scratch.mkdir(exist_ok=True)

    @property
    def workdir(self) -> Path:
        return self.root / self.below

    def write(self, name: str, text: str) -> None:
        path = self.workdir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))

    def save(self, message: str = "a change") -> str:
        """Commit all that is changed or new; the commit."""
        if (self.root / ".git" / "annex").exists():
            git(self.root, "annex", "add", "--quiet", ".")
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--message", message)
        return self.head

    @property
    def head(self) -> str:
        return git(self.root, "rev-parse", "HEAD").strip()

    def run(self, *arguments: str, record: bool = True) -> RunHistory:
        """Run the workflow, and record that."""
        command = [sys.executable, "-m", "snakemake", "--executor", "renku", "--jobs", "2"]
        done = call(*command, "--scheduler", "greedy", *arguments, cwd=self.workdir)
        assert done.returncode == 0, done.stderr
        history = read_run(list_runs(self.workdir)[-1])
        if record:
            self.record(history.info.run)
        return history

    def record(self, run: str) -> None:
        done = call(sys.executable, "-m", "snakemake_renku", "record", run, cwd=self.workdir)
        assert done.returncode == 0, done.stderr

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Begin a replay."""
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake_renku", "replay", *arguments],
            cwd=self.workdir,
            env=ENVIRONMENT | {"TMPDIR": str(self.scratch)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def call(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Replay; nothing may be left in the folder for temporary files."""
        process = self.start(*arguments, **environment)
        stdout, stderr = process.communicate()
        if "--keep" not in arguments:
            assert list(self.scratch.iterdir()) == [], stderr
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def replay(self, *arguments: str, status: int = 0, **environment: str) -> Replayed:
        done = self.call("--json", *arguments, **environment)
        assert done.returncode == status, done.stdout + done.stderr
        return Replayed(msgspec.json.decode(done.stdout, type=Verdict), done.stderr)

    def refuse(self, *arguments: str, **environment: str) -> str:
        """What a replay says that cannot be made."""
        done = self.call(*arguments, **environment)
        assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
        return done.stderr


@dataclass
class Replayed:
    """A verdict, and what was said meanwhile."""

    verdict: Verdict
    said: str

    def job(self, rule: str) -> JobVerdict:
        (found,) = (job for job in self.verdict.jobs if job.rule == rule)
        return found

    def output(self, path: str) -> OutputVerdict:
        (found,) = (output for output in self.verdict.outputs if output.path == path)
        return found

    @property
    def rules(self) -> list[str]:
        return sorted({job.rule for job in self.verdict.jobs})


def new_dataset(root: Path, *, annex: bool = True, below: str = ".") -> Dataset:
    """A repository with a workflow and its data, in which nothing ran yet."""
    (root / below).mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    dataset = Dataset(root, below)
    if annex:
        git(root, "annex", "init", "--quiet", "the modeller's")
        in_git = ("*.py", "*.awk", "*.yaml", "Snakefile")
        lines = ["* annex.backend=SHA256E", *(f"{n} annex.largefiles=nothing" for n in in_git)]
        (root / ".gitattributes").write_text("".join(f"{line}\n" for line in lines))
    (root / ".gitignore").write_text(".snakemake/\ncache/\n")
    dataset.write("Snakefile", SNAKEFILE)
    dataset.write("config/config.yaml", "factor: 2\n")
    for name, text in SCRIPTS.items():
        dataset.write(f"scripts/{name}", text)
    for n in (1, 2):
        dataset.write(f"data/{n}.txt", "".join(f"{i}\n" for i in range(n, 5 * n)))
    return dataset


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset with one recorded run. Not to be changed: take ``dataset``."""
    dataset = new_dataset(tmp_path_factory.mktemp("recorded") / "dataset")
    dataset.save("workflow and data")
    dataset.write("cache/page", "as it was yesterday\n")
    dataset.run()
    shutil.rmtree(dataset.root / "cache")
    return dataset


@pytest.fixture
def dataset(recorded: Dataset, tmp_path: Path) -> Dataset:
    """A dataset of one's own, elsewhere than where it ran."""
    return copy_of(recorded, tmp_path / "a dätaset")


def copy_of(dataset: Dataset, root: Path) -> Dataset:
    """The same dataset in another folder, to be changed at will."""
    shutil.copytree(dataset.root, root, symlinks=True)
    git(root, "update-index", "-q", "--refresh")
    return Dataset(root, dataset.below)


@pytest.fixture
def clone_of(tmp_path: Path) -> Callable[[Dataset], Dataset]:
    """Makes a clone as a reviewer has it: nothing of ``.snakemake``, no contents."""

    def clone(original: Dataset, *arguments: str) -> Dataset:
        root = tmp_path / f"clone of {original.root.name}"
        git(tmp_path, "clone", "--quiet", *arguments, str(original.root), str(root))
        return Dataset(root, original.below)

    return clone
