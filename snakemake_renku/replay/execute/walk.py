"""The order of the jobs: which may start, and which never will."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence


class Walk:
    """Goes through a graph of jobs, each named by its id.

    ``parents`` are those whose outputs a job reads; ``after`` are others that must merely have
    ended before, well or not.
    """

    def __init__(
        self,
        order: Sequence[str],
        parents: Mapping[str, Iterable[str]],
        after: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self._parents = {job: set(parents.get(job, ())) for job in order}
        self._waits = {
            job: (self._parents[job] | set((after or {}).get(job, ()))) - {job} for job in order
        }
        self._left = {job: len(waits) for job, waits in self._waits.items()}
        self._followers: dict[str, list[str]] = {job: [] for job in order}
        for job in order:
            for other in self._waits[job]:
                self._followers[other].append(job)
        self._bad: dict[str, str] = {}
        self._ready = deque(job for job in order if not self._left[job])
        self._unsettled = set(order)

    @property
    def over(self) -> bool:
        """Whether all jobs are settled."""
        return not self._unsettled

    @property
    def unsettled(self) -> frozenset[str]:
        """The jobs that are not settled yet."""
        return frozenset(self._unsettled)

    def take(self) -> Iterable[tuple[str, str | None]]:
        """Each job of which all others it waits for are settled, once.

        With it comes a parent that did not end well, or None if it may start.
        """
        while self._ready:
            job = self._ready.popleft()
            yield job, self._bad.get(job)

    def settle(self, job: str, *, ok: bool) -> None:
        """Take note that a job has ended, or never will."""
        self._unsettled.remove(job)
        for follower in self._followers[job]:
            if not ok and job in self._parents[follower]:
                self._bad.setdefault(follower, job)
            self._left[follower] -= 1
            if not self._left[follower]:
                self._ready.append(follower)
