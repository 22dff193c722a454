"""``snakemake-renku replay``: execute recorded jobs again in a clean clone, and give a verdict."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake_renku.errors import RenkuError, ReplayError

if TYPE_CHECKING:
    from snakemake_renku.replay.course import Options, Replayed
    from snakemake_renku.replay.repository import Repository
    from snakemake_renku.replay.target import Request

GOOD = ("identical", "equivalent")

_EPILOG = """\
Exit status: 0 if all is identical or equivalent, 1 if anything is different, failed or not
replayable, 2 if nothing could be replayed at all.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "replay",
        help="execute recorded jobs again in a clean clone, and compare what they make",
        description="Execute recorded jobs again in a clean clone of this repository, compare "
        "their outputs with the recorded ones, and give a verdict.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "targets",
        metavar="TARGET",
        nargs="*",
        help="a run's id or the beginning of it, the commit that records a job or a run, or "
        "files that jobs made, with all that they come from (the latest recorded run)",
    )
    parser.add_argument("--since", metavar="REV", help="all jobs recorded since this commit")
    parser.add_argument(
        "--at", metavar="REV", help="replay in the files of this commit (HEAD, or COMMIT)"
    )
    parser.add_argument(
        "--job-only",
        action="store_true",
        help="of a file, the job that made it alone, with its inputs as recorded",
    )
    parser.add_argument(
        "--uncommitted",
        action="store_true",
        help="take changed files as they are in the working tree rather than as committed",
    )
    _add_execution(parser)
    _add_results(parser)
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="Snakemake's working directory (here)"
    )
    parser.set_defaults(run=run)


def _add_execution(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=_count, metavar="N", help="cores to use (all there are)")
    parser.add_argument("--backend", choices=("local",), default="local", help="where jobs run")
    parser.add_argument(
        "--rtol",
        type=_tolerance,
        metavar="R",
        help="numbers may differ by R times the recorded one (1e-6)",
    )
    parser.add_argument("--atol", type=_tolerance, metavar="A", help="and by A beside that (0)")
    parser.add_argument("--keep", action="store_true", help="keep the clone, and say where it is")


def _add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--record", action="store_true", help="commit the verdict into this repository"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the verdict to this file too (JSON)"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks."""
    from snakemake_renku.cli import output
    from snakemake_renku.cli.verdict import Progress, show_verdict
    from snakemake_renku.replay.course import Course
    from snakemake_renku.replay.repository import open_repository
    from snakemake_renku.replay.scratch import ended_by_signals, scratch

    repository = open_repository(args.directory)
    _check_results(args, repository)
    request, options = _request(args), _options(args)
    progress = Progress(quiet=args.json)
    with ended_by_signals(), scratch(keep=args.keep) as folder, progress:
        replayed = Course(repository, request, options, folder, progress.take).run()
        told, problem = _keep(replayed, repository, args)
    if args.keep:
        told.append(f"The clone is kept in {folder / 'clone'}.")
    # On a terminal, the verdict shall be the last line.
    for text in told:
        output.note(text)
    if args.json:
        output.document(replayed.verdict)
    else:
        show_verdict(replayed.verdict)
    if problem is not None:
        raise problem
    return 0 if replayed.verdict.outcome in GOOD else 1


def _request(args: argparse.Namespace) -> Request:
    from snakemake_renku.replay.target import Request

    return Request(tuple(args.targets), since=args.since, at=args.at, job_only=args.job_only)


def _options(args: argparse.Namespace) -> Options:
    import os

    from snakemake_renku.model import Tolerance
    from snakemake_renku.replay.course import Options

    given = {"relative": args.rtol, "absolute": args.atol}
    return Options(
        cores=args.jobs or len(os.sched_getaffinity(0)),
        backend=args.backend,
        tolerance=Tolerance(**{name: value for name, value in given.items() if value is not None}),
        uncommitted=args.uncommitted,
    )


def _keep(
    replayed: Replayed, repository: Repository, args: argparse.Namespace
) -> tuple[list[str], RenkuError | None]:
    """Keep the verdict; what there is to be told of that, and what could not be done."""
    from snakemake_renku.replay import keep

    told, verdict = [], replayed.verdict
    saved = keep.save(verdict, repository.workdir)
    if saved is not None:
        told.append(f"The verdict is kept in {saved}.")
    try:
        if args.output is not None:
            keep.write(verdict, args.output)
        if args.record:
            commit = keep.record(verdict, replayed.runs, repository)
            told.append(f"The verdict is recorded as commit {commit[:12]}.")
    except RenkuError as error:
        return told, error
    return told, None


def _check_results(args: argparse.Namespace, repository: Repository) -> None:
    """Find out before the jobs run, not after hours, that the verdict could not be kept."""
    if args.output is not None and not args.output.absolute().parent.is_dir():
        raise ReplayError(f"There is no folder {args.output.absolute().parent} for the verdict.")
    if args.record:
        from snakemake_renku.provenance.git import open_repository
        from snakemake_renku.provenance.prov import write_verdict  # noqa: F401

        open_repository(repository.root)


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least one core is needed")
    return count


def _tolerance(text: str) -> float:
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError("a tolerance is a number from 0 on")
    return number
