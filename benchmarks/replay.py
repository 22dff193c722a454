"""What a replay costs beside the run that it repeats, and beside `datalad rerun`, on this machine.

    python benchmarks/replay.py [--shell 200] [--scripts 50] [--rerun 25] [--repeat 3] [--json]

Makes a dataset in which Snakemake runs so many jobs by our executor, records the run, and replays
it in turn with running it anew. ``ratio`` is over the wall of the run: whole calls of the commands,
each with its start of Python; ``clone`` is what of a replay went into cloning and fetching. Then
`datalad rerun --since` and `snakemake-renku replay --since` execute the last jobs of the same
repository, in a clone and from it; their walls are divided by the number of jobs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BIN = Path(sys.executable).parent

SNAKEFILE = """
    rule all:
        input:
            expand("shell/{i}.txt", i=range(int(config["shell"]))),
            expand("script/{i}.json", i=range(int(config["scripts"])))

    rule by_shell:
        input: "data/{i}.txt"
        output: "shell/{i}.txt"
        shell: "sort -r {input} > {output}"

    rule by_script:
        input: "shell/{i}.txt"
        output: "script/{i}.json"
        script: "scripts/sum.py"
"""

SCRIPT = """
    import json
    numbers = [int(line) for line in open(snakemake.input[0])]
    json.dump({"sum": sum(numbers)}, open(snakemake.output[0], "w"))
"""


class Row(NamedTuple):
    what: str
    jobs: int
    seconds: float
    clone_s: float | None = None
    ratio: float | None = None


def main() -> int:
    options = parse()
    with tempfile.TemporaryDirectory(prefix="replay-", dir=options.folder) as folder:
        rows = list(measure(Path(folder), options))
    print(json.dumps([row._asdict() for row in rows], indent=1) if options.json else as_table(rows))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shell", type=int, default=200, help="shell jobs")
    parser.add_argument("--scripts", type=int, default=50, help="script jobs, at most as many")
    parser.add_argument("--rerun", type=int, default=25, help="jobs for datalad rerun; 0: none")
    parser.add_argument("--repeat", type=int, default=3, help="turns; the median counts")
    parser.add_argument("--jobs", type=int, default=2, help="cores")
    parser.add_argument("--folder", type=Path, help="where to put the dataset; it is removed")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    dataset = make_dataset(folder / "dataset", options.shell)
    jobs = options.shell + options.scripts
    config = [f"shell={options.shell}", f"scripts={options.scripts}"]
    snakemake = ["snakemake", "--executor", "renku", "--jobs", str(options.jobs)]
    command = [*snakemake, "--scheduler", "greedy", "--config", *config]
    runs, replays, clones = [], [], []
    for turn in range(options.repeat):
        for name in ("shell", "script"):
            shutil.rmtree(dataset / name, ignore_errors=True)
        runs.append(call(command, dataset)[0])
        if turn == 0:
            yield Row("record the run", jobs, call(["snakemake-renku", "record"], dataset)[0])
        seconds, clone_s = replay(dataset, "latest", options.jobs)
        replays.append(seconds)
        clones.append(clone_s)
    run, again, clone = (statistics.median(times) for times in (runs, replays, clones))
    yield Row("snakemake --executor renku", jobs, run, ratio=1.0)
    yield Row("snakemake-renku replay", jobs, again, clone, again / run)
    yield Row("  without the clone", jobs, again - clone, ratio=(again - clone) / run)
    if options.rerun:
        yield from against_datalad(dataset, folder, options)


def against_datalad(dataset: Path, folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    count, since = options.rerun, f"HEAD~{options.rerun}"
    seconds, clone_s = replay(dataset, "--since", options.jobs, since)
    yield Row("snakemake-renku replay --since", count, seconds, clone_s)
    clone = folder / "clone"
    cloning, _ = call(["datalad", "clone", str(dataset), str(clone)], folder)
    rerun, _ = call(["datalad", "rerun", "--since", since], clone)
    yield Row("datalad rerun --since", count, rerun + cloning, cloning)


def make_dataset(folder: Path, count: int) -> Path:
    folder.mkdir()
    call(["datalad", "create", "--force", "-c", "text2git", "."], folder)
    with (folder / ".gitattributes").open("a") as attributes:
        attributes.write("* annex.backend=SHA256E\n")
    write(folder / ".gitignore", ".snakemake/\n")
    write(folder / "Snakefile", SNAKEFILE)
    write(folder / "scripts" / "sum.py", SCRIPT)
    for i in range(count):
        write(folder / "data" / f"{i}.txt", "".join(f"{n}\n" for n in range(i, i + 100)))
    call(["datalad", "save", "-m", "workflow and data"], folder)
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


def replay(dataset: Path, what: str, cores: int, *more: str) -> tuple[float, float]:
    """Replay; the seconds of it all, and those that cloning and fetching took."""
    command = ["snakemake-renku", "replay", what, *more, "--jobs", str(cores)]
    seconds, said = call(command, dataset)
    told = re.search(r"^Cloned .* in ([0-9.]+) s\.$", said, re.MULTILINE)
    assert told is not None, said
    return seconds, float(told[1])


def call(command: list[str], folder: Path) -> tuple[float, str]:
    """Run a command that must succeed; the seconds that it took, and what it said."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    started = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return seconds, done.stderr


def as_table(rows: list[Row]) -> str:
    lines = [f"{'what':32} {'jobs':>6} {'seconds':>8} {'ms/job':>8} {'clone s':>8} {'ratio':>6}"]
    for row in rows:
        clone = f"{row.clone_s:.2f}" if row.clone_s is not None else ""
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        each = row.seconds / row.jobs * 1000
        lines.append(
            f"{row.what:32} {row.jobs:6} {row.seconds:8.2f} {each:8.1f} {clone:>8} {ratio:>6}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
