"""The verdict on each job and over all, with what explains it."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata

from snakemake_renku import __version__
from snakemake_renku.journal import JobHistory, RunGraph, inputs
from snakemake_renku.model import (
    FileRef,
    JobVerdict,
    Outcome,
    OutputVerdict,
    Place,
    RunInfo,
    Software,
    Step,
    worst,
)
from snakemake_renku.replay.causes import CodeCheck, environment_causes
from snakemake_renku.replay.choice import CONTENT, key_of
from snakemake_renku.replay.clone import Clone
from snakemake_renku.replay.execute import Executed
from snakemake_renku.replay.failures import failure_words, not_replayable
from snakemake_renku.replay.journals import job_name
from snakemake_renku.replay.judge import NO_JOB
from snakemake_renku.replay.plan import Part, Plan
from snakemake_renku.replay.repository import JobKey

_DIGEST = len("sha256:") + 12
"""So much of a digest is told, as git does with its commits."""

NOTHING = (
    "nothing of what is recorded was different: it depends on something else, such as the time, "
    "random numbers, or the machine"
)


@dataclass
class Explainer:
    """Explains what became of the jobs of a plan by all that was not as recorded."""

    plan: Plan
    clone: Clone
    executed: Mapping[JobKey, Executed]
    outputs: Mapping[JobKey, list[OutputVerdict]]
    code: CodeCheck
    software: Software
    _names: dict[JobKey, str] = field(init=False)

    def __post_init__(self) -> None:
        self._names = {key_of(job): job_name(job) for _, job in self.plan.jobs()}

    def jobs(self) -> Iterator[JobVerdict]:
        """The verdicts on all jobs, in the order in which they were replayed."""
        for part, job in self.plan.jobs():
            yield self._job(part, job)

    def notes(self) -> Iterator[str]:
        """What was not as in the recorded runs as a whole."""
        for part in self.plan.parts:
            info = part.run.info
            if info.git is not None and info.git.dirty:
                yield (
                    f"When the run {info.run} began, tracked files were changed that were not "
                    "committed."
                )
            changed = [each for each in map(self._source, _sources(info, self.clone)) if each]
            yield from changed
            if changed and any(self._is_direct(key_of(job)) for job in part.jobs):
                yield "Shell commands were replayed as recorded, not as the Snakefile has them now."
            yield from environment_causes(info, self.software)

    def _job(self, part: Part, job: JobHistory) -> JobVerdict:
        key = key_of(job)
        executed = self.executed.get(key, NO_JOB)
        record, recorded = executed.record, job.record
        verdict = self._outcome(executed, self.outputs.get(key, []))
        causes = tuple(self._causes(part, job, executed, good=verdict[0] == "identical"))
        if verdict[0] == "different" and not causes:
            causes = (NOTHING,)
        return JobVerdict(
            id=job.spec.id,
            run=job.spec.run,
            rule=job.spec.rule,
            outcome=verdict[0],
            reason=verdict[1],
            causes=causes,
            wall_s=record.finished - record.started if record is not None else None,
            recorded_wall_s=recorded.finished - recorded.started if recorded is not None else None,
        )

    def _outcome(
        self, executed: Executed, outputs: list[OutputVerdict]
    ) -> tuple[Outcome, str | None]:
        why = not_replayable(executed)
        if why is not None:
            return "not replayable", why
        if executed.record is not None and not executed.ok:
            # The scratch folder will soon mean nothing to anybody.
            words = failure_words(executed.record).replace(f"{self.clone.root}/", "")
            return "failed", words
        if not outputs:
            return "identical", "it makes no file that could be compared, and ended well"
        return worst([output.outcome for output in outputs]), None

    # Causes

    def _causes(
        self, part: Part, job: JobHistory, executed: Executed, *, good: bool
    ) -> Iterator[str]:
        if executed.record is None:
            return
        yield from self._inputs(part.graph, job, executed)
        for step in job.spec.steps:
            found = self._script(step, part.run.info)
            if found is not None:
                yield found
        yield from _images(job, executed)
        if not good:
            if not self._is_direct(key_of(job)):
                sources = map(self._source, _sources(part.run.info, self.clone))
                yield from (found for found in sources if found)
            if _in_own_environment(job):
                yield from environment_causes(part.run.info, self.software)

    def _inputs(self, graph: RunGraph, job: JobHistory, executed: Executed) -> Iterator[str]:
        assert executed.record is not None
        replayed = {
            self.clone.place_of(ref.path) or ref.path: ref
            for step in executed.record.steps
            for ref in step.input
        }
        makers = self.plan.makers[key_of(job)]
        for path, ref in {graph.path(ref): ref for ref in inputs(job)}.items():
            place = self.clone.locate(ref.path, graph.run.info) or ref.path
            now = replayed.get(place)
            if now is None or ref.kind not in CONTENT or now.digest == ref.digest:
                continue
            yield self._input(path, place, ref, now, makers.get(path))

    def _input(
        self, path: str, place: str, was: FileRef, now: FileRef, maker: JobKey | None
    ) -> str:
        if maker is None:
            changed = self.code.last_change(place)
            return (
                f"input {path} is not the recorded one "
                f"({_short(now.digest)} instead of {_short(was.digest)}){changed}"
            )
        made = self.outputs.get(maker, ())
        served = all(output.outcome in ("identical", "equivalent") for output in made)
        how = "equivalently, but not byte for byte" if served else "differently"
        return f"input {path} was replayed {how} (by job {self._names[maker]})"

    def _script(self, step: Step, info: RunInfo) -> str | None:
        script = local_script(step)
        place = None if script is None else self.clone.locate(script, info)
        if place is None or step.code_digest is None:
            return None
        return self.code.difference(f"code of {place}", place, step.code_digest, info)

    def _source(self, source: tuple[str, str, RunInfo]) -> str | None:
        place, digest, info = source
        return self.code.difference(place, place, digest, info)

    def _is_direct(self, key: JobKey) -> bool:
        record = self.executed.get(key, NO_JOB).record
        return record is not None and record.mode == "direct"


def local_script(step: Step) -> str | None:
    """The path of a step's script or notebook; None for what comes from elsewhere."""
    script = step.script
    if script is None or step.kind == "wrapper":
        return None
    script = script.removeprefix("file://")
    return None if "://" in script else script


def _sources(info: RunInfo, clone: Clone) -> Iterator[tuple[str, str, RunInfo]]:
    for source in info.sources:
        place = clone.locate(source.path, info)
        if place is not None:
            yield place, source.digest, info


def _images(job: JobHistory, executed: Executed) -> Iterator[str]:
    if job.record is None or executed.record is None:
        return
    for was, now in zip(job.record.steps, executed.record.steps, strict=False):
        old, new = was.environment.image_digest, now.environment.image_digest
        if old != new:
            yield f"the image is not the recorded one ({_short(new)} instead of {_short(old)})"


def _in_own_environment(job: JobHistory) -> bool:
    """Whether a step ran in the interpreter of Snakemake, so that its packages matter."""
    environments = [step.environment for step in job.spec.steps]
    return any(each.container is None and each.conda is None for each in environments)


def _short(digest: str | None) -> str:
    return "nothing" if digest is None else f"{digest[:_DIGEST]}…"


def this_place(software: Software) -> Place:
    """Where and by whom a replay is made now."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return Place(
        host=os.uname().nodename,
        user=user,
        python=platform.python_version(),
        snakemake=metadata.version("snakemake"),
        renku=__version__,
        packages_digest=software.digest,
        platform=platform.platform(),
    )
