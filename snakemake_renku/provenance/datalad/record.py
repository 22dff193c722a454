"""Recording a run in git: one commit for its journal, then one for each of its jobs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snakemake_renku.errors import RecordError
from snakemake_renku.journal import RunGraph, RunHistory, inputs, outputs
from snakemake_renku.journal.write import RUNS
from snakemake_renku.provenance.datalad.check import Findings, Problem, check_needed, needed
from snakemake_renku.provenance.datalad.command import quoted
from snakemake_renku.provenance.datalad.commits import RunInGit, make_commits
from snakemake_renku.provenance.datalad.committed import Committed
from snakemake_renku.provenance.datalad.ignored import ignored_paths
from snakemake_renku.provenance.datalad.message import joined, one_line
from snakemake_renku.provenance.datalad.other_runs import OtherRuns
from snakemake_renku.provenance.datalad.places import Places
from snakemake_renku.provenance.datalad.recorded import recording_commit
from snakemake_renku.provenance.datalad.select import Changed, Selection, select
from snakemake_renku.provenance.git import (
    LeftOut,
    Repository,
    open_repository,
    write_batch,
)
from snakemake_renku.runner.digest_cache import DigestCache

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a run in git.

    ``head`` is the last commit of the record, or, with ``already``, the one that had recorded it
    before; ``commits`` are one for the journal and one for each job (with ``planned``, nothing was
    written, and they are the subjects of their messages).
    """

    run: str
    branch: str
    head: str
    commits: tuple[str, ...] = ()
    annexed: int = 0
    in_git: int = 0
    left_out: tuple[LeftOut, ...] = ()
    notices: tuple[str, ...] = ()
    already: bool = False
    planned: bool = False

    def summary(self) -> str:
        """What was done, in a few lines for people."""
        if self.already:
            return f"Run {self.run} was already recorded in {self.head[:10]}."
        jobs = len(self.commits) - 1
        number = "1 job" if jobs == 1 else f"{jobs} jobs"
        count = self.in_git + self.annexed
        files = "1 file" if count == 1 else f"{count} files"
        if self.planned:
            text = f"Run {self.run} can be recorded on {self.branch}: {number}, {files}."
        else:
            annexed = f" ({self.annexed} annexed)" if self.annexed else ""
            text = f"Recorded run {self.run} on {self.branch}: {number}, {files}{annexed}."
        lines = [
            text,
            *(f"{one_line(f.path)}: left out, {f.reason}" for f in self.left_out[:_NAMED]),
        ]
        if len(self.left_out) > _NAMED:
            lines.append(f"and {len(self.left_out) - _NAMED} more files left out")
        return "\n".join([*lines, *self.notices])


def record(
    workdir: Path, run: RunHistory, *, without_missing: bool = False, dry_run: bool = False
) -> Recorded:
    """Record ``run`` in the repository of ``workdir``, or find that it is recorded.

    With ``without_missing``, outputs that are gone are left out; with ``dry_run``, all is checked
    that can be without writing.

    Raises:
        RecordError: something stands in the way. Nothing was changed.
    """
    workdir = workdir.resolve()
    repository = open_repository(workdir)
    commit = recording_commit(repository, workdir, run.path)
    if commit is not None:
        return Recorded(run.info.run, repository.branch, commit, already=True)
    if run.status == "running":
        raise RecordError(
            f"Run {run.info.run} is still running.", remedy="Record it when it has ended."
        )
    return _Recording(repository, workdir, run).write(without_missing, dry_run)


def check_recordable(workdir: Path, *, snakefile: Path | None) -> None:
    """Before a run, make sure that it could be recorded at its end.

    Raises:
        RecordError: the working directory is in no repository, or in one that takes no commits now;
            or ``snakefile`` belongs to it but is not committed as it is.
    """
    repository = open_repository(workdir.resolve())
    if snakefile is None:
        return
    place = os.path.relpath(snakefile.resolve(), repository.root)
    if place.startswith("../"):
        return
    tracked = repository.git.line(
        "ls-tree", "--name-only", "--full-tree", repository.head, "--", place
    )
    if not tracked or repository.git.ask("diff", "--quiet", "HEAD", "--", place) is None:
        raise RecordError(
            f"{snakefile} is not committed as it is, so this run could not be recorded in git.",
            remedy=f"Commit it first: {_how_to_commit(repository, [place])}.",
        )


