"""The task that dask knows: one attempt of one job."""

from __future__ import annotations

from typing import Any

import msgspec
from distributed import get_worker

from snakemake_renku.backends.dask.plugin import JobRunner
from snakemake_renku.model import JobSpec

_spec: msgspec.msgpack.Decoder[JobSpec] = msgspec.msgpack.Decoder(JobSpec)


async def run_job(spec: bytes, key: str, claim: str, *, topic: str) -> None:
    """Run the job on this worker; what becomes of it is told under ``topic``, before this ends.

    Without a record, the job was begun elsewhere before, and is lost.
    """
    await _runner(get_worker(), topic).run(key, claim, _spec.decode(spec))


def cancel_jobs(topic: str, ids: list[str], dask_worker: Any = None) -> list[str]:
    """End jobs on this worker, now or when they come; gives those that are here."""
    runner = dask_worker.plugins.get(topic)
    return runner.cancel(ids) if isinstance(runner, JobRunner) else []


def _runner(worker: Any, topic: str) -> JobRunner:
    runner = worker.plugins.get(topic)
    if not isinstance(runner, JobRunner):
        raise RuntimeError(f"Worker {worker.address} was not prepared for this run.")
    return runner
