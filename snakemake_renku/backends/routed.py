"""Several backends behind one seam: each job goes to the one that is named for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial

from snakemake_renku.backends.base import (
    Backend,
    BackendEvent,
    Closed,
    FilesHashed,
    JobEnded,
    Lost,
    Returnable,
    Said,
)
from snakemake_renku.backends.stream import EventStream
from snakemake_renku.errors import BackendUnavailable, RenkuError
from snakemake_renku.model import FailureKind, FileSpec, JobRecord, JobSpec

LOCAL = "local"
_LOSSES = 3
"""After so many losses of a backend it is opened again; then no more."""


class RoutedBackend:
    """Opens each of ``openers`` when a job first goes there; ``first`` at once.

    ``route`` names one for a job. Files are hashed by the one named ``local``, which must be there.

    Raises:
        BackendError: ``first`` cannot be opened.
    """

    def __init__(
        self,
        name: str,
        openers: Mapping[str, Callable[[], Backend]],
        route: Callable[[JobSpec], str],
        *,
        first: str,
    ) -> None:
        self.name = name
        self._openers, self._route = openers, route
        self._lock = threading.RLock()
        self._stream = EventStream()
        self._open: dict[str, Backend] = {}
        self._losses: dict[str, int] = {}
        self._active: dict[str, tuple[str, JobSpec]] = {}
        self._hashing: dict[int, tuple[Sequence[FileSpec], Sequence[FileSpec]]] = {}
        self._closing = False
        self._cpu_s = 0.0
        self._get(first)

    # --- the seam ---------------------------------------------------------------------------

    def submit(self, specs: Sequence[JobSpec]) -> None:
        """Hand each job to its backend."""
        with self._lock:
            groups: dict[str, list[JobSpec]] = {}
            for spec in specs:
                groups.setdefault(self._route(spec), []).append(spec)
            for name, group in groups.items():
                self._submit(name, group)

    def cancel(self, ids: Sequence[str] | None = None) -> None:
        """End these jobs, or all."""
        with self._lock:
            for name, backend in self._open.items():
                if ids is None:
                    backend.cancel(None)
                elif mine := [i for i in ids if self._active.get(i, ("",))[0] == name]:
                    backend.cancel(mine)

    def hash_files(
        self, token: int, inputs: Sequence[FileSpec], outputs: Sequence[FileSpec]
    ) -> None:
        """Have the backend of this machine digest files."""
        with self._lock:
            self._hashing[token] = inputs, outputs
            try:
                self._get(LOCAL).hash_files(token, inputs, outputs)
            except RenkuError as error:
                del self._hashing[token]
                self._stream.say(FilesHashed(token, (), (), str(error)))

    def events(self) -> AsyncIterator[BackendEvent]:
        """What happens in all of them."""
        return self._stream.events()

    def close(self) -> None:
        """Take no more jobs, and end once all have ended."""
        with self._lock:
            self._closing = True
            for backend in self._open.values():
                backend.close()
            self._end_if_all_closed()

    # --- leaving and coming back ------------------------------------------------------------

    def leave(self) -> int:
        """End, and leave running what can be left; how many jobs those are."""
        with self._lock:
            self._closing = True
            left = 0
            for backend in self._open.values():
                if isinstance(backend, Returnable):
                    left += backend.leave()
                else:
                    backend.cancel(None)
                    backend.close()
            return left

    def reattach(self, spec: JobSpec, *, unconfirmed: Callable[[], bool]) -> bool:
        """Take up a job that a run before this one left."""
        with self._lock:
            for name, backend in self._open.items():
                if isinstance(backend, Returnable) and backend.reattach(
                    spec, unconfirmed=unconfirmed
                ):
                    self._active[spec.id] = name, spec
                    return True
        return False

    def most(self, spec: JobSpec) -> tuple[int | None, int | None]:
        """How much memory (MB) and time (minutes) the job could get where it runs."""
        with self._lock:
            backend = self._open.get(self._route(spec))
            return backend.most(spec) if isinstance(backend, Returnable) else (None, None)

    # --- inside -----------------------------------------------------------------------------

    def _get(self, name: str) -> Backend:
        backend = self._open.get(name)
        if backend is None:
            if self._losses.get(name, 0) > _LOSSES:
                raise BackendUnavailable(
                    f"The backend {name} was lost {self._losses[name]} times, and is given up.",
                    remedy="Start Snakemake again; what is done stays done.",
                )
            backend = self._openers[name]()
            self._open[name] = backend
            threading.Thread(
                target=partial(self._pump, name, backend), name=f"renku-{name}", daemon=True
            ).start()
        return backend

    def _submit(self, name: str, specs: Sequence[JobSpec]) -> None:
        if name not in self._openers:
            known = ", ".join(self._openers)
            self._fail(specs, "rejected", f"There is no backend {name!r} here, only {known}.")
            return
        try:
            backend = self._get(name)
        except RenkuError as error:
            self._fail(specs, "rejected", str(error))
            return
        self._active.update({spec.id: (name, spec) for spec in specs})
        backend.submit(specs)

    def _fail(self, specs: Sequence[JobSpec], kind: FailureKind, message: str) -> None:
        for spec in specs:
            self._stream.say(JobEnded(JobRecord.lost(spec, message, time.time(), kind)))

    def _pump(self, name: str, backend: Backend) -> None:
        async def move() -> None:
            async for event in backend.events():
                self._pass_on(name, event)

        try:
            asyncio.run(move())
        except Exception as error:  # a fault in a backend is a loss of it, not a silence
            self._pass_on(name, Lost(f"The backend {name} broke: {error}."))

    def _pass_on(self, name: str, event: BackendEvent) -> None:
        with self._lock:
            match event:
                case Closed():
                    self._cpu_s += event.cpu_s
                    del self._open[name]
                    self._end_if_all_closed()
                    return
                case Lost():
                    self._lost(name, event)
                    return
                case JobEnded():
                    self._active.pop(event.record.id, None)
                case FilesHashed():
                    self._hashing.pop(event.token, None)
            self._stream.say(event)

    def _lost(self, name: str, lost: Lost) -> None:
        del self._open[name]
        stranded = [spec for where, spec in self._active.values() if where == name]
        for spec in stranded:
            del self._active[spec.id]
        self._losses[name] = self._losses.get(name, 0) + 1
        self._stream.say(Said(lost.message))
        self._fail(stranded, "node_lost", lost.message)
        if name == LOCAL:
            for token, files in list(self._hashing.items()):
                self.hash_files(token, *files)
        self._end_if_all_closed()

    def _end_if_all_closed(self) -> None:
        if self._closing and not self._open:
            self._stream.say(Closed(self._cpu_s))
