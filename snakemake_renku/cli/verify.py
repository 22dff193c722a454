"""``snakemake-renku verify``: are the files here what was recorded, and does their chain hold?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakemake_renku.cli.output import Sheet
    from snakemake_renku.verify import Problem, Report

MOST, MOST_REMARKS = 20, 5
"""So many problems of a kind are shown; JSON has all."""

_MEANINGS = {
    "tampered": "journals that are not what was recorded",
    "changed": "files that are not what was recorded",
    "gap": "gaps in the chain",
    "lost": "content that can no longer be had",
    "missing": "files that are not here",
    "unreadable": "files that cannot be read",
    "stale": "results made from older versions of their inputs",
    "code": "code that is not in git",
    "unrecorded": "files of which no job knows",
    "journal": "journals",
    "outside": "files outside of the repository",
    "unproven": "what cannot be told",
    "commit": "commits",
    "log": "logs and benchmarks that are not what was recorded",
    "edited": "code that is not what ran any more",
}
_STATES = {
    "ok": "as recorded",
    "temporary": "temporary (removed)",
    "elsewhere": "not here (copies are known)",
    "superseded": "superseded by a later run",
}


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "verify",
        help="check files, and what they were made from, against the records",
        description=__doc__,
    )
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        help="files or folders, with all that they were made from (all recorded files)",
    )
    parser.add_argument(
        "--run",
        dest="name",
        metavar="RUN",
        help="against what this run left: its id, the beginning of one, or latest (the last of"
        " each file)",
    )
    parser.add_argument(
        "--all",
        dest="every",
        action="store_true",
        help="jobs of which nothing is left as well, since their results were made anew",
    )
    parser.add_argument(
        "--fast", action="store_true", help="trust git-annex's keys, rather than hash its files"
    )
    parser.add_argument(
        "--images", action="store_true", help="ask registries whether the images are still there"
    )
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="Snakemake's working directory (here)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks; 1 if something does not hold."""
    from snakemake_renku.cli import output
    from snakemake_renku.cli.quick import without_collection
    from snakemake_renku.verify import verify

    with without_collection():
        report = verify(
            args.directory,
            args.paths,
            run=args.name,
            every_job=args.every,
            fast=args.fast,
            images=args.images,
        )
    if args.json:
        output.document(report)
    else:
        _show(report, output.Sheet())
    return 0 if report.ok else 1


def _show(report: Report, sheet: Sheet) -> None:
    broken = [each for each in report.problems if each.broken]
    remarks = [each for each in report.problems if not each.broken]
    sheet.heading(_verdict(broken, remarks), "success" if report.ok else "failed")
    sheet.pair("files", _files(report))
    sheet.pair("chain", _chain(report))
    sheet.pair("journals", _journals(report))
    for title, problems, status in (("", broken, "failed"), ("remark: ", remarks, "interrupted")):
        for kind, some in groupby(problems, key=lambda each: each.kind):
            _group(f"{title}{_MEANINGS[kind]}", list(some), status, sheet)


def _verdict(broken: Sequence[Problem], remarks: Sequence[Problem]) -> str:
    if broken:
        return f"{_count(len(broken), 'thing does', 'things do')} not hold"
    also = f", with {_count(len(remarks), 'remark', 'remarks')}" if remarks else ""
    return f"all holds{also}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _files(report: Report) -> str:
    parts = [f"{count} {_STATES.get(state, state)}" for state, count in report.counts.items()]
    return ", ".join(parts) or "none recorded"


def _chain(report: Report) -> str:
    chain = report.chain
    jobs = _count(chain.jobs, "job", "jobs")
    parts = [f"{chain.made} made by recorded jobs"]
    if report.repository is not None:
        parts.append(f"{chain.in_git} sources in git")
    if chain.other:
        parts.append(f"{chain.other} of neither kind")
    return f"{jobs}, {_count(chain.inputs, 'input', 'inputs')}: {', '.join(parts)}"


def _journals(report: Report) -> str:
    runs = _count(report.journals.runs, "run", "runs")
    return f"{runs}, {report.journals.recorded} recorded, {report.journals.committed} in git"


def _group(title: str, problems: Sequence[Problem], status: str, sheet: Sheet) -> None:
    sheet.heading(f"{title}: {len(problems)}", status)
    most = MOST if problems[0].broken else MOST_REMARKS
    for problem in problems[:most]:
        sheet.lines("\n".join(_problem(problem)))
    if len(problems) > most:
        sheet.lines(f"… and {len(problems) - most} more, which --json lists")


def _problem(problem: Problem) -> Iterator[str]:
    name = problem.path if problem.path is not None else problem.run
    if name is not None:
        yield name.replace("\n", "\\n")
    indent = "  " if name is not None else ""
    yield f"{indent}{problem.message}"
    if problem.remedy is not None:
        yield f"{indent}→ {problem.remedy}"
