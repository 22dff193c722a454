"""How jobs get to workers: placed by us on a cluster of our own, by dask on one that is shared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from snakemake_renku.backends.dask import claims
from snakemake_renku.backends.dask.attempt import Attempt
from snakemake_renku.backends.dask.placing import Places
from snakemake_renku.backends.dask.plan import Made, Size
from snakemake_renku.backends.dask.talk import (
    Farewell,
    FromKeeper,
    Joined,
    Left,
    Ready,
    Retire,
    ToKeeper,
    Trouble,
    Want,
)
from snakemake_renku.backends.dask.telling import Teller, too_large
from snakemake_renku.model import FailureKind, JobRecord, JobSpec

_STALE_S = 30.0
"""So long the sizes of workers are taken to be as they were."""

Sizes = Callable[[], Awaitable[list[Size]]]
"""Asks what each worker of a cluster has for jobs."""


class Hands(Protocol):
    """What the engine does for those who decide where jobs go."""

    def do(self, order: Callable[[], None]) -> None:
        """Call something that must not fail in silence."""

    def hand_over(self, placed: Sequence[tuple[Attempt, str | None]]) -> None:
        """Make tasks of attempts, each for a worker or (None) for any."""

    def release(self, attempts: Sequence[Attempt]) -> None:
        """Have dask forget the tasks of attempts."""

    def lose(self, attempt: Attempt) -> None:
        """Give an attempt back that a worker had begun, when it is surely dead."""

    def end(self, attempt: Attempt, kind: FailureKind, message: str) -> None:
        """End an attempt that no supervisor tells of."""

    def spent(self, cpu_s: float) -> None:
        """Add CPU time in seconds to that of the run."""

    def lost(self, message: str) -> None:
        """The cluster is gone, or of no use."""


class Handing(Protocol):
    """Decides where jobs go, and when."""

    def take(self, attempts: Sequence[Attempt]) -> None:
        """Take attempts."""

    def ended(self, attempt: Attempt, record: JobRecord) -> None:
        """An attempt is over."""

    def workers_of(self, attempts: Sequence[Attempt]) -> list[str] | None:
        """The workers that could have these; None for all."""

    async def tick(self) -> None:
        """See how the cluster stands; called now and then."""

    def hear(self, word: FromKeeper | None) -> None:
        """What the keeper of the cluster says; None when it has gone."""


class Shared:
    """A cluster that others use too: dask has all jobs, sees their sizes, and places them."""

    def __init__(self, hands: Hands, teller: Teller, sizes: Sizes) -> None:
        self._hands, self._teller, self._sizes = hands, teller, sizes
        self._new: list[JobSpec] = []
        self._known: list[Size] = []
        self._asked = 0.0

    def take(self, attempts: Sequence[Attempt]) -> None:
        """Give all to dask."""
        self._new += [attempt.spec for attempt in attempts]
        self._hands.hand_over([(attempt, None) for attempt in attempts])

    def ended(self, attempt: Attempt, record: JobRecord) -> None:
        """Nothing waits for it."""

    def workers_of(self, attempts: Sequence[Attempt]) -> list[str] | None:
        """Dask may have moved them."""
        return None

    async def tick(self) -> None:
        """Say which jobs do not fit on any worker, as soon as there are some."""
        if not self._new:
            return
        if not self._known or time.monotonic() - self._asked > _STALE_S:
            self._known, self._asked = await self._sizes(), time.monotonic()
        if self._known:
            self._teller.size_up(self._new, self._known)
            self._new.clear()

    def hear(self, word: FromKeeper | None) -> None:
        """There is no keeper."""


class Own:
    """A cluster made for the run: jobs wait here until a worker has room."""

    def __init__(
        self,
        plan: Made,
        hands: Hands,
        teller: Teller,
        claims_folder: str,
        say: Callable[[ToKeeper], None],
    ) -> None:
        self._size, self._hands, self._teller, self._say = plan.size, hands, teller, say
        self._claims = claims_folder
        self._places = Places(plan.size, plan.workers, runtime_s=plan.longest_s)
        self._attempts: dict[str, Attempt] = {}
        self._workers: set[str] = set()
        self._wanted = 0
        self._soon = False

    def take(self, attempts: Sequence[Attempt]) -> None:
        """Keep those that a worker could hold; reject the others."""
        for attempt in attempts:
            if self._size.holds(attempt.spec):
                self._attempts[attempt.spec.id] = attempt
                self._places.wait(attempt.spec)
            else:
                self._hands.end(attempt, "rejected", too_large(attempt.spec, self._size))
        self._place_soon()
        if self._wanted == 0:
            self._want()

    def ended(self, attempt: Attempt, record: JobRecord) -> None:
        """Use the room that there is now."""
        self._attempts.pop(attempt.spec.id, None)
        self._places.ended(attempt.spec, record)
        self._place_soon()

    def workers_of(self, attempts: Sequence[Attempt]) -> list[str] | None:
        """Where they were placed."""
        return list({str(attempt.worker) for attempt in attempts})

    async def tick(self) -> None:
        """Have as many workers as are of use, and none that has no time for a job."""
        self._want()
        for address in self._places.spent():
            self._places.leave(address)
            self._say(Retire(address))
        self._teller.waits(alone=bool(self._attempts) and not self._workers)

    def hear(self, word: FromKeeper | None) -> None:
        """Workers come and go."""
        match word:
            case Joined():
                self._workers.add(word.address)
                self._places.join(word.address)
                self._place_soon()
            case Left():
                self._left(word.address)
            case Trouble():
                self._teller.tell(word.message)
                if word.fatal:
                    self._hands.lost(f"The cluster of dask is given up. {self._teller.logs}")
            case Farewell():
                self._hands.spent(word.cpu_s)
            case None:
                self._hands.lost(
                    f"The keeper of the dask cluster ended unexpectedly. {self._teller.logs}"
                )
            case Ready():
                pass

    def _left(self, address: str) -> None:
        self._workers.discard(address)
        attempts = [self._attempts[spec.id] for spec in self._places.leave(address)]
        self._hands.release(attempts)
        for attempt in attempts:
            # Whoever has the claim: either the worker began the job, or now it never can.
            if attempt.cancelled or not claims.take(self._claims, attempt.claim):
                self._hands.lose(attempt)
            else:
                attempt.future, attempt.placing = None, attempt.placing + 1
                self._places.wait(attempt.spec)
        self._place_soon()

    def _place_soon(self) -> None:
        if not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._hands.do, self._place)

    def _place(self) -> None:
        self._soon = False
        placed: list[tuple[JobSpec, str]] = list(self._places.place())
        self._hands.hand_over([(self._attempts[spec.id], address) for spec, address in placed])

    def _want(self) -> None:
        wanted = self._places.wanted()
        if wanted != self._wanted:
            self._wanted = wanted
            self._say(Want(wanted))
