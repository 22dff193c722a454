"""The one thing that a script calls."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake_renku.errors import BackendUnavailable
from snakemake_renku.step_cluster import workers
from snakemake_renku.step_cluster.address import address
from snakemake_renku.step_cluster.keys import Keys
from snakemake_renku.step_cluster.place import Allocation, choose
from snakemake_renku.step_cluster.plan import Place, Plan, plan_of
from snakemake_renku.step_cluster.waiting import Check, check_commands, check_slurm, wait
from snakemake_renku.step_cluster.watch import Guard

if TYPE_CHECKING:
    from distributed import Client

FOLDER = Path(".snakemake", "renku", "step_clusters")
"""Where logs of workers are, below the working directory; workers on other nodes see it too."""


@contextlib.contextmanager
def dask_client(snakemake: Any) -> Iterator[Client]:
    """A client of a dask cluster that belongs to this step alone.

    ``snakemake`` is the object that Snakemake gives to a script. The rule's resources say how large
    the cluster is and where its workers run. They are gone when the block is left, and also when
    this process is killed in it.

    Raises:
        SettingsError: the rule has no ``dask_workers``, or a resource makes no sense.
        BackendUnavailable: dask is not installed, or too few workers came in time.
        SubmissionRefused: Slurm does not take the workers.
    """
    plan = plan_of(snakemake)
    place = choose(plan, os.environ)
    _check_installed(plan, place)
    name = f"dask-{re.sub(r'[^A-Za-z0-9_]', '_', plan.rule)}-{uuid.uuid4().hex[:12]}"
    folder = (FOLDER / name).absolute()
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        client = _start(plan, place, name, folder, stack)
        yield client
    # Only where all went well: the logs are for finding out what did not.
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()


def _start(plan: Plan, place: Place, name: str, folder: Path, stack: ExitStack) -> Client:
    dask: Any = importlib.import_module("dask")
    client_class: Any = importlib.import_module("distributed").Client

    host = address(plan, place)
    # If the last worker is lost for so long, what waits fails rather than hangs.
    stack.enter_context(dask.config.set({"distributed.scheduler.no-workers-timeout": plan.wait_s}))
    keys = Keys.make(folder / "keys")
    if keys is not None:
        stack.callback(keys.remove)
    begin = _slurm_jobs if place == "slurm" else _commands
    cluster, check = begin(plan, place, name, folder, keys, host, stack)
    client: Client = stack.enter_context(client_class(cluster, set_as_default=True))
    wait(plan, client, check)
    return client


def _commands(
    plan: Plan,
    place: Place,
    name: str,
    folder: Path,
    keys: Keys | None,
    host: str,
    stack: ExitStack,
) -> tuple[Any, Check]:
    from snakemake_renku.step_cluster.clusters import bare_cluster

    cluster = bare_cluster(host, keys)
    where = cluster.scheduler_address
    if place == "local":
        commands = workers.local_workers(plan, where, keys)
    else:
        allocation = Allocation.of(os.environ)
        room = allocation.room(plan) if allocation is not None else plan.workers
        commands = workers.allocated_workers(plan, where, keys, room)
    log = folder / "workers.log"
    guard = Guard(
        log=log,
        environ=workers.environment(plan, os.environ),
        commands=commands,
        remove=_secrets(keys),
    )
    stack.callback(guard.close)
    stack.callback(cluster.close)
    return cluster, check_commands(plan, guard, log)


def _slurm_jobs(
    plan: Plan,
    place: Place,
    name: str,
    folder: Path,
    keys: Keys | None,
    host: str,
    stack: ExitStack,
) -> tuple[Any, Check]:
    from snakemake_renku.backends.slurm.commands import CommandsClient
    from snakemake_renku.step_cluster.clusters import slurm_cluster

    environ = {name: value for name, value in os.environ.items() if name != "RENKU_JOB"}
    guard = Guard(log=folder / "guard.log", environ=environ, cancel=name, remove=_secrets(keys))
    stack.callback(guard.close)
    refusals: list[str] = []
    cluster = slurm_cluster(plan, name, host, keys, folder, refusals)
    stack.callback(cluster.close)
    cluster.scale(jobs=plan.workers)
    return cluster, check_slurm(plan, CommandsClient(), name, folder, refusals)


def _secrets(keys: Keys | None) -> list[Path]:
    return [] if keys is None else [keys.folder]


def _check_installed(plan: Plan, place: Place) -> None:
    extra = "slurm" if place == "slurm" else "dask"
    for package in ("distributed", *(["dask_jobqueue"] if place == "slurm" else [])):
        if importlib.util.find_spec(package) is None:
            raise BackendUnavailable(
                f"Rule {plan.rule} asks for dask workers, but the package {package} is missing in"
                " the environment of its script.",
                remedy=f'Install it there: pip install "snakemake-renku[{extra}]".',
            )
    command = {"slurm": "sbatch", "allocation": "srun"}.get(place)
    if command is not None and shutil.which(command) is None:
        raise BackendUnavailable(
            f"Rule {plan.rule} wants dask workers on Slurm, but there is no {command} on the PATH"
            " of its script.",
            remedy='Run it where Slurm\'s commands are, or with dask_where="local".',
        )
