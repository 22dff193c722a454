"""A backend whose events wait in a queue.

Who waits for them is not inside an event loop, so Ctrl-C interrupts the waiting and not the stream.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from queue import SimpleQueue

from snakemake_renku.backends.base import Backend, BackendEvent, Lost


class Stream:
    """Moves the events of ``backend`` into a queue, by a thread of its own."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._queue: SimpleQueue[BackendEvent | None] = SimpleQueue()
        self._over = False
        threading.Thread(target=self._pump, name="renku-replay", daemon=True).start()

    def wait(self) -> list[BackendEvent]:
        """The next event and all that follow at once; a :class:`Lost` if none will come."""
        events = [self._next()]
        while not self._queue.empty() and not isinstance(events[-1], Lost):
            events.append(self._next())
        return events

    def rest(self) -> Iterator[BackendEvent]:
        """All that is still to come."""
        while not self._over:
            event = self._next()
            if not isinstance(event, Lost):
                yield event

    def _next(self) -> BackendEvent:
        event = self._queue.get()
        if event is None:
            event = Lost("The backend ended without being asked to.")
        self._over = isinstance(event, Lost)
        return event

    def _pump(self) -> None:
        try:
            asyncio.run(self._move())
        finally:
            self._queue.put(None)

    async def _move(self) -> None:
        async for event in self.backend.events():
            self._queue.put(event)
