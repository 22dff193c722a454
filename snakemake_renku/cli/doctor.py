"""``snakemake-renku doctor``: is a cluster set up for runs, and where would a job go?"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakemake_renku.cli.output import Sheet
    from snakemake_renku.doctor import Check, Report

_VERDICTS = {"ok": "", "note": "note: ", "problem": "problem: "}
_STYLES = {"ok": "", "note": "yellow", "problem": "red"}


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "doctor", help="check the set-up of a cluster", description=__doc__
    )
    kinds = parser.add_subparsers(metavar="CLUSTER", required=True)
    slurm = kinds.add_parser(
        "slurm",
        help="Slurm",
        description="Show the Slurm cluster and where a job would go, and check, by a small job,"
        " what runs need on its nodes. Ends with 1 if there are problems.",
    )
    job = slurm.add_argument_group("the job to find a place for")
    job.add_argument("--threads", type=_positive, default=1, metavar="N", help="cores (1)")
    job.add_argument("--mem-mb", type=_positive, metavar="MIB", help="memory on its node")
    job.add_argument("--runtime", type=_positive, metavar="MINUTES", help="wall time")
    job.add_argument("--gpu", type=_gpus, metavar="[MODEL:]N", help="GPUs")
    for name in ("constraint", "partition", "account", "qos"):
        job.add_argument(f"--{name}", metavar=name.upper(), help="as the rule would name it")
    slurm.add_argument(
        "--client",
        choices=("auto", "commands", "pyslurm", "rest"),
        help="how to talk with Slurm (as in renku.toml, else auto)",
    )
    slurm.add_argument("--no-job", action="store_true", help="submit nothing")
    slurm.add_argument(
        "--timeout",
        type=_positive,
        default=120,
        metavar="SECONDS",
        help="how long the small job may wait to start (120)",
    )
    slurm.add_argument(
        "--directory", type=Path, default=Path(), help="Snakemake's working directory (here)"
    )
    slurm.add_argument("--json", action="store_true", help="print JSON")
    slurm.set_defaults(run=run)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _gpus(text: str) -> str:
    if not re.fullmatch(r"([A-Za-z][A-Za-z0-9_.-]*:)?[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form [MODEL:]N")
    return text


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks; 1 if there are problems."""
    from snakemake_renku.cli import output
    from snakemake_renku.doctor import Question, Request, diagnose

    question = Question(
        Request(
            cpus=args.threads,
            mem_mb=args.mem_mb,
            time_min=args.runtime,
            gpus=args.gpu,
            constraint=args.constraint,
            partition=args.partition,
            account=args.account,
            qos=args.qos,
        ),
        job=not args.no_job,
        timeout=args.timeout,
    )
    report = diagnose(question, args.directory, args.client, _tell)
    if args.json:
        output.document(report)
    else:
        _show(report, output.Sheet())
    return 0 if report.ok else 1


def _tell(words: str) -> None:
    if sys.stderr.isatty():
        print(words, file=sys.stderr)


def _show(report: Report, sheet: Sheet) -> None:
    from snakemake_renku.cli import output

    problems = sum(check.verdict == "problem" for check in report.checks)
    words = "1 problem" if problems == 1 else f"{problems or 'no'} problems"
    sheet.heading(
        f"Slurm {report.cluster.version}, cluster {report.cluster.name}: {words}",
        "failed" if problems else "success",
    )
    sheet.pair("client", f"{report.client} ({report.why_client})")
    for check in report.checks:
        _show_check(check, sheet)
    sheet.heading("partitions")
    columns = ("name", "state", "nodes", "time", "memory", "cores", "tier", "for this job")
    reasons = {each.partition: each.reason for each in report.choice.considered}
    rows = [
        (
            f"{each.name}{' (default)' if each.default else ''}",
            each.state,
            str(len(each.nodes) or len(report.cluster.nodes)),
            _limit(each.max_time_min, "min"),
            _limit(each.max_mem_per_node, "MiB"),
            _limit(each.max_cpus_per_node, ""),
            str(each.priority_tier),
            reasons.get(each.name, "not considered"),
        )
        for each in report.cluster.partitions
    ]
    output.table(columns, rows, right=("nodes", "time", "memory", "cores", "tier"))


def _limit(value: int | None, unit: str) -> str:
    return "-" if value is None else f"{value} {unit}".rstrip()


def _show_check(check: Check, sheet: Sheet) -> None:
    words = f"{_VERDICTS[check.verdict]}{check.words}"
    if check.remedy:
        words += f"\n{check.remedy}"
    sheet.pair(check.name, words, _STYLES[check.verdict])
