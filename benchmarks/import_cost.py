"""What the installed plugins add to every start of Snakemake: CPU time of ``snakemake --version``.

    python benchmarks/import_cost.py [--runs 11] [--json]

Snakemake imports every plugin that it finds at every start, for every user. Ours are once found and
once hidden, in turn; the medians are compared. The target is at most 50 ms. On a busy machine both
vary by more than that; the smallest times, which suffer least, are shown beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

TARGET_MS = 50.0

PLUGINS = sorted(
    folder.name
    for folder in (Path(__file__).parents[1] / "snakemake_renku" / "plugins").iterdir()
    if folder.name.startswith("snakemake_")
)

PROGRAM = """
import pkgutil, sys
hidden, found = set(sys.argv.pop().split()), pkgutil.iter_modules
pkgutil.iter_modules = lambda *a, **k: (m for m in found(*a, **k) if m.name not in hidden)
from snakemake.cli import main
main(["--version"])
"""


def cpu_ms(hidden: list[str]) -> float:
    """User and system time of one start, in ms."""
    null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    command = [sys.executable, "-c", PROGRAM, " ".join(hidden)]
    pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=null)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise SystemExit(f"snakemake --version failed with wait status {status}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def measure(runs: int) -> tuple[list[float], list[float]]:
    """Times in ms, with and without our plugins."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(runs):
        for hide in (False, True) if number % 2 else (True, False):
            times[hide].append(cpu_ms(PLUGINS if hide else []))
    return times[False], times[True]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, help="starts of each kind (11)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    cpu_ms([]), cpu_ms(PLUGINS)  # warm the caches of the disk and of bytecode
    found, hidden = measure(options.runs)
    rows = {"median": statistics.median, "smallest": min}
    result = {name: (of(hidden), of(found), of(found) - of(hidden)) for name, of in rows.items()}
    if options.json:
        columns = ("without_ms", "with_ms", "added_ms")
        print(
            json.dumps({name: dict(zip(columns, row, strict=True)) for name, row in result.items()})
        )
        return 0
    print(f"CPU of snakemake --version, {options.runs} starts each; plugins: {', '.join(PLUGINS)}")
    for name, (without, with_ours, added) in result.items():
        print(
            f"  {name:8}  without ours {without:7.1f} ms   with {with_ours:7.1f} ms"
            f"   difference {added:6.1f} ms   (target: {TARGET_MS:.0f} or less)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
