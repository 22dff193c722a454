"""Keeping a verdict: as a file, and as a commit that travels with the repository."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from snakemake_renku.errors import ReplayError
from snakemake_renku.journal import VERDICTS, RunHistory, encode_verdict
from snakemake_renku.model import Outcome, Verdict
from snakemake_renku.replay.repository import Repository

LATEST = Path(".snakemake") / "renku" / "verdicts"
"""Where every verdict is put, below the working directory; not in git."""


def save(verdict: Verdict, workdir: Path) -> Path | None:
    """Put a verdict beside the journals of ``workdir``; None where that is not to be written to."""
    path = workdir / LATEST / f"{verdict.id}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_verdict(verdict))
    except OSError:
        return None
    return path


def write(verdict: Verdict, path: Path) -> None:
    """Write a verdict where the user wants it.

    Raises:
        ReplayError: it cannot be written.
    """
    try:
        path.write_bytes(encode_verdict(verdict))
    except OSError as error:
        raise ReplayError(f"The verdict cannot be written to {path}: {error.strerror}.") from error


def record(verdict: Verdict, runs: Sequence[RunHistory], repository: Repository) -> str:
    """Commit a verdict, as JSON and as PROV, in the original repository; the new commit.

    Raises:
        RecordError: the repository cannot take a commit now.
        RenkuError: a package that writes PROV is not here.
    """
    from snakemake_renku.provenance import git
    from snakemake_renku.provenance.prov import write_verdict

    prov = io.BytesIO()
    write_verdict(verdict, runs, prov, format="json")
    place = repository.prefix + (VERDICTS / verdict.id).as_posix()
    texts = {f"{place}.json": encode_verdict(verdict), f"{place}.prov.json": prov.getvalue()}
    commit = git.Commit(message(verdict), verdict.finished, texts=texts)
    batch = git.open_repository(repository.root)
    return git.write_batch(batch, [commit], name=f"verdict {verdict.id}").head


def message(verdict: Verdict) -> str:
    """The message of the commit that keeps a verdict."""
    place = verdict.place
    lines = [
        f"Replay of {verdict.target}: {verdict.outcome}",
        "",
        counts([job.outcome for job in verdict.jobs], "job"),
        counts([output.outcome for output in verdict.outputs], "output"),
        f"Tolerances: relative {verdict.tolerance.relative:g}, "
        f"absolute {verdict.tolerance.absolute:g}.",
        f"By {place.user} on {place.host} ({place.platform}), in commit {verdict.commit}.",
        f"Python {place.python}, Snakemake {place.snakemake}, snakemake-renku {place.renku}, "
        f"packages {place.packages_digest}.",
        "",
        f"Renku-Verdict: {verdict.id}",
    ]
    return "\n".join(lines) + "\n"


def counts(outcomes: Sequence[Outcome], noun: str) -> str:
    """How many had which outcome, in words: ``3 jobs: 2 identical, 1 different.``"""
    parts = [f"{outcomes.count(one)} {one}" for one in dict.fromkeys(sorted(outcomes))]
    plural = "" if len(outcomes) == 1 else "s"
    return f"{len(outcomes)} {noun}{plural}: {', '.join(parts) or 'none'}."
