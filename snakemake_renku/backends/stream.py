"""Events from a thread of a backend to whoever iterates over them in an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable

from snakemake_renku.backends.base import BackendEvent, Closed, Lost


class EventStream:
    """Takes events from any thread; ends after ``Closed`` or ``Lost``."""

    def __init__(self) -> None:
        self._waiting: deque[BackendEvent] = deque()
        self._lock = threading.Lock()
        self._over = False
        self._notify: Callable[[], object] = lambda: None

    def say(self, event: BackendEvent) -> None:
        """Add an event; what comes after the last one is dropped."""
        with self._lock:
            if not self._over:
                self._over = isinstance(event, Closed | Lost)
                self._waiting.append(event)
                self._notify()

    async def events(self) -> AsyncIterator[BackendEvent]:
        """The events, as they come, to the last; to be called once."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._notify = lambda: loop.call_soon_threadsafe(arrived.set)
        while True:
            arrived.clear()
            while self._waiting:
                event = self._waiting.popleft()
                yield event
                if isinstance(event, Closed | Lost):
                    return
            await arrived.wait()
