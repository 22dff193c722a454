"""Jobs, runs and verdicts, reduced to what a reader of a lineage wants to know."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from snakemake_renku.errors import JournalError
from snakemake_renku.journal import RunHistory, read_verdict, verdict_paths
from snakemake_renku.lineage.graph import CodeNode, JobNode, RunNode, VerdictNote
from snakemake_renku.lineage.records import Job, place
from snakemake_renku.model import (
    Environment,
    JobVerdict,
    ResolvedEnvironment,
    RunInfo,
    Step,
    Verdict,
)


def job_node(
    job: Job, inputs: tuple[str, ...], outputs: tuple[str, ...], verdicts: tuple[VerdictNote, ...]
) -> JobNode:
    """A job, with the ids of the files that it read and made."""
    spec, record = job.history.spec, job.record
    found = (step.environment for step in record.steps[: len(spec.steps)])
    return JobNode(
        id=job.key,
        run=job.run.info.run,
        attempt=spec.id,
        rule=spec.rule,
        started=record.started,
        finished=record.finished,
        host=record.host,
        exit_code=record.exit_code,
        mode=record.mode,
        steps=tuple(
            _code(step, environment or ResolvedEnvironment(), job.run.info)
            for step, environment in zip_longest(spec.steps, found)
        ),
        inputs=inputs,
        outputs=outputs,
        verdicts=verdicts,
    )


def _code(step: Step, found: ResolvedEnvironment, run: RunInfo) -> CodeNode:
    asked: Environment = step.environment
    return CodeNode(
        rule=step.rule,
        kind=step.kind,
        wildcards=step.wildcards,
        command=step.command,
        script=None if step.script is None else script_place(step.script, run),
        digest=step.code_digest,
        container=found.container or asked.container,
        image_digest=found.image_digest,
        conda=found.conda or asked.conda,
        modules=found.modules or asked.modules,
    )


def script_place(script: str, run: RunInfo) -> str:
    """The path of a script relative to the working directory; what is no path, as it is."""
    return script if "://" in script else place(script, run)


def run_node(run: RunHistory) -> RunNode:
    """A run without its jobs."""
    info, software = run.info, run.info.software
    return RunNode(
        run=info.run,
        status=run.status,
        started=info.started,
        host=info.host,
        user=info.user,
        snakefile=place(info.snakefile, info),
        snakemake=info.snakemake_version,
        renku=info.renku_version,
        python=software.python if software is not None else None,
        packages_digest=software.digest if software is not None else None,
        git=info.git,
    )


def verdict_notes(workdir: Path) -> tuple[dict[str, tuple[VerdictNote, ...]], list[str]]:
    """The verdicts kept below ``workdir`` by job, oldest first; and what could not be read."""
    notes: dict[str, tuple[VerdictNote, ...]] = {}
    problems = []
    for path in verdict_paths(workdir):
        try:
            verdict = read_verdict(path)
        except JournalError as error:
            problems.append(str(error))
            continue
        for job in verdict.jobs:
            key = f"{job.run}/{job.id}"
            notes[key] = (*notes.get(key, ()), _note(verdict, job))
    return notes, problems


def _note(verdict: Verdict, job: JobVerdict) -> VerdictNote:
    return VerdictNote(
        verdict=verdict.id,
        outcome=job.outcome,
        time=verdict.finished,
        user=verdict.place.user,
        host=verdict.place.host,
        relative=verdict.tolerance.relative,
        absolute=verdict.tolerance.absolute,
        reason=job.reason,
        causes=job.causes,
    )