class _Recording:
    def __init__(self, repository: Repository, workdir: Path, run: RunHistory) -> None:
        self._repository, self._workdir, self._run = repository, workdir, run
        self._graph = RunGraph(run)
        self._places = Places(repository.root, workdir, run.info.workdir)
        self._head = Committed(repository.root, repository.head)
        self._others = OtherRuns(workdir, run)

    def write(self, without_missing: bool, dry_run: bool) -> Recorded:
        ignored = self._ignored()
        selection = select(
            self._graph,
            self._places,
            self._others,
            ignored,
            dataset=self._repository.dsid is not None,
        )
        findings = check_needed(self._graph, self._places, self._head, self._others, ignored)
        self._refuse(selection, findings, without_missing)
        here = RunInGit(self._repository, self._places, self._graph, self._head)
        commits, notices = make_commits(here, selection, findings, ignored)
        left_out = _left_out(selection)
        run, branch = self._run.info.run, self._repository.branch
        if dry_run:
            subjects = tuple(commit.message.partition("\n")[0] for commit in commits)
            files = sum(len(commit.files) for commit in commits)
            head = self._repository.head
            return Recorded(run, branch, head, subjects, 0, files, left_out, notices, planned=True)
        cache = DigestCache(self._workdir / RUNS.parent)
        written = write_batch(self._repository, commits, name=f"run {run}", cache=cache)
        return Recorded(
            run,
            branch,
            written.head,
            written.commits,
            written.annexed,
            written.in_git,
            (*left_out, *written.left_out),
            notices,
        )

    def _ignored(self) -> set[str]:
        names = [one.path for one in needed(self._graph)]
        names += [ref.path for job in self._graph.jobs for ref in (*inputs(job), *outputs(job))]
        inside = (self._places.inside(name) for name in dict.fromkeys(names))
        snakemake = self._places.inside(".snakemake/x")
        paths = [path for path in (*inside, snakemake) if path is not None]
        return ignored_paths(self._repository.root, paths, self._head)

    def _refuse(self, selection: Selection, findings: Findings, without_missing: bool) -> None:
        if findings.problems:
            raise _not_what_was_read(findings.problems, self._run.info.run, self._repository)
        if selection.changed:
            raise _changed_outputs(selection.changed)
        if selection.missing and not without_missing:
            raise _missing_outputs(selection.missing, self._run.info.run)


def _left_out(selection: Selection) -> tuple[LeftOut, ...]:
    gone = [LeftOut(one.path, "it is not there any more") for one in selection.missing]
    return (*(LeftOut(*each) for one in selection.jobs for each in one.left_out), *gone)


def _not_what_was_read(
    problems: Sequence[Problem], run: str, repository: Repository
) -> RecordError:
    to_commit = [problem.path for problem in problems if problem.to_commit]
    remedies = []
    if to_commit:
        remedies.append(f"Commit these alone: {_how_to_commit(repository, to_commit)}.")
    if len(to_commit) < len(problems):
        remedies.append("Bring back, for the time of recording, what the run read, and commit it.")
    return RecordError(
        f"Run {run} cannot be recorded, as git does not hold what it read: "
        f"{joined(problem.text for problem in problems)}.",
        remedy=" ".join(remedies),
    )


def _changed_outputs(changed: list[Changed]) -> RecordError:
    first = changed[0]
    more = f" ({len(changed) - 1} more outputs changed as well.)" if len(changed) > 1 else ""
    return RecordError(
        f"{first.path} is not as job {first.job} left it: expected {first.expected}, found "
        f"{first.found or 'nothing to hash'}.{more}",
        remedy="Bring it back, or remove it and let Snakemake make it anew.",
    )


def _missing_outputs(missing: list[Changed], run: str) -> RecordError:
    return RecordError(
        f"Outputs of run {run} are not there any more: {joined(one.path for one in missing)}.",
        remedy="Let Snakemake make them anew and record that run, or record this one without them: "
        f"`snakemake-renku record {run} --without-missing`.",
    )


def _how_to_commit(repository: Repository, paths: Sequence[str]) -> str:
    here = os.path.relpath(repository.root)
    names = [quoted(os.path.normpath(os.path.join(here, path))) for path in paths[:_NAMED]]
    names += ["…"] if len(paths) > _NAMED else []
    files = " ".join(names)
    if repository.dsid is not None:
        return f"`datalad save -m MESSAGE {files}`"
    return f"`git add {files}` and `git commit -m MESSAGE {files}`"
