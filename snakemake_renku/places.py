"""The backend that the settings ask for, opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from snakemake_renku.backends.base import Backend
from snakemake_renku.backends.dask import SlurmPool
from snakemake_renku.backends.local import LocalBackend
from snakemake_renku.backends.routed import LOCAL, RoutedBackend
from snakemake_renku.model import JobSpec
from snakemake_renku.runner.node import node_cache
from snakemake_renku.runner.spool import TaskRun
from snakemake_renku.runner.wire import Configure
from snakemake_renku.settings import Settings

SLURM, DASK, POOL = "slurm", "dask", "pool"

BACKEND = "backend"
"""The resource by which a rule chooses: ``resources: backend="local"``."""

_SPECIAL = (
    *("gpu", "gpus", "gres", "constraint", "nodes", "tasks", "mpi", "reservation", "slurm_extra"),
    *("slurm_partition", "dask_workers"),
)
"""What a job may ask of Slurm that the workers of a pool do not have."""

Stored = Callable[[], tuple[bytes | None, dict[str, str]]]
"""Gives the workflow for a file, and variables for what that must not hold."""


def open_backend(settings: Settings, configure: Configure, stored: Stored) -> Backend:
    """Open what the settings name; beside another backend, ``local`` is always there.

    Raises:
        BackendError: it cannot be opened.
    """
    local = partial(LocalBackend, configure)
    if settings.backend == "local":
        return local()
    openers: dict[str, Callable[[], Backend]] = {LOCAL: local}
    default = settings.backend
    match settings.backend:
        case "slurm":
            openers[SLURM] = partial(_slurm, settings, configure, stored)
        case "slurm-pool":
            openers[SLURM] = partial(_slurm, settings, configure, stored)
            openers[POOL] = partial(_pool, settings, configure)
            default = SLURM  # type: ignore[assignment]
        case "dask":
            openers[DASK] = partial(_dask, settings, configure)
    return RoutedBackend(
        settings.backend, openers, partial(route, settings=settings), first=default
    )


def route(spec: JobSpec, *, settings: Settings) -> str:
    """Where a job goes: where its rule says, else where the settings say."""
    chosen = spec.resources.get(BACKEND)
    if chosen is not None:
        return POOL if chosen == "slurm-pool" else str(chosen)
    if settings.backend == "slurm-pool":
        short = not any(name in spec.resources for name in _SPECIAL)
        return POOL if short and _plan(settings, spec.run).takes(spec) else SLURM
    return settings.backend


def is_here(resources: Mapping[str, object], settings: Settings) -> bool:
    """Whether a job with these resources runs on this machine."""
    return resources.get(BACKEND, settings.backend) == LOCAL


def _slurm(settings: Settings, configure: Configure, stored: Stored) -> Backend:
    from snakemake_renku.backends.slurm.backend import SlurmBackend
    from snakemake_renku.backends.slurm.open import open_client

    slurm = settings.slurm
    snapshot, variables = stored()
    return SlurmBackend(
        TaskRun(
            run=configure.run,
            run_started=configure.run_started,
            workdir=configure.workdir,
            no_snapshot=configure.no_snapshot,
            scratch=slurm.scratch,
        ),
        snapshot,
        open_client(slurm.client, slurm.rest_url),
        partitions=slurm.partitions,
        throttle=slurm.throttle,
        environment=variables,
    )


def _dask(settings: Settings, configure: Configure) -> Backend:
    from snakemake_renku.backends.dask import DaskBackend, plan_of

    dask = settings.dask
    plan = plan_of(
        dask.address,
        cores=configure.cores,
        workers=dask.workers,
        worker_cores=dask.cores,
        mem_mb=dask.mem_mb,
        idle_s=dask.idle_s,
    )
    return DaskBackend(_on_workers(configure), plan, folder=_folder(configure))


def _pool(settings: Settings, configure: Configure) -> Backend:
    from snakemake_renku.backends.dask import DaskBackend

    plan = _plan(settings, configure.run)
    return DaskBackend(_on_workers(configure), plan, folder=_folder(configure))


def _plan(settings: Settings, run: str) -> SlurmPool:
    pool = settings.pool
    return SlurmPool(
        name=f"{run}-pool",
        runtime=pool.runtime,
        cores=pool.cores,
        mem_mb=pool.mem_mb,
        walltime=pool.walltime,
        workers=pool.workers,
        idle_s=pool.idle_s,
        extra=pool.extra,
    )


def _on_workers(configure: Configure) -> Configure:
    """For supervisors beside dask workers: limits are kept, as on a cluster."""
    replace = msgspec.structs.replace
    return replace(configure, enforce=True, digests=node_cache(), kernel_limits=False)


def _folder(configure: Configure) -> Path:
    return Path(configure.workdir) / ".snakemake" / "renku" / "dask" / configure.run
