"""Chooses how to talk to Slurm."""

from __future__ import annotations

import base64
import json
import os
import pwd
import shutil
from typing import Literal

from snakemake_renku.backends.slurm.client import Client
from snakemake_renku.errors import BackendUnavailable

TOKEN = "SLURM_JWT"
"""The variable that Slurm's own tools take a token for its REST daemon from."""

Wanted = Literal["auto", "commands", "pyslurm", "rest"]


def open_client(wanted: Wanted, rest_url: str | None = None) -> Client:
    """A client of the kind that is wanted, or the first of commands, pyslurm, REST that is here.

    Raises:
        BackendUnavailable: it is not here; the message says what it needs.
    """
    match wanted:
        case "commands":
            return _commands()
        case "pyslurm":
            return _pyslurm()
        case "rest":
            return _rest(rest_url)
        case "auto":
            return _first(rest_url)


def commands_are_here() -> bool:
    """Whether Slurm's commands are on PATH."""
    return all(shutil.which(name) for name in ("sbatch", "squeue", "scancel", "scontrol"))


def _first(rest_url: str | None) -> Client:
    if commands_are_here():
        return _commands()
    if rest_url or TOKEN in os.environ:
        return _rest(rest_url)
    try:
        return _pyslurm()
    except BackendUnavailable as error:
        raise BackendUnavailable(
            "There is no way to Slurm here: its commands are not on PATH, no rest_url is set, and"
            f" pyslurm does not serve ({error.message})",
            remedy="Start Snakemake on a login node of the cluster, or set rest_url and SLURM_JWT.",
        ) from error


def _commands() -> Client:
    from snakemake_renku.backends.slurm.commands import CommandsClient

    if not commands_are_here():
        raise BackendUnavailable(
            "Slurm's commands (sbatch, squeue, scancel, scontrol) are not all on PATH.",
            remedy="Start Snakemake on a login node of the cluster (perhaps `module load slurm`).",
        )
    return CommandsClient()


def _pyslurm() -> Client:
    try:
        from snakemake_renku.backends.slurm.library import PyslurmClient

        return PyslurmClient()
    except ImportError as error:
        raise BackendUnavailable(
            f"pyslurm cannot be imported: {error}.",
            remedy="Install the pyslurm that was built for this cluster's version of Slurm, or take"
            ' the commands: client = "commands".',
        ) from error


def _rest(url: str | None) -> Client:
    from snakemake_renku.backends.slurm.rest import RestClient

    if not url:
        raise BackendUnavailable(
            "The address of Slurm's REST daemon is not known.",
            remedy="Set rest_url, for example http://slurm.example.org:6820.",
        )
    token = os.environ.get(TOKEN, "")
    if not token and not url.startswith("unix:"):
        raise BackendUnavailable(
            "There is no token for Slurm's REST daemon.",
            remedy="On a host of the cluster: export $(scontrol token lifespan=86400)",
        )
    return RestClient(url, user_of(token), token)


def user_of(token: str) -> str:
    """The user that a token is for (its claim ``sun``, as slurmctld writes it), else who we are."""
    try:
        claims = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return str(said["sun"])
    except (IndexError, ValueError, KeyError, TypeError):
        return pwd.getpwuid(os.getuid()).pw_name
