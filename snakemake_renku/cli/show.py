"""``snakemake-renku show``: all that is recorded of one job."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "show", help="show a job, or the job that made a file", description=__doc__
    )
    parser.add_argument(
        "job",
        metavar="JOB",
        help="a job's id (12, or 12.1 for its first attempt), or the path of an output file",
    )
    parser.add_argument(
        "--run",
        dest="name",
        metavar="RUN",
        help="the run to look in: its id, the beginning of one, or latest (for an output: all)",
    )
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="Snakemake's working directory (here)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks."""
    from snakemake_renku.cli import output
    from snakemake_renku.cli.details import show_job
    from snakemake_renku.cli.documents import FORMAT, job_document, run_document
    from snakemake_renku.cli.find import find_job
    from snakemake_renku.cli.quick import without_collection

    with without_collection():
        history, job = find_job(args.directory, args.job, args.name)
    if args.json:
        run_part, job_part = run_document(history), job_document(history, job)
        output.document({"format": FORMAT, "run": run_part, "job": job_part})
    else:
        show_job(history, job, output.Sheet())
    return 0
