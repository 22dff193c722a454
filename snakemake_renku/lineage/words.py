"""A lineage in words: what stands beside a file and a job, whichever way they are shown."""

from __future__ import annotations

import time
from collections.abc import Iterator

from snakemake_renku.lineage.graph import (
    CodeNode,
    FileNode,
    JobNode,
    RunNode,
    Tie,
    VerdictNote,
)

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
SHORT_DIGEST = 12


def moment(seconds: float) -> str:
    """Seconds since the epoch as local time: ``2026-01-31 12:00:00``."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def size(count: float) -> str:
    """Bytes in the largest fitting power of 1000: ``4.2 GB``."""
    number, unit = float(count), 0
    while number >= 999.95 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} B" if unit == 0 else f"{number:.1f} {_UNITS[unit]}"


def short_digest(digest: str) -> str:
    """``sha256:1a2b3c4d5e6f``: enough of a digest to ask for it."""
    kind, _, digits = digest.partition(":")
    return f"{kind}:{digits[:SHORT_DIGEST]}"


def file_details(node: FileNode) -> str:
    """Digest, size and kind."""
    parts = [short_digest(node.digest) if node.digest is not None else "no digest recorded"]
    if node.size is not None:
        parts.append(size(node.size))
    if node.kind != "file":
        parts.append("folder" if node.kind == "directory" else node.kind)
    if node.temporary:
        parts.append("temporary")
    return "  ".join(parts)


def tie(link: Tie, *, made: bool) -> str:
    """How a tie that is not the plain one is known; empty for the plain one."""
    match link.how:
        case "copy" if made:
            return f"known by its content: it was made as {link.path}"
        case "copy":
            return f"known by its content: it was read as {link.path}"
        case "part" if made:
            return f"in the folder {link.path}, which it made; of that alone a digest is recorded"
        case "part":
            return f"it read {link.path}, in this folder"
        case "holds" if made:
            return f"it made {link.path}, in this folder"
        case "holds":
            return f"it read the folder {link.path}, in which this lies"
        case "unhashed":
            return "known by its path alone, as no digest is recorded"
        case _:
            return ""


def title(job: JobNode) -> str:
    """The rule, with its wildcards where it is a single one."""
    if len(job.steps) == 1 and job.steps[0].wildcards:
        pairs = ", ".join(f"{key}={value}" for key, value in job.steps[0].wildcards.items())
        return f"{job.rule} ({pairs})"
    return job.rule


def job_line(job: JobNode, runs: dict[str, RunNode]) -> str:
    """Run, attempt, when, by whom, where, exit."""
    took = f"{job.finished - job.started:.1f} s"
    code = "" if job.exit_code is None else f", exit {job.exit_code}"
    return (
        f"job {job.attempt} of run {job.run}, {moment(job.started)}, took {took},"
        f" by {runs[job.run].user} on {job.host or 'an unknown host'}{code}"
    )


def code_lines(job: JobNode, runs: dict[str, RunNode]) -> Iterator[str]:
    """What was executed, and in what, for each step."""
    for step in job.steps:
        name = f"rule {step.rule}: " if len(job.steps) > 1 else ""
        for line in _code(step, runs[job.run]):
            yield f"{name}{line}"


def _code(step: CodeNode, run: RunNode) -> Iterator[str]:
    commit = _commit(run)
    digest = f", {short_digest(step.digest)}" if step.digest is not None else ""
    if step.command is not None:
        yield f"$ {step.command.strip()}"
    if step.script is not None:
        yield f"{step.kind} {step.script}{digest}, {commit}"
    elif step.kind != "none":
        yield f"{step.kind} in {run.snakefile}{digest}, {commit}"
    if step.container is not None:
        digest = f", {step.image_digest}" if step.image_digest is not None else ", digest unknown"
        yield f"image {step.container}{digest}"
    if step.conda is not None:
        yield f"conda {step.conda}"
    if step.modules:
        yield f"modules {' '.join(step.modules)}"


def _commit(run: RunNode) -> str:
    if run.git is None:
        return "not in git"
    dirty = " (tracked files differed from it)" if run.git.dirty else ""
    return f"commit {run.git.commit[:10]}{dirty}"


def run_line(run: RunNode) -> str:
    """A run in one line."""
    parts = [
        f"{run.run}: {run.status}, {moment(run.started)}, by {run.user} on {run.host}",
        f"Snakemake {run.snakemake}",
    ]
    if run.python is not None:
        packages = f" (packages {short_digest(run.packages_digest)})" if run.packages_digest else ""
        parts.append(f"Python {run.python}{packages}")
    return ", ".join([*parts, _commit(run)])


def verdict_line(note: VerdictNote) -> str:
    """What a replay found."""
    where = f"on {moment(note.time)} by {note.user} on {note.host}"
    match note.outcome:
        case "identical":
            return f"reproduced identically {where}"
        case "equivalent":
            within = f"relative {note.relative:g}, absolute {note.absolute:g}"
            return f"reproduced equivalently {where} (within {within})"
        case "different":
            why = f": {'; '.join(note.causes)}" if note.causes else ""
            return f"came out different in a replay {where}{why}"
        case "failed":
            return f"failed in a replay {where}{_reason(note)}"
        case _:
            return f"could not be replayed {where}{_reason(note)}"


def _reason(note: VerdictNote) -> str:
    return f": {note.reason}" if note.reason else ""


def origin(node: FileNode) -> str:
    """What is said of a file that no recorded job made."""
    if node.changed is not None:
        return (
            f"changed by something unrecorded after {node.changed.job} made it"
            f" ({short_digest(node.changed.digest)})"
        )
    return "a source: no recorded job made it"
