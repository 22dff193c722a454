"""Slurm: what it says of itself, where a job would go, and what a small job finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from snakemake_renku.backends.slurm.client import Client, Cluster, Request
from snakemake_renku.backends.slurm.fit import is_away
from snakemake_renku.backends.slurm.partitions import Choice, choose
from snakemake_renku.doctor.accounts import account_check
from snakemake_renku.doctor.node import node_checks
from snakemake_renku.doctor.report import Check, Report, Trial
from snakemake_renku.doctor.trial import try_job
from snakemake_renku.settings import SlurmSettings, load_settings

_TRIAL_MB, _TRIAL_MIN = 500, 5


class Question(msgspec.Struct, frozen=True):
    """A job to find a partition for, and how to look further: ``job`` whether to run a small one,
    with ``timeout`` seconds to start."""

    request: Request = Request()
    job: bool = True
    timeout: float = 120.0


def diagnose(
    question: Question,
    workdir: Path,
    client: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Look at the cluster, and at runs in ``workdir``; ``tell`` hears what is being waited for.

    ``client`` is how to talk with Slurm, if not as the settings there say.

    Raises:
        SettingsError: the settings are malformed.
        BackendUnavailable: there is no Slurm here, or it does not answer.
    """
    from snakemake_renku.backends.slurm.open import open_client

    settings = load_settings(workdir, slurm_client=client).slurm
    return examine(
        open_client(settings.client, settings.rest_url), question, settings, workdir, tell
    )


def examine(
    client: Client,
    question: Question,
    settings: SlurmSettings,
    workdir: Path,
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """As :func:`diagnose`, with a client and settings at hand."""
    cluster = client.cluster()
    request = question.request
    choice = choose(request, cluster, settings.partitions)
    checks = [
        *(_partition(choice), _nodes(cluster), _accounting(cluster), _arrays(cluster)),
        account_check(request.account, request.qos),
    ]
    trial: Trial | None = None
    if question.job and choice.problem is None:
        tell("Submitting a small job …")
        trial = try_job(client, _small(choice), workdir.resolve(), question.timeout, tell)
        checks += node_checks(trial, workdir)
    return Report(client.name, _why(client, settings), cluster, choice, tuple(checks), trial)


def _why(client: Client, settings: SlurmSettings) -> str:
    if settings.client != "auto":
        return "it was asked for"
    match client.name:
        case "commands":
            return "sbatch and squeue are here"
        case "rest":
            return f"Slurm's commands are not here, but its REST daemon is: {settings.rest_url}"
        case _:
            return "Slurm's commands are not here, but pyslurm is"


def _small(choice: Choice) -> Request:
    """A small job for the same place: one core, no GPUs, little memory and time."""
    wish = choice.clipped
    return Request(
        mem_mb=_TRIAL_MB,
        time_min=min(_TRIAL_MIN, wish.time_min or _TRIAL_MIN),
        constraint=wish.constraint,
        partition=choice.partition or wish.partition,
        account=wish.account,
        qos=wish.qos,
    )


def _partition(choice: Choice) -> Check:
    if choice.problem is not None:
        return Check("partition", "problem", choice.problem)
    if choice.warning is not None:
        return Check("partition", "problem", choice.why, "Ask for less, or for another partition.")
    return Check("partition", "ok", choice.why)


def _nodes(cluster: Cluster) -> Check:
    away = [node for node in cluster.nodes if is_away(node)]
    here = len(cluster.nodes) - len(away)
    words = f"{here} of {len(cluster.nodes)} are up"
    if not away:
        return Check("nodes", "ok", words)
    names = ", ".join(f"{n.name} ({n.reason or '+'.join(n.state)})" for n in away[:5])
    more = f" and {len(away) - 5} more" if len(away) > 5 else ""
    return Check("nodes", "note" if here else "problem", f"{words}; not: {names}{more}")


def _accounting(cluster: Cluster) -> Check:
    if cluster.accounting:
        return Check("accounting", "ok", "on: Slurm remembers how jobs ended")
    return Check(
        "accounting",
        "note",
        "off: how a job ended is known only while the controller remembers it (MinJobAge)",
        "Nothing has to be done; a job of which nothing is known any more counts as lost.",
    )


def _arrays(cluster: Cluster) -> Check:
    most = cluster.max_array_size - 1
    if most >= 1:
        return Check("arrays", "ok", f"of up to {most} jobs")
    return Check("arrays", "note", "switched off (MaxArraySize): each job is submitted by itself")
