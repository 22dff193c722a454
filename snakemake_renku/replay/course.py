"""The course of a replay: plan, clone, fetch, execute, judge."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from snakemake_renku.errors import RenkuError, ReplayError
from snakemake_renku.journal import JobHistory, RunHistory, new_run_id, outputs
from snakemake_renku.model import Tolerance, Verdict, worst
from snakemake_renku.replay import uncommitted
from snakemake_renku.replay.causes import CodeCheck
from snakemake_renku.replay.checkpoints import checkpoint_outputs
from snakemake_renku.replay.choice import key_of
from snakemake_renku.replay.clone import Clone, make_clone
from snakemake_renku.replay.execute import Ended, Executed, Listener, Told, execute
from snakemake_renku.replay.fetch import as_made, fetch, fetch_code
from snakemake_renku.replay.judge import Judge
from snakemake_renku.replay.plan import Part, Plan, Source, make_plan
from snakemake_renku.replay.recorded import Contents
from snakemake_renku.replay.repository import JobKey, Repository
from snakemake_renku.replay.target import Request
from snakemake_renku.replay.verdict import Explainer, local_script, this_place
from snakemake_renku.runner.digest import digest_paths
from snakemake_renku.runner.software import software

_LEAST_ROOM = 1 << 16
"""Bytes; with less, nothing else is the matter."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a replay is made: ``cores`` that its jobs may use together, and what counts as equal."""

    cores: int
    backend: str = "local"
    tolerance: Tolerance = field(default_factory=Tolerance)
    uncommitted: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay gives: ``clone_s`` and ``jobs_s`` are the seconds that it took to clone and
    fetch, and to execute."""

    verdict: Verdict
    runs: tuple[RunHistory, ...]
    clone_s: float
    jobs_s: float


@dataclass
class Course:
    """One replay, in the empty folder ``folder``; ``listener`` is told how far it is."""

    repository: Repository
    request: Request
    options: Options
    folder: Path
    listener: Listener
    _executed: dict[JobKey, Executed] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)
    _carried: tuple[str, ...] = ()

    def run(self) -> Replayed:
        """Go through all of it.

        Raises:
            ReplayError: nothing recorded is meant, or it cannot be cloned.
            RenkuError: the backend cannot be used.
        """
        try:
            return self._run()
        except (OSError, RenkuError) as error:
            if not _is_full(self.folder):
                raise
            raise ReplayError(
                f"There is no room left in {self.folder}: {error}",
                remedy="Make room, or set TMPDIR to a folder on a larger disk.",
            ) from error

    def _run(self) -> Replayed:
        started = time.time()
        plan = make_plan(self.repository, self.request, self.folder / "journals")
        clone = make_clone(self.repository, plan.commit, self.folder / "clone")
        problems: dict[str, str | None] = {**self._prepare(plan, clone)}
        cloned = time.time()
        self._say(_prepared(plan, clone, len(problems), cloned - started))
        for part in plan.parts:
            self._execute(part, plan, clone, problems)
        ended = time.time()
        verdict = self._judge(plan, clone, started)
        runs = tuple(part.run for part in plan.parts)
        return Replayed(verdict, runs, cloned - started, ended - cloned)

    # Before

    def _prepare(self, plan: Plan, clone: Clone) -> dict[str, str]:
        """Bring what the jobs need into the clone; what could not be brought, and why."""
        code, sources = list(_code(plan, clone)), _sources(plan)
        made = [place for place in _outputs(plan, clone) if place is not None]
        clone.install((*code, *made))
        used = (*code, *sources)
        found = uncommitted.changes(self.repository, made, used)
        self._notes += uncommitted.notes(found, used, carried=self.options.uncommitted)
        if self.options.uncommitted:
            uncommitted.carry(found, self.repository, clone)
            self._carried = (*found.changed, *found.untracked)
        problems = fetch(clone, code)
        fetch_code(clone, _folders(code, clone.prefix))
        problems |= fetch(clone, sources)
        fetch(clone, checkpoint_outputs(plan, clone))
        for source in {source for found in plan.sources.values() for source in found}:
            if source.ref.kind == "directory" and source.place is not None:
                as_made(clone.path(source.place), source.ref.digest)
        return problems

    def _execute(
        self, part: Part, plan: Plan, clone: Clone, problems: dict[str, str | None]
    ) -> None:
        possible = []
        for job in part.jobs:
            why = self._obstacle(job, plan, problems)
            if why is None:
                possible.append(job)
            else:
                executed = self._executed[key_of(job)] = Executed(not_replayable=why)
                self.listener(Ended(job.spec.id, job.spec.rule, executed, time.time()))
        if not possible:
            return
        done = execute(
            part.run,
            possible,
            clone.workdir,
            cores=self.options.cores,
            backend=self.options.backend,
            on_event=self.listener,
        )
        run = part.run.info.run
        self._executed |= {(run, id): executed for id, executed in done.items()}

    def _obstacle(self, job: JobHistory, plan: Plan, problems: dict[str, str | None]) -> str | None:
        """Why a job cannot be tried for want of an input."""
        key = key_of(job)
        for source in plan.sources[key]:
            path = source.ref.path
            if source.place is None and path not in problems:
                problems[path] = _unreachable(source)
            why = problems.get(source.place or path)
            if why is not None:
                return f"input {path}: {why}"
        for path, maker in plan.makers[key].items():
            executed = self._executed.get(maker)
            if executed is not None and not executed.ok:
                what = "failed" if executed.record is not None else "could not be replayed"
                return f"its input {path} was not made, because job {maker[1]} {what}"
        return None

    # Afterwards

    def _judge(self, plan: Plan, clone: Clone, started: float) -> Verdict:
        here, records = software(), self._records(plan)
        contents = Contents(clone, self.folder / "recorded")
        judge = Judge(
            plan,
            clone,
            self._executed,
            self.options.tolerance,
            contents,
            records,
            lambda path: self._say(f"Comparing {path}."),
        )
        found = judge.outputs()
        commits = dict.fromkeys(records.values())
        code = CodeCheck(clone, list(commits)[:1], self._carried)
        explainer = Explainer(plan, clone, self._executed, found, code, here)
        jobs = tuple(explainer.jobs())
        return Verdict(
            id=new_run_id(started),
            target=plan.target,
            runs=tuple(part.run.info.run for part in plan.parts),
            outcome=worst([job.outcome for job in jobs]),
            started=started,
            finished=time.time(),
            place=this_place(here),
            tolerance=self.options.tolerance,
            jobs=jobs,
            outputs=tuple(output for outputs in found.values() for output in outputs),
            commit=plan.commit,
            notes=tuple(dict.fromkeys((*plan.notes, *self._notes, *explainer.notes()))),
        )

    def _records(self, plan: Plan) -> dict[JobKey, str]:
        """The commits that recorded the jobs of the plan."""
        runs = {part.run.info.run for part in plan.parts}
        revisions = dict.fromkeys((self.repository.head, plan.commit))
        records = self.repository.records(*revisions)
        return {(run, job): commit for commit, run, job in records if job and run in runs}

    def _say(self, message: str) -> None:
        self.listener(Told(message))


def _code(plan: Plan, clone: Clone) -> Iterator[str]:
    """The places of Snakefiles, configuration files and scripts."""
    for part in plan.parts:
        info = part.run.info
        paths = [info.snakefile, *(source.path for source in info.sources)]
        steps = (step for job in part.jobs for step in job.spec.steps)
        scripts = map(local_script, steps)
        for path in dict.fromkeys((*paths, *filter(None, scripts))):
            place = clone.locate(path, info)
            if place is not None:
                yield place


def _folders(code: Iterable[str], prefix: str) -> Iterator[str]:
    """Folders that hold code and what belongs to it; not those that hold the results too."""
    for folder in map(os.path.dirname, code):
        if folder and not prefix.startswith(f"{folder}/"):
            yield folder


def _outputs(plan: Plan, clone: Clone) -> Iterator[str | None]:
    for part, job in plan.jobs():
        yield from (clone.locate(ref.path, part.run.info) for ref in outputs(job))


def _sources(plan: Plan) -> list[str]:
    """The places of all inputs that no job of the plan makes."""
    places = (source.place for sources in plan.sources.values() for source in sources)
    return list(dict.fromkeys(place for place in places if place is not None))


def _unreachable(source: Source) -> str | None:
    """Why an input from outside of the repository cannot be used; None if it can."""
    path = source.ref.path
    if not os.path.isabs(path):
        return "it is outside of the repository, by a relative path"
    found = digest_paths([path])[0]
    if found.kind == "missing":
        return "it is outside of the repository, and not on this machine"
    if found.digest != source.ref.digest:
        return "it is outside of the repository, and not the recorded one on this machine"
    return None


def _prepared(plan: Plan, clone: Clone, problems: int, seconds: float) -> str:
    jobs = sum(len(part.jobs) for part in plan.parts)
    lacking = f" ({problems} cannot be had)" if problems else ""
    return (
        f"Cloned commit {plan.commit[:12]} into {clone.root}, with the "
        f"{_number(len(_sources(plan)), 'input')} of {_number(jobs, 'job')}{lacking}, "
        f"in {seconds:.1f} s."
    )


def _is_full(folder: Path) -> bool:
    """Programs do not always say that it is the disk; a quota shows only in what they say."""
    free = os.statvfs(folder)
    return free.f_bavail * free.f_frsize < _LEAST_ROOM


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
