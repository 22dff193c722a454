"""What a word on the command line means: a run, a commit, or a file that a job made."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from snakemake_renku.errors import JournalError, ReplayError
from snakemake_renku.journal import (
    JobHistory,
    RunGraph,
    find_run,
    normal_path,
    outputs,
    read_run,
)
from snakemake_renku.replay.choice import Choice
from snakemake_renku.replay.journals import Journals, not_recorded
from snakemake_renku.replay.repository import Repository

_DIGEST = re.compile(r"sha256(-tree)?:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: ``targets`` as they were typed; relative paths begin at ``here``."""

    targets: tuple[str, ...] = ()
    since: str | None = None
    at: str | None = None
    job_only: bool = False
    here: Path = field(default_factory=Path.cwd)


class Targets:
    """Finds the jobs that a request means.

    Afterwards ``choice`` has them, ``commit`` is the one to clone, ``notes`` what the reader must
    know.

    Raises:
        ReplayError: nothing recorded is called so, or several things are.
    """

    def __init__(self, repository: Repository, request: Request, folder: Path) -> None:
        self._repository, self._request, self._folder = repository, request, folder
        self._at = repository.commit(request.at) if request.at is not None else None
        self.commit = self._at or repository.head
        self.journals = self._read(repository.head)
        self.choice = Choice()
        self.notes: list[str] = []
        self.words = self._choose()
        if not self.choice.runs:
            raise ReplayError(f"No job that ended well is recorded for {self.words}.")

    def _read(self, *commits: str) -> Journals:
        commits = commits if self._at is None else (*commits, self._at)
        return Journals(self._repository, commits, self._folder)

    def _choose(self) -> str:
        targets, since = self._request.targets, self._request.since
        if since is not None:
            if targets:
                raise ReplayError("--since says itself which jobs are replayed: name no other.")
            return self._since(since)
        if not targets or targets == ("latest",):
            return self._latest()
        meanings = [self._meaning(target) for target in targets]
        if len(targets) > 1 and any(kind != "file" for kind, _ in meanings):
            raise ReplayError(
                "Several targets can be replayed at once only if each is a file.",
                remedy="Replay runs and commits one by one.",
            )
        for kind, name in meanings:
            {"run": self._run, "commit": self._commit, "file": self._file}[kind](name)
        only = " (its last job only)" if self._request.job_only else ""
        return ", ".join(f"{kind} {name}" for kind, name in meanings) + only

    # What a word may mean

    def _meaning(self, target: str) -> tuple[str, str]:
        kind, _, name = target.partition(":")
        if kind in ("run", "commit", "file") and name:
            return kind, name
        if _DIGEST.fullmatch(target):
            return "file", target
        found = list(self._meanings(target))
        if len(found) == 1:
            return found[0]
        if not found:
            raise self._nothing(target)
        words = ", ".join(f"{kind}:{name}" for kind, name in found[:5])
        raise ReplayError(f"{target!r} may mean several things: {words}.", remedy="Say which.")

    def _meanings(self, target: str) -> Iterator[tuple[str, str]]:
        if "/" not in target:
            yield from (("run", run) for run in self.journals.matching(target))
        if not target.startswith(("./", "/")) and self._repository.resolve(target) is not None:
            yield "commit", target
        if self._maker_of(target) is not None:
            yield "file", target

    def _nothing(self, target: str) -> ReplayError:
        unrecorded = [run for run in self.journals.unrecorded if run.startswith(target)]
        if len(unrecorded) == 1:
            return not_recorded(unrecorded[0])
        for run in reversed(self.journals.unrecorded):
            if self._made_here(run, target):
                return not_recorded(run)
        there = (self._request.here / target).exists() or (
            self._repository.workdir / target
        ).exists()
        what = "a file that no recorded job made" if there else "neither a run, a commit nor a file"
        return ReplayError(
            f"{target!r} is {what}, as far as {self._repository.workdir} has it recorded.",
            remedy="`snakemake-renku log` lists the runs; `snakemake-renku record` records them.",
        )

    def _made_here(self, run: str, target: str) -> bool:
        try:
            graph = RunGraph(read_run(find_run(self._repository.workdir, run)))
        except JournalError:
            return False
        return any(graph.maker(path) is not None for path in self._paths(target, graph))

    # What is chosen

    def _latest(self) -> str:
        runs, unrecorded = self.journals.runs, self.journals.unrecorded
        if not runs:
            if unrecorded:
                raise not_recorded(unrecorded[-1])
            raise ReplayError(
                f"No run is recorded in {self._repository.workdir}.",
                remedy="Run Snakemake there with --executor renku, then `snakemake-renku record`; "
                "or name another folder with --directory.",
            )
        newer = [run for run in unrecorded if run > runs[-1]]
        if newer:
            self.notes.append(
                f"The run {newer[-1]} is newer than the one replayed, but not recorded in git."
            )
        self._run(runs[-1])
        return f"run {runs[-1]}"

    def _run(self, name: str) -> None:
        found = self.journals.matching(name)
        if len(found) > 1:
            raise ReplayError(
                f"Several runs begin with {name!r}: {', '.join(found[:5])}.", remedy="Say more."
            )
        if not found:
            raise self._nothing(name)
        graph = self.journals.graph(found[0])
        if graph.run.status != "success":
            self.notes.append(
                f"The run {found[0]} did not end well itself ({graph.run.status}): "
                "only its jobs that did are replayed."
            )
        self.choice.add(graph, graph.jobs)

    def _commit(self, name: str) -> None:
        commit = self._repository.commit(name)
        record = self._repository.record_of(commit)
        if record is None:
            raise ReplayError(
                f"The commit {commit[:12]} ({name}) is not the record of a run or of a job.",
                remedy="`git log --grep=Renku-Run:` lists those that are; --at replays another "
                "target in the files of any commit.",
            )
        if self._at is None:
            self.commit = commit
            self.journals = self._read(commit, self._repository.head)
        run, job = record
        if job is None:
            self._run(run)
        else:
            self.choice.add_alone(self.journals.graph(run), self._good_job(run, job))

    def _since(self, since: str) -> str:
        start = self._repository.commit(since)
        for _, run, job in self._repository.records(f"{start}..{self._repository.head}"):
            if job is not None and (run in self.journals.runs):
                self.choice.add_alone(self.journals.graph(run), self._good_job(run, job))
        return f"jobs recorded since {since} ({start[:12]})"

    def _file(self, name: str) -> None:
        found = self._maker_of(name)
        if found is None:
            raise self._nothing(name)
        graph, job, path = found
        newer = [run for run in self.journals.unrecorded if run > graph.run.info.run]
        again = next((run for run in reversed(newer) if self._made_here(run, name)), None)
        if again is not None:
            self.notes.append(f"{path} was made again by the run {again}, which is not recorded.")
        if self._request.job_only:
            self.choice.add_alone(graph, job)
        else:
            self.choice.add_ancestry(graph, job, self.journals)

    def _good_job(self, run: str, id: str) -> JobHistory:
        job = self.journals.graph(run).run.jobs.get(id)
        if job is None or job.record is None or not job.record.ok:
            raise ReplayError(f"The journal of the run {run} has no job {id} that ended well.")
        return job

    def _maker_of(self, name: str) -> tuple[RunGraph, JobHistory, str] | None:
        """The last recorded job that made a file, named by its path or by its digest."""
        if _DIGEST.fullmatch(name):
            return self._maker_of_digest(name)
        for run in self.journals.naming(name):
            graph = self.journals.graph(run)
            for path in self._paths(name, graph):
                job = graph.maker(path)
                if job is not None:
                    return graph, job, path
        return self._maker_of_folder(name)

    def _maker_of_folder(self, name: str) -> tuple[RunGraph, JobHistory, str] | None:
        """A file in a folder that a job made as a whole may not be named in any journal."""
        folder = os.path.dirname(os.path.normpath(name))
        return self._maker_of(folder) if folder.strip("/") else None

    def _maker_of_digest(self, digest: str) -> tuple[RunGraph, JobHistory, str] | None:
        for run in reversed(self.journals.runs):
            if digest.encode() in self.journals.path(run).read_bytes():
                graph = self.journals.graph(run)
                for job in graph.jobs:
                    for ref in outputs(job):
                        if ref.digest == digest:
                            return graph, job, graph.path(ref)
        return None

    def _paths(self, name: str, graph: RunGraph) -> Iterator[str]:
        """What a typed path may be called in a run's graph: from the workdir, or from here."""
        yield normal_path(name, graph.run.info.workdir)
        here = os.path.abspath(self._request.here / name)
        workdir = os.path.realpath(self._repository.workdir)
        yield normal_path(os.path.relpath(here, workdir), graph.run.info.workdir)
        real = os.path.join(os.path.realpath(os.path.dirname(here)), os.path.basename(here))
        yield normal_path(os.path.relpath(real, workdir), graph.run.info.workdir)
