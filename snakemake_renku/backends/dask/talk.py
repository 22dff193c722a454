"""Messages between this process, the keeper of a cluster, and the workers."""

from __future__ import annotations

import os

import msgspec

from snakemake_renku.backends.dask.plan import Made
from snakemake_renku.runner.wire import News

CORES = "renku_cores"
"""The resource of dask that stands for cores on a worker."""

MEMORY = "renku_mem_mb"
"""The resource of dask that stands for memory on a worker, in MB."""


class Make(msgspec.Struct, tag=True):
    """To the keeper, the first message: make this cluster. ``folder`` is for logs and keys."""

    plan: Made
    folder: str


class Want(msgspec.Struct, tag=True):
    """To the keeper: so many workers are of use now."""

    workers: int


class Retire(msgspec.Struct, tag=True):
    """To the keeper: end this worker, which runs nothing and has too little time left."""

    address: str


class Ready(msgspec.Struct, tag=True):
    """From the keeper: the cluster is there. ``ca``, ``cert`` and ``key`` are paths, or None if it
    speaks without encryption."""

    address: str
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


class Joined(msgspec.Struct, tag=True):
    """From the keeper: a worker can be given jobs from now on."""

    address: str


class Left(msgspec.Struct, tag=True):
    """From the keeper: a worker is gone."""

    address: str


class Trouble(msgspec.Struct, tag=True):
    """From the keeper: something the user should know; ``fatal`` if the cluster is of no use."""

    message: str
    fatal: bool = False


class Farewell(msgspec.Struct, tag=True):
    """From the keeper, its last word: its CPU time in seconds."""

    cpu_s: float


ToKeeper = Make | Want | Retire
FromKeeper = Ready | Joined | Left | Trouble | Farewell


class Batch(msgspec.Struct):
    """From a worker: what its supervisor said, in order."""

    worker: str
    host: str
    news: tuple[News, ...]


def machine_mb() -> int:
    """The memory of this machine, in MB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**6
