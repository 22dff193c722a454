"""Which runs are recorded in a commit."""

from __future__ import annotations

import os
from pathlib import Path

from snakemake_renku.errors import RecordError
from snakemake_renku.journal import RECORDED_RUNS, list_runs
from snakemake_renku.provenance.git import Repository


def journal_place(repository: Repository, workdir: Path, run: str) -> str:
    """Where the journal of a run is in git, relative to the repository's root."""
    folder = os.path.relpath(workdir, repository.root)
    return os.path.normpath(os.path.join(folder, RECORDED_RUNS, f"{run}.jsonl"))


def recording_commit(repository: Repository, workdir: Path, journal: Path) -> str | None:
    """The commit that recorded the run of ``journal``; None if it is not recorded on this branch.

    Raises:
        RecordError: it is recorded with another journal.
    """
    place = journal_place(repository, workdir, journal.stem)
    recorded = repository.git.ask("cat-file", "blob", f"{repository.head}:{place}")
    if recorded is None:
        return None
    if recorded != journal.read_bytes():
        raise RecordError(
            f"Run {journal.stem} is recorded in git with another journal than {journal}: one of "
            "them was edited.",
            remedy=f"Compare it with that of `git show HEAD:./{RECORDED_RUNS}/{journal.name}`.",
        )
    asked = ("log", "-1", "--format=%H", "--diff-filter=A", repository.head, "--", place)
    return repository.git.line(*asked) or repository.head


def unrecorded(repository: Repository, workdir: Path) -> list[Path]:
    """The journals of ``workdir`` that the branch does not have, oldest first."""
    folder = os.path.dirname(journal_place(repository, workdir, "x"))
    listing = repository.git.ask("ls-tree", "-z", "--name-only", f"{repository.head}:{folder}")
    names = {os.fsdecode(name) for name in (listing or b"").split(b"\0")}
    return [path for path in list_runs(workdir) if path.name not in names]
