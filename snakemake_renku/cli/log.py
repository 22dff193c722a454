"""``snakemake-renku log``: the runs of a folder, or the jobs of a run."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake_renku.errors import JournalError, SettingsError

if TYPE_CHECKING:
    from snakemake_renku.cli.runs import RunSummary
    from snakemake_renku.journal import JobHistory, RunHistory

_RUN_COLUMNS = (*("RUN", "STARTED", "TOOK", "STATUS", "OK", "FAILED", "JOBS", "SNAKEFILE", "GIT"),)
_JOB_COLUMNS = (
    *("JOB", "RULE", "WILDCARDS", "ATTEMPT", "MODE", "STATUS"),
    *("WALL", "CPU", "MEMORY", "THREADS"),
)
_SHORTENED = ("RULE", "WILDCARDS", "SNAKEFILE")
_NUMBERS = ("TOOK", "OK", "FAILED", "JOBS", "ATTEMPT", "WALL", "CPU", "MEMORY", "THREADS")


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "log", help="list the runs, or the jobs of a run", description=__doc__
    )
    parser.add_argument(
        "name",
        nargs="?",
        metavar="RUN",
        help="list this run's jobs: a run's id, the beginning of one, or latest",
    )
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="Snakemake's working directory (here)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--failed", action="store_true", help="list only what failed")
    parser.add_argument("--rule", help="list only the jobs of this rule")
    parser.add_argument("--limit", type=_count, metavar="N", help="list only the latest N")
    parser.add_argument(
        "--efficiency",
        action="store_true",
        help="for each rule of the run (the latest), what was asked for, what was used, and what"
        " would do",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks."""
    from snakemake_renku.cli.quick import without_collection

    if args.efficiency:
        with without_collection():
            return _log_efficiency(args)
    if args.name is not None:
        with without_collection():
            return _log_jobs(args)
    if args.rule is not None:
        raise SettingsError(
            "--rule selects among the jobs of a run.",
            remedy="Name a run, for instance `snakemake-renku log latest --rule RULE`.",
        )
    with without_collection():
        return _log_runs(args)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _log_runs(args: argparse.Namespace) -> int:
    from snakemake_renku.cli import output
    from snakemake_renku.cli.documents import FORMAT, summary_document
    from snakemake_renku.journal import find_run

    find_run(args.directory)
    runs, unreadable = _read_runs(args)
    if args.json:
        output.document(
            {
                "format": FORMAT,
                "runs": [summary_document(run) for run in runs],
                "unreadable": [
                    {"journal": str(path), "problem": problem} for path, problem in unreadable
                ],
            }
        )
        return 0
    output.table(_RUN_COLUMNS, [_run_row(run) for run in runs], _NUMBERS, _SHORTENED)
    for run in runs:
        _tell_damage(run.info.run, len(run.damaged), run.torn and run.status != "running")
    for path, problem in unreadable:
        output.note(f"{path.stem} cannot be read: {problem}")
    return 0


def _read_runs(
    args: argparse.Namespace,
) -> tuple[list[RunSummary], list[tuple[Path, str]]]:
    from snakemake_renku.cli.runs import summarize
    from snakemake_renku.journal import list_runs

    runs: list[RunSummary] = []
    unreadable: list[tuple[Path, str]] = []
    for path in reversed(list_runs(args.directory)):
        if args.limit is not None and len(runs) >= args.limit:
            break
        try:
            run = summarize(path)
        except JournalError as error:
            unreadable.append((path, str(error)))
            continue
        if not args.failed or run.status == "failed" or run.failed:
            runs.append(run)
    return runs, unreadable


