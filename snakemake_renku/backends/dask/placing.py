"""Which job goes to which worker of a cluster that we make."""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from snakemake_renku.backends.dask.plan import Size
from snakemake_renku.model import JobRecord, JobSpec

_PATIENCE = 50
"""How often a job is passed over by smaller ones before they wait for it."""

_SHORT_S = 0.5
"""Jobs of a rule whose jobs take less than this are sent ahead, so that no core waits for news."""

_AHEAD = 3
"""So many short jobs for each core may be on a worker."""

_UNKNOWN_S = 10.0
"""How long a job is taken to run before any of its rule has ended."""

_WORTH_S = 10.0
"""So much work, in seconds for each core, justifies a worker."""


@dataclass(slots=True)
class Place:
    """A worker; ``until`` is when all that it runs must be over (seconds since the epoch)."""

    address: str
    cores: int
    mem_mb: float
    until: float
    jobs: dict[str, JobSpec] = field(default_factory=dict)

    @property
    def free_cores(self) -> int:
        """Negative where jobs were sent ahead."""
        return self.cores - sum(spec.threads for spec in self.jobs.values())

    def fits(self, spec: JobSpec) -> bool:
        """Whether cores and memory are free for the job."""
        taken = sum(job.mem_mb or 0 for job in self.jobs.values())
        return spec.threads <= self.free_cores and (spec.mem_mb or 0) + taken <= self.mem_mb


Kind = tuple[int, int, float, str]
"""Threads, memory, run time and rule: jobs of one kind fit, or do not fit, alike."""


class Places:
    """Jobs that wait, and workers with what they run."""

    def __init__(self, size: Size, most: int, *, runtime_s: float = 0.0) -> None:
        self._size, self._most, self._runtime_s = size, most, runtime_s
        self._places: dict[str, Place] = {}
        self._waiting: dict[str, JobSpec] = {}
        self._queues: dict[Kind, list[tuple[int, int, str]]] = {}
        self._number = itertools.count()
        self._passed: Counter[str] = Counter()
        self._lasting: dict[str, float] = {}

    # --- what comes and goes ----------------------------------------------------------------

    def join(self, address: str) -> None:
        """A worker is there."""
        mem_mb = math.inf if self._size.mem_mb is None else self._size.mem_mb
        lifetime = math.inf if self._size.lifetime_s is None else self._size.lifetime_s
        self._places[address] = Place(address, self._size.cores, mem_mb, time.time() + lifetime)

    def leave(self, address: str) -> tuple[JobSpec, ...]:
        """A worker is gone; gives the jobs that it had."""
        place = self._places.pop(address, None)
        return () if place is None else tuple(place.jobs.values())

    def wait(self, spec: JobSpec) -> None:
        """Take a job."""
        self._waiting[spec.id] = spec
        queue = self._queues.setdefault(self._kind(spec), [])
        heapq.heappush(queue, (-spec.priority, next(self._number), spec.id))

    def drop(self, job: str) -> None:
        """Forget a job, wherever it is."""
        self._waiting.pop(job, None)
        self._passed.pop(job, None)
        for place in self._places.values():
            place.jobs.pop(job, None)

    def ended(self, spec: JobSpec, record: JobRecord) -> None:
        """Free the place of a job."""
        self.drop(spec.id)
        if record.ok:
            before = self._lasting.get(spec.rule)
            lasted = record.finished - record.started
            self._lasting[spec.rule] = lasted if before is None else (before * 3 + lasted) / 4

    def spent(self) -> list[str]:
        """Workers without jobs whose time is too short for another."""
        end = time.time() + self._runtime_s
        return [p.address for p in self._places.values() if not p.jobs and end > p.until]

    # --- decisions --------------------------------------------------------------------------

    def place(self) -> Iterator[tuple[JobSpec, str]]:
        """Jobs that fit now, each with the address of its worker."""
        heads = [entry for kind in tuple(self._queues) if (entry := self._head(kind)) is not None]
        heapq.heapify(heads)
        passed: str | None = None
        while heads and (passed is None or self._passed[passed] <= _PATIENCE):
            spec = self._waiting[heapq.heappop(heads)[2]]
            place = self._best(spec)
            if place is None:
                passed = passed or spec.id
                continue
            if passed is not None:
                self._passed[passed] += 1
            del self._waiting[spec.id]
            place.jobs[spec.id] = spec
            yield spec, place.address
            following = self._head(self._kind(spec))
            if following is not None:
                heapq.heappush(heads, following)

    def wanted(self) -> int:
        """So many workers are of use now."""
        placed = [spec for place in self._places.values() for spec in place.jobs.values()]
        specs = [*self._waiting.values(), *placed]
        if not specs:
            return 0
        cores = sum(spec.threads for spec in specs) / self._size.cores
        memory = sum(spec.mem_mb or 0 for spec in specs) / (self._size.mem_mb or math.inf)
        work = sum(spec.threads * self._lasting.get(spec.rule, _UNKNOWN_S) for spec in specs)
        worth = max(1.0, work / self._size.cores / _WORTH_S)
        busy = sum(bool(place.jobs) for place in self._places.values())
        return min(self._most, max(busy, math.ceil(min(max(cores, memory), worth))))

    def _kind(self, spec: JobSpec) -> Kind:
        return spec.threads, spec.mem_mb or 0, spec.runtime_s or self._runtime_s, spec.rule

    def _head(self, kind: Kind) -> tuple[int, int, str] | None:
        """The first of a queue that still waits."""
        queue = self._queues[kind]
        while queue and queue[0][2] not in self._waiting:
            heapq.heappop(queue)
        if queue:
            return queue[0]
        del self._queues[kind]
        return None

    def _best(self, spec: JobSpec) -> Place | None:
        """The fullest worker with room, so that others may end; else one to send it ahead to."""
        end = time.time() + (spec.runtime_s or self._runtime_s)
        in_time = [place for place in self._places.values() if end <= place.until]
        fitting = [place for place in in_time if place.fits(spec)]
        if fitting:
            return min(fitting, key=lambda place: place.free_cores)
        if self._lasting.get(spec.rule, math.inf) >= _SHORT_S:
            return None
        ahead = [place for place in in_time if len(place.jobs) < place.cores * _AHEAD]
        return min(ahead, key=lambda place: len(place.jobs), default=None)
