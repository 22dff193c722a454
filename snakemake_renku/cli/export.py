"""``snakemake-renku export``: runs in the formats that others read."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from snakemake_renku.errors import ExportError, SettingsError

if TYPE_CHECKING:
    from snakemake_renku.journal import RunHistory
    from snakemake_renku.model import Verdict


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "export", help="write runs as W3C PROV or as an RO-Crate", description=__doc__
    )
    formats = parser.add_subparsers(metavar="FORMAT", required=True)
    _add_prov(formats)
    _add_rocrate(formats)


def _add_prov(formats: Any) -> None:
    parser = formats.add_parser(
        "prov",
        help="W3C PROV",
        description="Write runs, and the verdicts kept on them, as one W3C PROV document.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="RUN",
        help="a run's id, the beginning of one, or latest (which is what none means)",
    )
    parser.add_argument("--all", action="store_true", help="all runs that are recorded here")
    parser.add_argument(
        "--format",
        choices=("json", "provn", "xml", "turtle"),
        default="json",
        help="PROV-JSON (this is the default), PROV-N, PROV-XML, or PROV-O as Turtle",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where to write it (standard output)"
    )
    _add_directory(parser)
    parser.set_defaults(run=_prov)


def _add_rocrate(formats: Any) -> None:
    parser = formats.add_parser(
        "rocrate",
        help="RO-Crate",
        usage="%(prog)s [-h] [--zip] [--directory DIR] [RUN] DESTINATION",
        description="Write a run as an RO-Crate.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="DESTINATION",
        help="the folder or, with --zip, the file to write; before it perhaps a run (latest)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DESTINATION", help="another way to give the destination"
    )
    parser.add_argument("--zip", action="store_true", help="one zip file rather than a folder")
    _add_directory(parser)
    parser.set_defaults(run=_rocrate)


def _add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="Snakemake's working directory (here)"
    )


def _prov(args: argparse.Namespace) -> int:
    """Do what ``export prov`` asks."""
    from snakemake_renku.cli.quick import without_collection
    from snakemake_renku.provenance.prov import write

    if args.all and args.names:
        raise SettingsError("--all leaves no run to name.", remedy="Give one or the other.")
    with without_collection():
        runs = _runs(args)
        verdicts = _verdicts(args.directory, runs)
        if args.output is None:
            write(runs, sys.stdout.buffer, format=args.format, verdicts=verdicts)
        else:
            with _aside(args.output) as file:
                write(runs, file, format=args.format, verdicts=verdicts)
    return 0


def _rocrate(args: argparse.Namespace) -> int:
    """Do what ``export rocrate`` asks."""
    from snakemake_renku.journal import find_run, read_run
    from snakemake_renku.provenance.rocrate import write

    names = [*args.names, *([args.output] if args.output is not None else [])]
    if len(names) not in (1, 2):
        raise SettingsError(
            "An RO-Crate needs a destination, and is of one run.",
            remedy="Give them as in `snakemake-renku export rocrate latest crate`.",
        )
    *run, destination = names
    history = read_run(find_run(args.directory, run[0] if run else None))
    write(history, Path(destination), zip=args.zip, workdir=args.directory)
    return 0


def _runs(args: argparse.Namespace) -> list[RunHistory]:
    from snakemake_renku.journal import find_run, list_runs, read_run

    latest = find_run(args.directory)
    if args.all:
        return [read_run(path) for path in list_runs(args.directory)]
    paths = [find_run(args.directory, name) for name in args.names] or [latest]
    return [read_run(path) for path in dict.fromkeys(paths)]


def _verdicts(workdir: Path, runs: list[RunHistory]) -> list[Verdict]:
    from snakemake_renku.journal import verdicts_on

    found = [verdict for run in runs for verdict in verdicts_on(workdir, run.info.run)]
    return list({verdict.id: verdict for verdict in found}.values())


@contextmanager
def _aside(path: Path) -> Iterator[BinaryIO]:
    """A file beside ``path`` that takes its place when it is whole and on disk.

    Raises:
        ExportError: it cannot be written.
    """
    beside = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise ExportError(
            f"Cannot write {path}: {error.strerror}.", remedy="Name another place with --output."
        ) from error
    finally:
        beside.unlink(missing_ok=True)