def _log_jobs(args: argparse.Namespace) -> int:
    from snakemake_renku.cli import output
    from snakemake_renku.cli.documents import FORMAT, job_document, run_document
    from snakemake_renku.journal import find_run, read_run

    history = read_run(find_run(args.directory, args.name))
    jobs = [
        job
        for job in history.jobs.values()
        if (not args.failed or history.state(job) == "failed")
        and (args.rule is None or args.rule in {job.spec.rule, *_rules(job)})
    ]
    if args.limit is not None:
        jobs = jobs[-args.limit :]
    if args.json:
        documents = [job_document(history, job) for job in jobs]
        output.document({"format": FORMAT, **run_document(history), "jobs": documents})
        return 0
    output.table(_JOB_COLUMNS, [_job_row(history, job) for job in jobs], _NUMBERS, _SHORTENED)
    for notice in history.notices:
        output.note(notice.message)
    torn = history.torn and history.status != "running"
    _tell_damage(history.info.run, len(history.damaged), torn)
    return 0


def _log_efficiency(args: argparse.Namespace) -> int:
    from snakemake_renku.cli import efficiency
    from snakemake_renku.journal import find_run, read_run

    if args.failed or args.limit is not None:
        raise SettingsError(
            "--efficiency looks at all jobs of a run.",
            remedy="Leave out --failed and --limit; --rule RULE selects a rule.",
        )
    history = read_run(find_run(args.directory, args.name))
    if args.rule is not None and args.rule not in {job.spec.rule for job in history.jobs.values()}:
        raise SettingsError(
            f"The run {history.info.run} has no jobs of a rule {args.rule}.",
            remedy="Without --rule, all its rules are listed.",
        )
    efficiency.show(history, args.rule, as_json=args.json)
    torn = history.torn and history.status != "running"
    _tell_damage(history.info.run, len(history.damaged), torn)
    return 0


def _rules(job: JobHistory) -> set[str]:
    return {step.rule for step in job.spec.steps}


def _run_row(run: RunSummary) -> list[str]:
    from snakemake_renku.cli.units import moment
    from snakemake_renku.progress.text import duration

    end = run.end.finished if run.end is not None else None
    if end is None and run.status == "running":
        end = time.time()
    git = run.info.git
    return [
        run.info.run,
        moment(run.info.started)[: -len(":00")],
        duration(end - run.info.started) if end is not None else "",
        run.status,
        str(run.ok),
        str(run.failed),
        str(run.total),
        _short_path(run.info.snakefile, run.info.workdir),
        f"{git.commit[:7]}{' dirty' if git.dirty else ''}" if git is not None else "",
    ]


def _job_row(history: RunHistory, job: JobHistory) -> list[str]:
    from snakemake_renku.cli.units import peak
    from snakemake_renku.progress.text import short

    spec, record = job.spec, job.record
    usage = record.usage if record is not None else None
    wildcards = [f"{k}={v}" for step in spec.steps for k, v in step.wildcards.items()]
    return [
        spec.id,
        spec.rule,
        ", ".join(dict.fromkeys(wildcards)),
        str(spec.attempt),
        spec.mode if record is None else record.mode,
        _job_status(history, job),
        short(record.finished - record.started) if record is not None else "",
        short(usage.user_s + usage.system_s) if usage is not None else "",
        peak(usage.max_rss) if usage is not None else "",
        str(spec.threads),
    ]


def _job_status(history: RunHistory, job: JobHistory) -> str:
    status = history.state(job)
    if job.record is None:
        return status
    failure = job.record.failure
    if failure is not None and status == "failed":
        status += f": {failure.kind}"
    over = f", over {' and '.join(job.record.exceeded)}" if job.record.exceeded else ""
    return status + over


def _short_path(path: str, workdir: str) -> str:
    return path.removeprefix(workdir.rstrip("/") + "/")


def _tell_damage(run: str, damaged: int, torn: bool) -> None:
    from snakemake_renku.cli import output

    if damaged:
        lines = "1 line" if damaged == 1 else f"{damaged} lines"
        output.note(f"{lines} of the journal of {run} cannot be read and were passed over.")
    if torn:
        output.note(f"The last line of the journal of {run} is torn: its writer was cut off.")
