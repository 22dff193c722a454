"""What replays found: verdicts as activities that compare what was recorded with what came out."""

from __future__ import annotations

import os.path
from collections.abc import Iterator

from snakemake_renku.journal import normal_path
from snakemake_renku.model import Difference, Finding, JobVerdict, OutputVerdict, Verdict
from snakemake_renku.provenance.prov import agents, entities
from snakemake_renku.provenance.prov.attempts import Attempts
from snakemake_renku.provenance.prov.document import Document
from snakemake_renku.provenance.prov.names import attempt_id, related, spelled, version_id
from snakemake_renku.provenance.prov.trace import Attempt, Trace
from snakemake_renku.provenance.prov.values import moment


def add_replay(document: Document, trace: Trace, attempts: Attempts, verdict: Verdict) -> None:
    """State that a replay took place, what it compared, and what it found."""
    replay = _Replay(document, trace, attempts, verdict)
    if document.once(f"parts of {replay.id}"):
        replay.state()


class _Replay:
    """A verdict in a document that tells of the runs that it is about."""

    def __init__(
        self, document: Document, trace: Trace, attempts: Attempts, verdict: Verdict
    ) -> None:
        self.id = spelled("replay", verdict.id)
        self._document, self._trace, self._attempts = document, trace, attempts
        self._verdict = verdict
        self._jobs: dict[str, list[JobVerdict]] = {}
        for job in verdict.jobs:
            self._jobs.setdefault(job.id, []).append(job)
        self._fits = self._earliest() <= verdict.finished >= verdict.started

    def state(self) -> None:
        """Make the statements."""
        verdict = self._verdict
        times = (moment(verdict.started), moment(verdict.finished)) if self._fits else (None, None)
        self._document.activity(self.id, *times, self._told())
        self._responsible()
        for job in verdict.jobs:
            self._job(job)
        for number, output in enumerate(verdict.outputs):
            self._output(output, number)
        self._concluded()

    def _told(self) -> list[tuple[str, object]]:
        verdict = self._verdict
        clock = (None, None) if self._fits else (verdict.started, verdict.finished)
        return [
            ("prov:type", self._document.term("Replay")),
            ("prov:label", f"replay of {verdict.target}"),
            ("verdict", verdict.id),
            ("target", verdict.target),
            ("outcome", verdict.outcome),
            *self._tolerance(),
            ("commit", verdict.commit),
            ("clockStarted", moment(clock[0])),
            ("clockFinished", moment(clock[1])),
            *(("note", note) for note in verdict.notes),
        ]

    def _tolerance(self) -> list[tuple[str, object]]:
        tolerance = self._verdict.tolerance
        return [
            ("relativeTolerance", tolerance.relative),
            ("absoluteTolerance", tolerance.absolute),
        ]

    def _responsible(self) -> None:
        document, place = self._document, self._verdict.place
        host = agents.machine(document, place.host)
        who = [
            agents.person(document, place.user, place.host),
            host,
            agents.python(document, place.python, place.packages_digest),
        ]
        if place.renku is not None:
            who.append(agents.renku(document, place.renku))
        if place.snakemake is not None:
            who.append(agents.snakemake(document, place.snakemake))
        for number, agent in enumerate(who):
            more = [("platform", place.platform)] if agent == host else []
            id = related("association", self.id, number)
            document.associated(id, self.id, agent, None, more)

    def _job(self, job: JobVerdict) -> None:
        """The replay of one attempt, as an activity of its own within the replay."""
        document = self._document
        attempt = self._attempt(job)
        if attempt is not None:
            self._attempts.alone(attempt)
        told: list[tuple[str, object]] = [
            ("prov:type", document.term("ReplayedAttempt")),
            ("prov:label", f"replay of {job.rule}"),
            ("partOf", document.name(self.id)),
            ("replayOf", document.name(attempt_id(job.run, job.id))),
            ("rule", job.rule),
            ("outcome", job.outcome),
            ("reason", job.reason),
            *(("cause", cause) for cause in job.causes),
            ("wallTime", job.wall_s),
            ("recordedWallTime", job.recorded_wall_s),
        ]
        document.activity(self._job_id(job), None, None, told)

    def _output(self, output: OutputVerdict, number: int) -> None:
        document, job = self._document, self._job_of(output)
        recorded, replayed = self._recorded(output, job), self._replayed(output, job, number)
        if recorded is not None:
            told = [("prov:role", document.term("recorded")), *_found(output)]
            document.used(related("usage", self.id, number, 0), self.id, recorded, None, told)
        if replayed is not None:
            told = [("prov:role", document.term("replayed"))]
            document.used(related("usage", self.id, number, 1), self.id, replayed, None, told)
        if recorded is not None and replayed is not None:
            document.alternates(replayed, recorded)

    def _recorded(self, output: OutputVerdict, job: JobVerdict | None) -> str | None:
        """The entity that was recorded; also if no journal is here that says more of it."""
        attempt = self._attempt(job)
        path = self._path(attempt, output)
        if attempt is not None and path in attempt.made:
            self._attempts.alone(attempt)
            self._attempts.generations(attempt, (path,))
            return attempt.made[path].id
        if output.recorded is None:
            return None
        maker = attempt_id(job.run, job.id) if job is not None else "unknown"
        return self._version(path, output.recorded, maker)

    def _replayed(self, output: OutputVerdict, job: JobVerdict | None, number: int) -> str | None:
        if output.replayed is None:
            return None
        maker = self.id if job is None else self._job_id(job)
        entity = self._version(self._path(self._attempt(job), output), output.replayed, maker)
        role = ("prov:role", self._document.term("output"))
        id = related("generation", self.id, number)
        self._document.generated(id, entity, maker, None, [role])
        return entity

    def _version(self, path: str, digest: str, maker: str) -> str:
        folder = digest.startswith("sha256-tree:")
        id = version_id(path, digest, maker)
        return entities.version(self._document, id, path, digest, None, folder=folder)

    def _concluded(self) -> None:
        document, verdict = self._document, self._verdict
        entity = document.entity(
            spelled("verdict", verdict.id),
            [
                ("prov:type", document.term("Verdict")),
                ("prov:label", f"{verdict.outcome}: {verdict.target}"),
                ("outcome", verdict.outcome),
                *self._tolerance(),
            ],
        )
        time = moment(verdict.finished) if self._fits else None
        document.generated(related("generation", self.id), entity, self.id, time, ())

    def _earliest(self) -> float:
        """When the last of what it compares was made."""
        made = (
            self._trace.known_by(attempt.made[path])
            for output in self._verdict.outputs
            if (attempt := self._attempt(self._job_of(output))) is not None
            and (path := self._path(attempt, output)) in attempt.made
        )
        return max(made, default=float("-inf"))

    def _job_of(self, output: OutputVerdict) -> JobVerdict | None:
        """The job of an output: of those with its id, which repeats among runs, the maker."""
        candidates = self._jobs.get(output.job, [])
        for job in candidates:
            attempt = self._attempt(job)
            if attempt is not None and self._path(attempt, output) in attempt.made:
                return job
        return candidates[0] if candidates else None

    def _job_id(self, job: JobVerdict) -> str:
        return spelled("replayed", self._verdict.id, job.run, job.id)

    def _attempt(self, job: JobVerdict | None) -> Attempt | None:
        return None if job is None else self._trace.attempts.get((job.run, job.id))

    def _path(self, attempt: Attempt | None, output: OutputVerdict) -> str:
        if attempt is None:
            return os.path.normpath(output.path)
        return normal_path(output.path, attempt.run.info.workdir)


def _found(output: OutputVerdict) -> Iterator[tuple[str, object]]:
    yield from (("outcome", output.outcome), ("reason", output.reason))
    if output.finding is not None:
        yield from _compared(output.finding)


def _compared(finding: Finding) -> Iterator[tuple[str, object]]:
    yield "comparedAs", finding.compared_as
    yield "differences", finding.count or None
    for difference in finding.differences[:1]:
        yield "firstDifference", _words(difference)
    yield from (("ignored", what) for what in finding.ignored)
    yield "largestAbsoluteDifference", finding.largest_absolute
    yield "largestRelativeDifference", finding.largest_relative


def _words(difference: Difference) -> str:
    if difference.recorded is None and difference.replayed is None:
        return difference.where
    return f"{difference.where}: {difference.recorded} became {difference.replayed}"
