"""An attempt on its way through a cluster of dask."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from snakemake_renku.model import Failure, FailureKind, JobRecord, JobSpec


@dataclass(slots=True, eq=False)
class Attempt:
    """``placing`` counts how often it was handed to a worker that never began it."""

    spec: JobSpec
    placing: int = 1
    worker: str | None = None
    future: Any = None
    cancelled: bool = False

    @property
    def claim(self) -> str:
        """The name of the claim of whoever begins it."""
        return f"{self.spec.id}.{self.placing}"

    def failed(self, kind: FailureKind, message: str) -> JobRecord:
        """The record of its end, where no supervisor tells of it."""
        if self.cancelled:
            kind = "cancelled"
        record = JobRecord.lost(self.spec, message, time.time())
        return msgspec.structs.replace(record, failure=Failure(kind, message))


def is_loss(error: BaseException) -> bool:
    """Whether a task of dask ended with its worker, and not by an error of its own."""
    return isinstance(error, asyncio.CancelledError) or type(error).__name__ in (
        "KilledWorker",
        "FutureCancelledError",
        "CancelledError",
        "NoValidWorkerError",
    )
