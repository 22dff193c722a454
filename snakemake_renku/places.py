"""The backend that the settings ask for, opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from snakemake_renku.backends.base import Backend
from snakemake_renku.backends.local import LocalBackend
from snakemake_renku.backends.routed import LOCAL, RoutedBackend
from snakemake_renku.model import JobSpec
from snakemake_renku.runner.spool import TaskRun
from snakemake_renku.runner.wire import Configure
from snakemake_renku.settings import Settings

SLURM, DASK, POOL = "slurm", "dask", "pool"

BACKEND = "backend"
"""The resource by which a rule chooses: ``resources: backend="local"``."""

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
        minutes = spec.resources.get("runtime")
        pool = settings.pool
        short = isinstance(minutes, int) and 0 < minutes <= min(pool.runtime, pool.walltime)
        return POOL if short and _fits(spec, settings) else SLURM
    return settings.backend


def is_here(resources: Mapping[str, object], settings: Settings) -> bool:
    """Whether a job with these resources runs on this machine."""
    return resources.get(BACKEND, settings.backend) == LOCAL


def _fits(spec: JobSpec, settings: Settings) -> bool:
    """Whether a worker of the pool is large enough, and the job asks for nothing special."""
    special = ("gpu", "gpus", "gres", "constraint", "nodes", "tasks", "mpi", "reservation")
    return (
        spec.threads <= settings.pool.cores
        and (spec.mem_mb or 0) <= settings.pool.mem_mb
        and not any(name in spec.resources for name in special)
    )


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


def _elsewhere(configure: Configure) -> Configure:
    """For supervisors on other machines: limits are kept, as on a cluster."""
    return msgspec.structs.replace(configure, enforce=True, warm=False)


def _dask(settings: Settings, configure: Configure) -> Backend:
    raise NotImplementedError


def _pool(settings: Settings, configure: Configure) -> Backend:
    raise NotImplementedError
