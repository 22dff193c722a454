"""Why a job waits: Slurm's reasons (``man squeue``, JOB REASON CODES), judged."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from snakemake_renku.backends.slurm.client import TaskState

Kind = Literal["normal", "tell", "never"]


class Waiting(msgspec.Struct, frozen=True):
    """What to make of a job that waits.

    ``normal``: it starts by itself. ``tell``: someone may have to act, but it may also pass.
    ``never``: it does not start as it is. ``words`` say why, and what to do, for the user.
    """

    kind: Kind
    words: str


def judge(state: TaskState) -> Waiting:
    """What to make of the reason for which this job waits."""
    if state.state != "PENDING":
        return Waiting("normal", "")
    reason = state.reason.strip().strip("()")
    name = re.split(r"[,(:]", reason, maxsplit=1)[0].replace("_", " ").strip()
    for pattern, kind, words in _RULES:
        if re.fullmatch(pattern, name, re.IGNORECASE):
            return Waiting(kind, words.format(reason=reason, nodes=_nodes(reason)))
    return Waiting("tell", f"Slurm says {reason}. Look at it with: squeue --start -j {state.job}")


def _nodes(reason: str) -> str:
    """The nodes that ``ReqNodeNotAvail, UnavailableNodes:n[1-2]`` names."""
    found = re.search(r"Nodes:([^)\s]+)", reason)
    return f" ({found[1]})" if found else ""


_RELEASE = "scontrol release it once the cause is gone, or cancel it"

_RULES: tuple[tuple[str, Kind, str], ...] = (
    ("|None|null", "normal", "Slurm has not looked at it yet."),
    ("Resources", "normal", "It waits for cores, memory or nodes to become free."),
    ("Priority", "normal", "Jobs of higher priority are before it."),
    ("Dependency", "normal", "It waits for another job."),
    ("BeginTime", "normal", "Its start was put off, as after a requeue."),
    ("JobArrayTaskLimit", "normal", "As many tasks of its array run as may run at once."),
    (
        "Cleaning|Prolog|SchedDefer|FedJobLock|BlockFreeAction|BurstBuffer(Resources|StageIn)",
        "normal",
        "Slurm is about to start it ({reason}).",
    ),
    ("DependencyNeverSatisfied", "never", "It waits for a job that did not end as it had to."),
    (
        "PartitionTimeLimit",
        "never",
        "It asks for more time than its partition allows. Ask for a shorter runtime, or for another"
        " partition (slurm_partition).",
    ),
    (
        "MaxMemPerLimit",
        "never",
        "It asks for more memory than its partition allows. Ask for less mem_mb, or for another"
        " partition (slurm_partition).",
    ),
    (
        "PartitionConfig",
        "never",
        "It is beyond a limit of its partition. Compare with: scontrol show partition",
    ),
    (
        "PartitionNodeLimit",
        "tell",
        "It asks for more or fewer nodes than its partition allows, or than are up now. Compare"
        " with: scontrol show partition; sinfo -R",
    ),
    (
        "BadConstraints",
        "never",
        "No node has what it asks for. Change constraint, gres or gpu, threads or mem_mb.",
    ),
    ("Constraints", "tell", "No node has what it asks for now (constraint, gres or gpu)."),
    (
        "InvalidAccount|AccountNotAllowed",
        "never",
        "Its account may not be used here. Set slurm_account to one of yours:"
        " sacctmgr show assoc user=$USER",
    ),
    (
        "InvalidQOS|QOSNotAllowed",
        "never",
        "Its QOS may not be used here. Set qos to one of yours: sacctmgr show assoc user=$USER",
    ),
    (
        "(QOS|Assoc)?Max.*(PerJob|PerNode)(Limit)?",
        "never",
        "One job may not ask for that much ({reason}). Ask for less, or for another qos or"
        " slurm_account.",
    ),
    (
        "QOSMin.*",
        "never",
        "Its QOS demands that a job asks for more ({reason}). Ask for more, or for another qos.",
    ),
    ("Reservation(Deleted|Invalid)", "never", "Its reservation is not there. Name another one."),
    ("DeadLine", "never", "It cannot end before its deadline. Take --deadline off slurm_extra."),
    (
        "(job )?launch failed requeued held|JobLaunchFailure",
        "never",
        f"Slurm could not start it, and holds it. See sinfo -R and the node's log; {_RELEASE}.",
    ),
    (
        "JobHoldMaxRequeue|job requeued in held state",
        "never",
        f"It failed to start several times, and Slurm holds it. {_RELEASE.capitalize()}.",
    ),
    (
        "SystemFailure|NonZeroExitCode|RaisedSignal|TimeLimit|InactiveLimit|OutOfMemory"
        "|BlockMaxError|BurstBufferOperation",
        "never",
        f"It failed ({{reason}}), and Slurm holds it. {_RELEASE.capitalize()}.",
    ),
    ("JobHeldUser", "tell", "You hold it. Let it go with scontrol release."),
    ("JobHeldAdmin", "tell", "An administrator holds it, or its priority is 0. Ask them."),
    (
        "ReqNodeNotAvail|NodeDown|Nodes required for job are DOWN|FrontEndDown",
        "tell",
        "The nodes that could take it are down, drained or reserved{nodes}. See: sinfo -R",
    ),
    ("PartitionDown|PartitionInactive", "tell", "Its partition takes no jobs now. See: sinfo"),
    ("Licenses", "tell", "It waits for a licence. See: scontrol show licenses"),
    ("Reservation", "tell", "It waits for its reservation to begin. See: scontrol show res"),
    (
        "(QOS|Assoc)Grp.*(?<!Run)Minutes(Limit)?|(QOS|Assoc)GrpWallLimit|QOSUsageThreshold"
        "|AssociationTimeLimit|QOSTimeLimit",
        "tell",
        "The time granted to your account or QOS is used up ({reason}). Use another slurm_account"
        " or qos, or ask for more.",
    ),
    (
        "(QOS|Assoc)(Grp.*|Max.*)|Max.*PerAccount|Association(Job|Resource)Limit"
        "|QOS(Job|Resource)Limit|AccountingPolicy|Power(NotAvail|Reserved)|MaxPoweredUpNodes"
        "|MpiPortsBusy",
        "normal",
        "As much as the limits permit runs now ({reason}); it starts when other jobs end.",
    ),
)
"""Patterns of Slurm's reasons, the first match counting, with how to judge it and what to say."""
