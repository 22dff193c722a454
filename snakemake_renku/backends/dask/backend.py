"""Warm runners on the workers of a cluster of dask."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from snakemake_renku.backends.base import BackendEvent, Lost
from snakemake_renku.backends.dask.plan import ClusterPlan, SlurmPool
from snakemake_renku.backends.stream import EventStream
from snakemake_renku.errors import BackendError, BackendUnavailable
from snakemake_renku.model import FileSpec, JobSpec
from snakemake_renku.runner.wire import Configure

_START_S = 120.0


class DaskBackend:
    """Runs jobs on the workers of a cluster of dask, which is there or made for the run.

    ``folder`` is a folder of the run, on the file system that all workers share. It returns when
    the cluster can be used, although workers may come later.

    Raises:
        BackendUnavailable: dask is not installed, or the cluster cannot be reached or made.
        SettingsError: the plan cannot be carried out.
    """

    name = "dask"

    def __init__(self, configure: Configure, plan: ClusterPlan, *, folder: Path) -> None:
        if isinstance(plan, SlurmPool):
            plan.check()
        _see_what_is_installed(plan)
        from snakemake_renku.backends.dask.engine import Engine

        folder.mkdir(parents=True, exist_ok=True)
        self._stream = EventStream()
        self._engine = Engine(configure, plan, folder.resolve(), self._stream)
        self._loop: asyncio.AbstractEventLoop
        started: Future[None] = Future()
        threading.Thread(
            target=self._serve, args=(started,), name="renku-dask", daemon=True
        ).start()
        try:
            started.result(_START_S)
        except TimeoutError as error:
            raise BackendUnavailable(
                f"The dask cluster was not ready after {_START_S:.0f} s.",
                remedy=f"See the logs in {folder}.",
            ) from error

    def submit(self, specs: Sequence[JobSpec]) -> None:
        """Take jobs, to be run when a worker has room for them."""
        self._call(self._engine.submit, tuple(specs))

    def cancel(self, ids: Sequence[str] | None = None) -> None:
        """End these jobs, or all: SIGTERM, and SIGKILL to what is left 5 s later."""
        self._call(self._engine.cancel, None if ids is None else tuple(ids))

    def hash_files(
        self, token: int, inputs: Sequence[FileSpec], outputs: Sequence[FileSpec]
    ) -> None:
        """Not done here: files of jobs that Snakemake ran are digested beside Snakemake.

        Raises:
            BackendError: always.
        """
        raise BackendError("The dask backend digests no files of jobs that it did not run.")

    def events(self) -> AsyncIterator[BackendEvent]:
        """What happens, until the backend is closed or lost."""
        return self._stream.events()

    def close(self) -> None:
        """Take no more jobs; once those that run have ended, end the cluster if it was made."""
        self._call(self._engine.close)

    def _call(self, order: Callable[..., None], *arguments: object) -> None:
        # If the thread is gone, the last event says so.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._engine.do, order, *arguments)

    def _serve(self, started: Future[None]) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            try:
                await self._engine.start()
            except BaseException as error:
                started.set_exception(error)
                return
            started.set_result(None)
            await self._engine.serve()

        try:
            asyncio.run(serve())
        finally:
            self._stream.say(Lost("The thread of the dask backend ended unexpectedly."))


def _see_what_is_installed(plan: ClusterPlan) -> None:
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise BackendUnavailable(
            "The package distributed (of dask) is not installed.",
            remedy="Install it: pip install 'snakemake-renku[dask]'.",
        ) from error
    if isinstance(plan, SlurmPool):
        try:
            import dask_jobqueue  # noqa: F401
        except ImportError as error:
            raise BackendUnavailable(
                "The package dask-jobqueue, which starts workers on Slurm, is not installed.",
                remedy="Install it: pip install 'snakemake-renku[slurm]'.",
            ) from error
