"""The user's accounts and QOS, as Slurm's accounting has them."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess

import msgspec

from snakemake_renku.doctor.report import Check

_FIELDS = ("account", "partition", "qos", "defaultqos", "maxjobs", "maxsubmit")


class Association(msgspec.Struct, frozen=True):
    """What a user may use together; an empty text is no restriction."""

    account: str
    partition: str
    qos: tuple[str, ...]
    default_qos: str
    max_jobs: str
    max_submit: str


def associations(user: str) -> list[Association] | str:
    """The user's associations; or why they cannot be had, in words."""
    if shutil.which("sacctmgr") is None:
        return "the command sacctmgr is not here"
    words = ["sacctmgr", "-nP", "show", "assoc", f"user={user}", f"format={','.join(_FIELDS)}"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SACCTMGR_")}
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=15, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"sacctmgr does not answer ({error})"
    if done.returncode != 0:
        return f"sacctmgr says: {(done.stderr or done.stdout).strip().splitlines()[-1:]}"
    rows = [line.split("|") for line in done.stdout.splitlines() if line.count("|") == 5]
    return [
        Association(a, p, tuple(q.split(",")) if q else (), d, j, s) for a, p, q, d, j, s in rows
    ]


def account_check(account: str | None, qos: str | None) -> Check:
    """Whether the user may use ``account`` and ``qos`` (None: whatever is the default)."""
    user = getpass.getuser()
    found = associations(user)
    if isinstance(found, str):
        return Check("account", "note", f"not known: {found}")
    if not found:
        return Check(
            "account",
            "note",
            f"{user} has none; that is fine only where Slurm does not demand one",
            "If jobs are refused (InvalidAccount), ask the administrators for one.",
        )
    accounts = sorted({each.account for each in found})
    allowed = sorted({name for each in found for name in each.qos})
    words = f"{', '.join(accounts)}; QOS {', '.join(allowed) or 'any'}"
    if account is not None and account.lower() not in {each.lower() for each in accounts}:
        return Check("account", "problem", f"{account} is not among {words}", "Name one of these.")
    if qos is not None and allowed and qos not in allowed:
        return Check("account", "problem", f"QOS {qos} is not among {words}", "Name one of these.")
    return Check("account", "ok", words)
