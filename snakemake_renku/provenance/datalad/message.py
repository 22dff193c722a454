"""Run records as commit messages, as DataLad writes and reads them.

The form is that of ``datalad run`` (DataLad handbook, "DataLad, run!"; it is read by
``get_run_info`` in ``datalad/local/rerun.py``): a line ``[DATALAD RUNCMD] …``, and JSON between two
marks. What stands after the second mark is left alone, so git trailers find room there.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence

import msgspec

from snakemake_renku.journal import RunHistory
from snakemake_renku.model import JobSpec
from snakemake_renku.provenance.datalad.command import braced

_SUBJECT_WIDTH = 100
RUN_TRAILER, JOB_TRAILER = "Renku-Run", "Renku-Job"


class RunRecord(msgspec.Struct, frozen=True):
    """What DataLad needs to execute a command again.

    ``cmd`` is for ``/bin/sh`` in the folder ``pwd``; ``inputs``, ``extra_inputs`` (fetched, but no
    part of the command's ``{inputs}``) and ``outputs`` are patterns, relative to ``pwd``, which is
    relative to the dataset's root; ``dsid`` is the dataset's id.
    """

    cmd: str
    pwd: str
    dsid: str | None
    inputs: tuple[str, ...] = ()
    extra_inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    exit: int = 0
    chain: tuple[str, ...] = ()


def pattern(path: str) -> str:
    """A path as DataLad's pattern that matches this path alone."""
    return braced(glob.escape(path))


def job_message(spec: JobSpec, record: RunRecord, run: str) -> str:
    """The message of the commit that records a job, with its run record."""
    fields = {k: v for k, v in msgspec.to_builtins(record).items() if v is not None}
    body = msgspec.json.format(msgspec.json.encode(fields, order="sorted"), indent=1).decode()
    return (
        f"[DATALAD RUNCMD] {subject(spec)}\n\n"
        "=== Do not change lines below ===\n"
        f"{body}\n"
        "^^^ Do not change lines above ^^^\n\n"
        f"{RUN_TRAILER}: {run}\n{JOB_TRAILER}: {spec.id}\n"
    )


def message_without_record(spec: JobSpec, reason: str, run: str) -> str:
    """The message of the commit of a job that DataLad is not to execute, and why; it skips it."""
    return (
        f"[RENKU] {subject(spec)}\n\n"
        f"`datalad rerun` passes over this job: {reason}.\n\n"
        f"{RUN_TRAILER}: {run}\n{JOB_TRAILER}: {spec.id}\n"
    )


def run_message(run: RunHistory, jobs: int, notices: Sequence[str]) -> str:
    """The message of the commit that holds the journal of a run."""
    info = run.info
    ended = "the run ended well" if run.status == "success" else f"the run {run.status}"
    number = "1 job" if jobs == 1 else f"{jobs} jobs"
    told = "".join(f"- {one_line(notice)}\n" for notice in notices)
    return (
        f"Record of run {info.run}\n\n"
        f"{number}, run by {one_line(info.user)} on {one_line(info.host)}; {ended}.\n"
        + ("A commit for each follows, which `datalad rerun` executes again.\n" if jobs else "")
        + (f"\n{told}" if told else "")
        + f"\n{RUN_TRAILER}: {info.run}\n"
    )


def subject(spec: JobSpec) -> str:
    """A job in one line: its rule and its wildcards."""
    wildcards = dict.fromkeys(f"{k}={v}" for step in spec.steps for k, v in step.wildcards.items())
    return _shortened(one_line(" ".join([spec.rule, *wildcards])))


def one_line(text: str) -> str:
    """``text`` without what would break a line or steer a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text).strip()


def _shortened(text: str) -> str:
    return text if len(text) <= _SUBJECT_WIDTH else text[: _SUBJECT_WIDTH - 1] + "…"


def joined(names: Iterable[str], most: int = 5) -> str:
    """Some names for a message, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
