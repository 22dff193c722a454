"""What happened, before it is put into words: attempts, what they read and made, and when.

The clocks of hosts may disagree, and PROV orders events: a file is made before it is used, and used
before what is derived from it is made. Times that would contradict that order are not stated as
PROV's: those of a usage are left out, and where an attempt ended, by its host's clock, before what
it read was made, its times stand as ``renku:clockStarted`` and ``renku:clockFinished`` instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from snakemake_renku.journal import JobHistory, RunHistory
from snakemake_renku.provenance.prov.files import Files, Key, Made, Use, inner
from snakemake_renku.provenance.prov.names import attempt_id


@dataclass(slots=True)
class Attempt:
    """An attempt that began.

    ``informants`` are the attempts that it depends on: those whose outputs it read, and the one
    that it repeats. ``started`` and ``finished`` are in seconds since the epoch, by the clock of
    its host; ``agrees`` says whether they fit those of the others. ``inner`` are the paths that one
    step of a group made for another.
    """

    run: RunHistory
    job: JobHistory
    id: str
    uses: Mapping[str, Use]
    made: Mapping[str, Made]
    informants: Sequence[Key]
    inner: set[str]
    started: float | None
    finished: float | None
    agrees: bool = True
    earliest: float = float("-inf")

    @property
    def key(self) -> Key:
        """Its run and its id in it."""
        return self.run.info.run, self.job.spec.id


class Trace:
    """The attempts of ``runs``, in the order of the journals, runs in the order of their starts."""

    def __init__(self, runs: Sequence[RunHistory]) -> None:
        unique = {run.info.run: run for run in runs}
        self.runs = sorted(unique.values(), key=lambda run: (run.info.started, run.info.run))
        files = Files(self.runs)
        self.attempts = {
            attempt.key: attempt for run in self.runs for attempt in _attempts(run, files)
        }
        for attempt in self._in_order():
            self._settle(attempt)
        self._hosts: dict[str, dict[str, None]] = {}
        for attempt in self.attempts.values():
            if attempt.job.record is not None and attempt.job.record.host:
                self._hosts.setdefault(attempt.key[0], {})[attempt.job.record.host] = None

    def hosts(self, run: str) -> list[str]:
        """Where the attempts of a run were made."""
        return list(self._hosts.get(run, {}))

    def used_at(self, attempt: Attempt, use: Use) -> float | None:
        """When the attempt began to read a file, if that is known and fits."""
        if not attempt.agrees or not use.refs or attempt.started is None:
            return None
        fits = use.made is None or self.known_by(use.made) <= attempt.started
        return attempt.started if fits else None

    def made_at(self, attempt: Attempt, made: Made) -> float | None:
        """When the attempt had made a file, if that is known and fits."""
        return attempt.finished if attempt.agrees and made.path not in attempt.inner else None

    def known_by(self, made: Made) -> float:
        """A time before which a version was surely not there."""
        maker = self.attempts[made.maker]
        at = self.made_at(maker, made)
        return at if at is not None else self._began(maker)

    def _began(self, attempt: Attempt) -> float:
        if attempt.agrees and attempt.started is not None:
            return max(attempt.started, attempt.earliest)
        return attempt.earliest

    def _settle(self, attempt: Attempt) -> None:
        versions = [use.made for use in attempt.uses.values() if use.made and use.refs]
        bounds = [self.known_by(made) for made in versions]
        informants = [self.attempts[key] for key in attempt.informants if key in self.attempts]
        bounds += [self._began(informant) for informant in informants]
        attempt.earliest = max(bounds, default=attempt.earliest)
        if attempt.finished is not None:
            begun = attempt.started if attempt.started is not None else attempt.finished
            attempt.agrees = max(begun, attempt.earliest) <= attempt.finished

    def _in_order(self) -> Iterator[Attempt]:
        """Each attempt after those that it depends on."""
        graph = {key: attempt.informants for key, attempt in self.attempts.items()}
        try:
            order = list(TopologicalSorter(graph).static_order())
        except CycleError:
            order = list(graph)
        return (self.attempts[key] for key in order if key in self.attempts)


def _attempts(run: RunHistory, files: Files) -> Iterator[Attempt]:
    previous: dict[str, Key] = {}
    for job in run.jobs.values():
        if job.started is None and job.record is None:
            continue
        key = (run.info.run, job.spec.id)
        uses, parents = files.used(run, job)
        made = files.made(key)
        earlier = previous.get(job.spec.jobid)
        informants = list(dict.fromkeys([*parents, *([earlier] if earlier else [])]))
        previous[job.spec.jobid] = key
        started, finished = _times(job)
        yield Attempt(
            run=run,
            job=job,
            id=attempt_id(*key),
            uses=uses,
            made=made,
            informants=informants,
            inner=inner(job, uses.values(), made),
            started=started,
            finished=finished,
        )


def _times(job: JobHistory) -> tuple[float | None, float | None]:
    record, began = job.record, job.started
    if record is None:
        return (None if began is None else began.time), None
    if not record.host and began is not None:
        # Its place was lost, so nobody knows more than when it began.
        return began.time, record.finished
    return record.started, record.finished
