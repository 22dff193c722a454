"""``snakemake-renku report``: a run as one HTML file that opens in any browser, offline."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "report", help="write a run as one HTML file to look at", description=__doc__
    )
    parser.add_argument(
        "name",
        metavar="RUN",
        nargs="?",
        help="the run: its id, the beginning of one, or latest (which is the default)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the file to write; one that is there is replaced (report.html)",
    )
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="Snakemake's working directory (here)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks."""
    from snakemake_renku.cli.units import size
    from snakemake_renku.progress.text import jobs
    from snakemake_renku.report import write_report

    made = write_report(args.directory, args.name, args.output)
    print(f"{args.output}: {made.run}, {made.status}, {jobs(made.jobs)}, {size(made.size)}")
    return 0
