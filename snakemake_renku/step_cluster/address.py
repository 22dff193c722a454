"""The address on which workers find the step."""

from __future__ import annotations

import socket

import psutil

from snakemake_renku.errors import BackendUnavailable, SettingsError
from snakemake_renku.step_cluster.plan import Place, Plan

LOOPBACK = "127.0.0.1"

_ANYWHERE = ("192.0.2.1", 9)
"""An address on paper (RFC 5737): no packet is sent to it, only the way there counts."""


def address(plan: Plan, place: Place) -> str:
    """An IPv4 address of this machine that the workers of the plan can reach.

    Raises:
        SettingsError: there is no such network interface as the rule names.
        BackendUnavailable: this machine has no address but for itself.
    """
    if plan.interface is not None:
        return _of_interface(plan)
    if place == "local":
        return LOOPBACK
    found = _towards_others()
    if found is None or found.startswith("127."):
        raise BackendUnavailable(
            "This machine seems to have no address at which other nodes reach it.",
            remedy=f"Name the network interface of the cluster in rule {plan.rule}:"
            f" resources: dask_interface={_interfaces()[0]!r} (there are: "
            f"{', '.join(_interfaces())}).",
        )
    return found


def _of_interface(plan: Plan) -> str:
    for each in psutil.net_if_addrs().get(str(plan.interface), ()):
        if each.family == socket.AF_INET:
            return str(each.address)
    raise SettingsError(
        f"Rule {plan.rule} has dask_interface={plan.interface!r}, but the node"
        f" {socket.gethostname()} has no such network interface with an IPv4 address.",
        remedy=f"There are: {', '.join(_interfaces())}.",
    )


def _interfaces() -> list[str]:
    found = psutil.net_if_addrs().items()
    names = [name for name, each in found if any(a.family == socket.AF_INET for a in each)]
    return sorted(names, key=lambda name: name == "lo") or ["lo"]


def _towards_others() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ANYWHERE)
            return str(probe.getsockname()[0])
        except OSError:
            pass
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return None
