"""What the installed plugins add to every start of Snakemake: CPU time of ``snakemake --version``.

    python benchmarks/import_cost.py [--runs 11] [--json]

Snakemake imports every plugin that it finds at every start, for every user. Ours are once found and
once hidden, in turn; the medians are compared. The target is at most 50 ms.
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, help="starts of each kind (11)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    cpu_ms([]), cpu_ms(PLUGINS)  # warm the caches of the disk and of bytecode
    pairs = [(cpu_ms([]), cpu_ms(PLUGINS)) for _ in range(options.runs)]
    found, hidden = (statistics.median(column) for column in zip(*pairs, strict=True))
    result = {
        "with_plugins_ms": round(found, 1),
        "without_plugins_ms": round(hidden, 1),
        "added_ms": round(found - hidden, 1),
        "target_ms": TARGET_MS,
        "plugins": PLUGINS,
    }
    if options.json:
        print(json.dumps(result))
    else:
        print(f"snakemake --version, median CPU of {options.runs} starts")
        print(f"  without our plugins  {hidden:7.1f} ms")
        print(f"  with our plugins     {found:7.1f} ms   ({', '.join(PLUGINS)})")
        print(
            f"  difference           {found - hidden:7.1f} ms   (target: {TARGET_MS:.0f} or less)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
