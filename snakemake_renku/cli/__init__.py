"""The command ``snakemake-renku``: one module for each subcommand.

A subcommand's module has ``add_parser(subparsers)``, which imports nothing of weight, and
``run(args) -> int``, which returns the exit status.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from snakemake_renku import __version__
from snakemake_renku.errors import RenkuError

__all__ = ["main"]

USAGE_ERROR = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv``, and return its exit status.

    0 if it did what was asked, 2 if that cannot be done (said on standard error), 130 after an
    interrupt, 141 when the reader of a pipe went away.
    """
    for stream in (sys.stdout, sys.stderr):
        # Names of files may hold what the terminal's encoding cannot.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        args = _parser().parse_args(argv)
        status = int(args.run(args))
        sys.stdout.flush()
    except RenkuError as error:
        print(f"snakemake-renku: error: {error}", file=sys.stderr)
        return USAGE_ERROR
    except BrokenPipeError:
        # Python flushes standard output once more at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    from snakemake_renku.cli import (
        doctor,
        export,
        lineage,
        log,
        record,
        replay,
        report,
        show,
        verify,
    )

    parser = argparse.ArgumentParser(
        prog="snakemake-renku", description="Look at what Snakemake ran, and prove it."
    )
    parser.add_argument("--version", action="version", version=f"snakemake-renku {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in (log, show, export, lineage, verify, record, replay, report, doctor):
        module.add_parser(subparsers)
    return parser
