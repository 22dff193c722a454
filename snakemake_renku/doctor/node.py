"""What the small job saw, judged."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from snakemake_renku.doctor.report import Check, Facts, Pace, Trial

CLOCK_S = 2.0
"""By this much may clocks differ until times of files and jobs become doubtful."""

DELAY_S = 5.0
"""Snakemake's own default for waiting for files (``--latency-wait``)."""

TMP_MB = 1000


def node_checks(trial: Trial, workdir: Path) -> Iterator[Check]:
    """The checks that a small job makes possible."""
    facts = trial.facts
    if facts is None:
        yield Check("job", "problem", trial.failure or "It did not answer.")
        return
    yield Check(
        "job", "ok", f"{trial.job} ran on {facts.node or facts.host} after {trial.waited} s"
    )
    yield _python(facts)
    yield _package("snakemake", "snakemake", facts)
    yield _package("renku", "snakemake_renku", facts)
    yield _folder(trial.same_folder, workdir)
    yield from _pace(trial.pace)
    yield _tmp(facts)
    yield _container(facts)


def _python(facts: Facts) -> Check:
    here, there = platform.python_version(), facts.version
    words = f"{there}, {facts.python}"
    if here == there:
        return Check("python", "ok", words)
    return Check(
        "python",
        "problem",
        f"{words}; here it is {here}, {sys.executable}",
        "Install the environment in a folder that all nodes share.",
    )


def _package(name: str, module: str, facts: Facts) -> Check:
    here = version(module)
    there = facts.modules.get(module, "!it was not looked for")
    if there.startswith("!"):
        return Check(
            name,
            "problem",
            f"{module} cannot be imported on the node: {there[1:]}",
            "Install the environment in a folder that all nodes share.",
        )
    if there != here:
        return Check(name, "problem", f"{there} on the node, {here} here", "Install the same one.")
    return Check(name, "ok", there)


def _folder(same: bool, workdir: Path) -> Check:
    folder = workdir.resolve()
    if same:
        return Check("folder", "ok", f"{folder} is the same on the node")
    return Check(
        "folder",
        "problem",
        f"{folder} has another number (inode) on the node, so it may not be the same",
        "Run in a folder on a file system that all nodes share.",
    )


def _pace(pace: Pace | None) -> Iterator[Check]:
    if pace is None:
        yield Check(
            "files",
            "problem",
            "what is written here was not seen on the node within a minute",
            "Mount the file system with a shorter attribute cache (actimeo), or ask for that.",
        )
        return
    slowest = max(pace.to_node, pace.from_node)
    words = f"new ones are seen on the node after {pace.to_node} s, here after {pace.from_node} s"
    if slowest > DELAY_S:
        wait = int(slowest * 2) + 1
        yield Check("files", "problem", words, f"Give Snakemake --latency-wait {wait}.")
    else:
        yield Check("files", "ok", words)
    words = f"the node's differs by {pace.clock:+.2f} s (± {pace.uncertain:.2f} s)"
    if abs(pace.clock) - pace.uncertain > CLOCK_S:
        yield Check("clocks", "problem", words, "Have the clocks set by NTP.")
    else:
        yield Check("clocks", "ok", words)


def _tmp(facts: Facts) -> Check:
    if facts.tmp_free_mb is None:
        return Check(
            "tmpdir",
            "problem",
            f"{facts.tmp} cannot be written to on the node",
            "Set scratch in the table [slurm] of renku.toml, or TMPDIR.",
        )
    words = f"{facts.tmp}, {facts.tmp_free_mb} MB free"
    return Check("tmpdir", "ok" if facts.tmp_free_mb >= TMP_MB else "note", words)


def _container(facts: Facts) -> Check:
    if facts.container is not None:
        return Check("apptainer", "ok", facts.container)
    return Check(
        "apptainer",
        "note",
        "is not there on the node; rules with a container need it",
        "Have it on the PATH of all nodes (apptainer or singularity).",
    )
