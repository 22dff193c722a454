"""``snakemake-renku lineage``: where a file came from, or what came of it, across all runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakemake_renku.lineage import Lineage
    from snakemake_renku.lineage.tree import Line

FORMATS = ("tree", "dot", "svg", "html", "json")

_STYLES = {
    "file": "bold",
    "job": "cyan",
    "code": "",
    "good": "green",
    "bad": "red",
    "note": "dim",
    "heading": "bold",
}


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "lineage", help="show where a file came from, or what came of it", description=__doc__
    )
    parser.add_argument(
        "file",
        metavar="FILE|DIGEST",
        help="a path, a digest (sha256:…) or its beginning, or a key of git-annex",
    )
    direction = parser.add_mutually_exclusive_group()
    direction.add_argument(
        "--up",
        dest="direction",
        action="store_const",
        const="up",
        help="what it was made from (the default)",
    )
    direction.add_argument(
        "--down",
        dest="direction",
        action="store_const",
        const="down",
        help="what was made from it",
    )
    parser.add_argument("--depth", type=_count, metavar="N", help="follow at most N jobs in a row")
    parser.add_argument("--format", choices=FORMATS, default="tree", help="(%(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there (standard output)")
    parser.add_argument(
        "--run",
        dest="name",
        metavar="RUN",
        help="show the version that this run made or read: its id, the beginning of one, or latest",
    )
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="Snakemake's working directory (here)"
    )
    parser.set_defaults(run=run, direction="up")


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("it is a number of jobs, so 0 or more")
    return number


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks; 1 if what stands there now was never recorded."""
    from snakemake_renku.cli import output
    from snakemake_renku.cli.quick import without_collection

    with without_collection():
        answer = _answer(args)
        _write(answer, args)
    for note in answer.notes:
        output.note(note)
    return 1 if answer.found == "edited" else 0


def _answer(args: argparse.Namespace) -> Lineage:
    from snakemake_renku.journal import find_run
    from snakemake_renku.lineage import find_target, read_records, trace
    from snakemake_renku.lineage.describe import verdict_notes

    name = None if args.name is None else find_run(args.directory, args.name).stem
    records = read_records(args.directory)
    verdicts, problems = verdict_notes(args.directory)
    records.problems += tuple(problems)
    target = find_target(records, args.file, name)
    return trace(
        records,
        target,
        asked=args.file,
        direction=args.direction,
        depth=args.depth,
        verdicts=verdicts,
    )


def _write(answer: Lineage, args: argparse.Namespace) -> None:
    if args.output is None and args.format == "tree" and sys.stdout.isatty():
        _print_tree(answer)
        return
    text = _WRITERS[args.format](answer)
    if args.output is None:
        sys.stdout.write(text)
    else:
        _save(text, args.output)


def _save(text: str, path: Path) -> None:
    from snakemake_renku.errors import ExportError

    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ExportError(
            f"Cannot write {path}: {error.strerror}.", remedy="Name another file with --output."
        ) from error


def _tree(answer: Lineage) -> str:
    from snakemake_renku.lineage.tree import tree

    return "".join(f"{_plain(line)}\n" for line in tree(answer))


def _plain(line: Line) -> str:
    return "  ".join(filter(None, (f"{line.guide}{line.text}", line.remark))).rstrip()


def _print_tree(answer: Lineage) -> None:
    from rich.console import Console
    from rich.text import Text

    from snakemake_renku.lineage.tree import tree

    console = Console(highlight=False, markup=False, emoji=False)
    for line in tree(answer):
        text = Text.assemble((line.guide, "dim"), (line.text, _STYLES[line.style]))
        if line.remark:
            text.append(f"  {line.remark}", style="dim" if line.style == "file" else "")
        console.print(text, soft_wrap=True)


def _dot(answer: Lineage) -> str:
    from snakemake_renku.lineage.picture import dot

    return dot(answer)


def _svg(answer: Lineage) -> str:
    from snakemake_renku.drawing import svg
    from snakemake_renku.lineage.picture import picture

    label = f"Lineage of {answer.files[answer.target].path}"
    return svg(picture(answer, linked=False), label=label)


def _html(answer: Lineage) -> str:
    from snakemake_renku.lineage.page import page

    return page(answer)


def _json(answer: Lineage) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n"


_WRITERS: dict[str, Callable[[Lineage], str]] = {
    "tree": _tree,
    "dot": _dot,
    "svg": _svg,
    "html": _html,
    "json": _json,
}
