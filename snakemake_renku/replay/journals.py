"""The runs that a repository records, read from its commits."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from snakemake_renku.errors import ReplayError
from snakemake_renku.journal import JobHistory, RunGraph, list_runs, read_run
from snakemake_renku.replay.repository import Repository

_PATH = re.compile(rb'"path":"((?:[^"\\]|\\.)*)"')


class Journals:
    """The journals in some commits of a repository, each read once, when it is asked for.

    They come from the commits rather than from the working directory, as that is what a clone has:
    what is replayed is what is recorded. Their bytes are put into ``folder``.
    """

    def __init__(self, repository: Repository, commits: tuple[str, ...], folder: Path) -> None:
        self._repository, self._folder = repository, folder
        self._blobs: dict[str, str] = {}
        for commit in reversed(commits):
            self._blobs |= repository.journals(commit)
        self._names: dict[str, frozenset[bytes]] = {}
        self._graphs: dict[str, RunGraph] = {}

    @property
    def runs(self) -> list[str]:
        """The ids of the recorded runs, oldest first."""
        return sorted(self._blobs)

    @property
    def unrecorded(self) -> list[str]:
        """The ids of runs that only the working directory knows, oldest first."""
        here = (path.stem for path in list_runs(self._repository.workdir))
        return [run for run in here if run not in self._blobs]

    def matching(self, name: str) -> list[str]:
        """The recorded runs whose id is ``name`` or begins with it."""
        return [name] if name in self._blobs else [r for r in self.runs if r.startswith(name)]

    def graph(self, run: str) -> RunGraph:
        """A recorded run.

        Raises:
            ReplayError: it is not recorded.
            JournalError: its journal cannot be read.
        """
        if run not in self._graphs:
            self._graphs[run] = RunGraph(read_run(self.path(run)))
        return self._graphs[run]

    def naming(self, path: str, before: str | None = None) -> list[str]:
        """The runs (before the run ``before``) that may know of ``path``, newest first."""
        name = os.path.basename(os.path.normpath(path)).encode("utf-8", "replace").decode()
        needle = msgspec.json.encode(name)[1:-1]
        return [
            run
            for run in reversed(self.runs)
            if (before is None or run < before) and needle in self._names_in(run)
        ]

    def _names_in(self, run: str) -> frozenset[bytes]:
        """The last parts of all paths in a journal, as JSON has them; decoding it takes longer."""
        if run not in self._names:
            paths = _PATH.findall(self.path(run).read_bytes())
            self._names[run] = frozenset(path.rstrip(b"/").rpartition(b"/")[2] for path in paths)
        return self._names[run]

    def require(self, run: str) -> None:
        """Raise a :class:`ReplayError` with what to do if ``run`` is not recorded."""
        if run not in self._blobs:
            raise not_recorded(run)

    def path(self, run: str) -> Path:
        """The journal of a recorded run, as a file.

        Raises:
            ReplayError: it is not recorded.
        """
        self.require(run)
        path = self._folder / f"{run}.jsonl"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._repository.blob(self._blobs[run]))
        return path


def not_recorded(run: str) -> ReplayError:
    """The error of a run that was not recorded in git."""
    return ReplayError(
        f"The run {run} is not recorded in git, so a clone does not know it.",
        remedy=f"Run `snakemake-renku record {run}` first.",
    )


def job_name(job: JobHistory) -> str:
    """A job in words: ``4.1 (double n=1)``."""
    spec = job.spec
    wildcards = [f"{k}={v}" for step in spec.steps for k, v in step.wildcards.items()]
    return f"{spec.id} ({' '.join((spec.rule, *dict.fromkeys(wildcards)))})"
