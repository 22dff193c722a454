"""``snakemake-renku record``: a run as commits in git, which `datalad rerun` executes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake_renku.errors import RecordError, RenkuError

if TYPE_CHECKING:
    from snakemake_renku.provenance.datalad import Recorded


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "record",
        help="record a run in git, one commit for each job",
        description=__doc__,
        epilog="Exit status: 0 if all is recorded that was asked for, 2 if something stands in the "
        "way, which is then said.",
    )
    parser.add_argument(
        "name",
        nargs="?",
        metavar="RUN",
        help="the run: its id, the beginning of one, or latest (the latest not yet recorded)",
    )
    parser.add_argument(
        "--all", action="store_true", help="record all runs that are not yet recorded"
    )
    parser.add_argument(
        "--without-missing",
        action="store_true",
        help="leave out outputs that are not there any more",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what would be done, or stands in the way"
    )
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="Snakemake's working directory (here)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks."""
    from snakemake_renku.cli import output

    if args.all and args.name is not None:
        raise RecordError("RUN and --all were both given.", remedy="Give one of them.")
    journals = _journals(args)
    done, failed = [], []
    for journal in journals:
        try:
            done.append(_record(args, journal))
        except RenkuError as error:
            if not args.all:
                raise
            failed.append((journal.stem, str(error)))
    if args.json:
        output.document({"format": 1, "recorded": [_document(each) for each in done]})
    elif not journals:
        print("All runs are recorded.")
    else:
        _tell(done)
    for name, problem in failed:
        print(f"snakemake-renku: {name} is not recorded: {problem}", file=sys.stderr)
    return 2 if failed else 0


def _journals(args: argparse.Namespace) -> list[Path]:
    from snakemake_renku.journal import find_run
    from snakemake_renku.provenance.datalad import unrecorded
    from snakemake_renku.provenance.git import open_repository

    latest = find_run(args.directory, args.name)
    if args.name is not None and args.name != "latest":
        return [latest]
    directory = args.directory.resolve()
    waiting = unrecorded(open_repository(directory), directory)
    return waiting if args.all else waiting[-1:]


def _record(args: argparse.Namespace, journal: Path) -> Recorded:
    from snakemake_renku.cli.quick import without_collection
    from snakemake_renku.journal import read_run
    from snakemake_renku.provenance.datalad import record

    with without_collection():
        return record(
            args.directory,
            read_run(journal),
            without_missing=args.without_missing,
            dry_run=args.dry_run,
        )


def _tell(done: list[Recorded]) -> None:
    for each in done:
        print(each.summary())
        if each.planned:
            for subject in each.commits:
                print(f"  {subject}")


def _document(recorded: Recorded) -> dict[str, Any]:
    return {
        "run": recorded.run,
        "branch": recorded.branch,
        "head": recorded.head,
        "commits": list(recorded.commits),
        "files": {"annexed": recorded.annexed, "in_git": recorded.in_git},
        "left_out": [{"path": one.path, "reason": one.reason} for one in recorded.left_out],
        "notices": list(recorded.notices),
        "already": recorded.already,
        "planned": recorded.planned,
    }
