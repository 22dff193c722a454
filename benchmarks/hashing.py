"""Hashing: this package beside coreutils and OpenSSL, on one large file and on many small ones.

    python benchmarks/hashing.py [--size 2000] [--files 20000] [--folder DIR] [--json]

``ratio`` is a tool's time over ours: above 1, ours is faster. "cold" asks the kernel to forget the
file's pages first, which a file system in memory does not do. Times of the tools include the start
of their process, ours does not include the start of Python.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from snakemake_renku.runner.digest import digest_file, digest_paths
from snakemake_renku.runner.digest_cache import DigestCache

T = TypeVar("T")

CHUNK = os.urandom(1 << 20)


class Row(NamedTuple):
    case: str
    tool: str
    seconds: float
    amount: float
    unit: str
    ratio: float

    @property
    def rate(self) -> float:
        return self.amount / self.seconds


def main() -> int:
    options = parse()
    with folder_in(options.folder) as folder:
        rows = [
            *large(folder, options.size, options.repeat),
            *small(folder, options.files, options.repeat),
        ]
    print(as_json(rows) if options.json else as_table(rows))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=int, default=2000, help="of the large file, in MB")
    parser.add_argument("--files", type=int, default=20_000, help="number of files of 1 KB")
    parser.add_argument("--folder", type=Path, help="where to put the files; they are removed")
    parser.add_argument("--repeat", type=int, default=2, help="turns; the best counts")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextmanager
def folder_in(parent: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hashing-", dir=parent) as folder:
        yield Path(folder)


def large(folder: Path, megabytes: int, repeat: int) -> Iterator[Row]:
    path = folder / "large"
    write_large(path, megabytes * 1_000_000)
    tools: dict[str, Callable[[], str]] = {"ours": lambda: digest_file(path).partition(":")[2]}
    for name, command in commands().items():
        tools[name] = lambda command=command: run([*command, str(path)])
    for state, prepare in {"cold": forget, "warm": recall}.items():
        best = {name: float("inf") for name in tools}
        answers = set()
        for _ in range(repeat):
            for name, tool in tools.items():
                prepare(path)
                seconds, answer = timed(tool)
                best[name] = min(best[name], seconds)
                answers.add(answer)
        assert len(answers) == 1, f"the tools disagree: {answers}"
        case = f"one file of {megabytes} MB, {state}"
        yield from rows_of(case, best, float(megabytes), "MB/s")
    path.unlink()


def commands() -> dict[str, list[str]]:
    known = {"sha256sum": ["sha256sum"], "openssl": ["openssl", "sha256", "-r"]}
    return {name: command for name, command in known.items() if shutil.which(name)}


def small(folder: Path, number: int, repeat: int) -> list[Row]:
    paths = [folder / f"{index:06d}" for index in range(number)]
    for path in paths:
        path.write_bytes(os.urandom(1000))
    names = [os.fspath(path) for path in paths]
    # Only files older than a tick of the clock are kept in a cache.
    time.sleep(0.05)
    best: dict[str, float] = {}
    for turn in range(repeat):
        for tool, work in small_tools(names, folder / f"cache-{turn}").items():
            best[tool] = min(best.get(tool, float("inf")), timed(work)[0])
    return rows_of(f"{number} files of 1 KB, warm", best, float(number), "files/s")


def small_tools(names: list[str], cache_folder: Path) -> dict[str, Callable[[], object]]:
    cache = DigestCache(cache_folder)
    tools: dict[str, Callable[[], object]] = {
        "ours": lambda: digest_paths(names),
        "ours, filling a cache": lambda: digest_paths(names, cache),
        "ours, same process again": lambda: digest_paths(names, cache),
        "ours, writing the cache": cache.flush,
        "ours, next run": lambda: digest_paths(names, DigestCache(cache_folder)),
    }
    if shutil.which("sha256sum"):
        tools["xargs sha256sum"] = lambda: run(["xargs", "-0", "sha256sum"], "\0".join(names))
    return tools


def rows_of(case: str, best: dict[str, float], amount: float, unit: str) -> list[Row]:
    return [
        Row(case, tool, seconds, amount, unit, seconds / best["ours"])
        for tool, seconds in best.items()
    ]


def write_large(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for left in range(size, 0, -len(CHUNK)):
            file.write(CHUNK[: min(left, len(CHUNK))])
        file.flush()
        os.fsync(file.fileno())


def forget(path: Path) -> None:
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def recall(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    answer = work()
    return time.perf_counter() - start, answer


def run(command: list[str], text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout.split(maxsplit=1)[0]


def as_json(rows: list[Row]) -> str:
    return json.dumps([{**row._asdict(), "rate": row.rate} for row in rows], indent=1)


def as_table(rows: list[Row]) -> str:
    lines = [f"{'case':30} {'tool':26} {'seconds':>8} {'rate':>16} {'ratio':>7}"]
    for row in rows:
        rate = f"{row.rate:,.0f} {row.unit}"
        lines.append(f"{row.case:30} {row.tool:26} {row.seconds:8.3f} {rate:>16} {row.ratio:7.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
