"""Why a job did not end well in a replay, and whether that speaks against it."""

from __future__ import annotations

import re

from snakemake_renku.model import JobRecord
from snakemake_renku.replay.execute import Executed

_LINES = 5
"""So many of the last lines that a failed job printed are told."""

_NETWORK = re.compile(
    r"could not resolve host|name or service not known|temporary failure in name resolution"
    r"|nodename nor servname provided|getaddrinfo failed|getaddrinfo: |network is unreachable"
    r"|no route to host|unable to resolve host|failed to resolve|name resolution error"
    r"|max retries exceeded with url|failed to establish a new connection"
    r"|could not resolve proxy|urlopen error \[errno -?\d+\]",
    re.IGNORECASE,
)
"""What libc, curl, wget, Python's urllib and requests, and R say when there is no network."""

_NO_ROOM = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)

_NOT_ITS_FAULT = {
    "image_pull": "its image could not be had",
    "node_lost": "the machine or the process that ran it was lost",
    "preempted": "it was stopped for another one",
    "cancelled": "the replay was stopped",
}


def not_replayable(executed: Executed) -> str | None:
    """Why a job could not really be tried; None if it was."""
    if executed.not_replayable is not None:
        return executed.not_replayable
    record = executed.record
    if record is None or record.failure is None:
        return None
    fault = _NOT_ITS_FAULT.get(record.failure.kind)
    if fault is not None:
        return f"{fault}: {record.failure.message}"
    for sign, what in ((_NO_ROOM, "the scratch folder is full"), (_NETWORK, "network needed")):
        line = _line_with(sign, record)
        if line is not None:
            return f"{what}: it said {line!r}"
    return None


def _line_with(sign: re.Pattern[str], record: JobRecord) -> str | None:
    """The last line of a failed job's output that gives the reason away."""
    for text in (record.stderr_tail, record.stdout_tail):
        for line in reversed(text.splitlines()):
            if sign.search(line):
                return line.strip()[:200]
    return None


def failure_words(record: JobRecord) -> str:
    """How a job failed, with the last lines that it printed."""
    failure = record.failure
    assert failure is not None
    message = failure.message.strip()
    # Snakemake ends what a job prints by what it says itself.
    said = record.stderr_tail.strip().removesuffix(message)
    lines = [line.rstrip() for line in said.splitlines() if line.strip()][-_LINES:]
    if failure.kind != "error" or not lines:
        return "\n".join((message or failure.kind, *(f"  {line[:200]}" for line in lines)))
    how = f"exit code {failure.exit_code}" if failure.signal is None else f"signal {failure.signal}"
    return "\n".join((f"it ended with {how}, after it said:", *(f"  {x[:200]}" for x in lines)))
