"""Which partition is to take a job, and how far the job may grow."""

from __future__ import annotations

import grp
import os
from collections.abc import Sequence

import msgspec

from snakemake_renku.backends.slurm.client import Cluster, Partition, Request
from snakemake_renku.backends.slurm.fit import Fit, fit, nodes_of
from snakemake_renku.backends.slurm.request import gpus_asked


class Considered(msgspec.Struct, frozen=True):
    """A partition that was looked at; ``reason`` is why it fits, or does not."""

    partition: str
    fits: bool
    reason: str


class Choice(msgspec.Struct, frozen=True):
    """Where a job is to go.

    ``partition`` is None where the job is left as it is (the user named one, or another cluster),
    and where nothing fits: then ``problem`` says why, for the user. ``warning`` says what will keep
    the job waiting though it can be submitted; ``why`` has it too. ``clipped`` is the request as it
    should be submitted, but for the partition.
    """

    partition: str | None
    why: str
    considered: tuple[Considered, ...]
    clipped: Request
    problem: str | None = None
    warning: str | None = None


class Most(msgspec.Struct, frozen=True):
    """How far a job may grow: MiB on a node and minutes, each for itself; None is without limit."""

    mem_mb: int | None
    time_min: int | None


class Person(msgspec.Struct, frozen=True):
    """Who submits: whether as root, and the groups."""

    root: bool = False
    groups: frozenset[str] = frozenset()

    @classmethod
    def me(cls) -> Person:
        """The user of this process."""
        found = set[str]()
        for number in {os.getegid(), *os.getgroups()}:
            try:
                found.add(grp.getgrgid(number).gr_name)
            except KeyError:
                continue
        return cls(os.geteuid() == 0, frozenset(found))


def choose(
    request: Request,
    cluster: Cluster,
    allowed: Sequence[str] = (),
    *,
    margin_mb: int = 0,
    person: Person | None = None,
) -> Choice:
    """The partition for ``request``, whose memory includes ``margin_mb`` (MiB) for us.

    One that the user named is kept. Otherwise one of those that can take the job: by the order of
    ``allowed`` if that is given; else the first by these rules: open to everyone, takes the margin
    in full, keeps no GPUs from others, is the cluster's default, has the higher priority tier, has
    the shorter time limit (the longer one if the job gives no time), comes first in Slurm's list.
    """
    if request.clusters is not None:
        return Choice(None, f"the job goes to cluster {request.clusters}", (), request)
    person = person or Person.me()
    if request.partition is not None:
        return _named(request, request.partition, cluster, margin_mb, person)
    fits: list[Fit] = []
    waits: list[Fit] = []
    considered: list[Considered] = []
    for name in allowed or [each.name for each in cluster.partitions]:
        partition = cluster.partition(name)
        barred = _barred(request, partition, person, named=bool(allowed))
        if partition is None or barred is not None:
            considered.append(Considered(name, False, barred or ""))
            continue
        each = fit(request, margin_mb, partition, cluster)
        considered.append(Considered(name, each.obstacle is None, each.obstacle or _words(each)))
        if each.obstacle is None:
            fits.append(each)
        elif each.away:
            waits.append(each)
    if not fits and not waits:
        problem = _problem(considered, bool(allowed))
        return Choice(None, problem, tuple(considered), request, problem)
    candidates = fits or waits
    best = candidates[0] if allowed else min(candidates, key=lambda each: _rank(each, request))
    why = _why(best, candidates, bool(allowed))
    warning = None if fits else f"It will wait: {best.obstacle}."
    return Choice(
        best.partition.name,
        why if warning is None else f"{why}. {warning}",
        tuple(considered),
        best.request,
        warning=warning,
    )


def most(
    request: Request,
    cluster: Cluster,
    allowed: Sequence[str] = (),
    *,
    person: Person | None = None,
) -> Most:
    """How far memory and time of ``request`` may grow in the partitions that could take it.

    The one that it names, else ``allowed``, else all. What is not known to be limited is None;
    where nothing could take the job, it may not grow at all.
    """
    person = person or Person.me()
    names = request.partition.split(",") if request.partition is not None else allowed
    fits: list[Fit] = []
    for name in names or [each.name for each in cluster.partitions]:
        partition = cluster.partition(name)
        if partition is not None and _barred(request, partition, person, bool(names)) is None:
            each = fit(request, 0, partition, cluster)
            fits += [each] if each.obstacle is None or each.away else []
    if not fits:
        return Most(request.mem_mb, request.time_min)
    memory = [_most_memory(each, cluster) for each in fits]
    times = [each.partition.max_time_min for each in fits]
    return Most(
        None if None in memory else max(m for m in memory if m is not None),
        None if None in times else max(t for t in times if t is not None),
    )


def _named(request: Request, name: str, cluster: Cluster, margin_mb: int, person: Person) -> Choice:
    """The user's own choice (one partition, or several with commas between them)."""
    considered: list[Considered] = []
    fits: list[Fit] = []
    waits: list[Fit] = []
    for each in name.split(","):
        partition = cluster.partition(each)
        barred = _barred(request, partition, person, named=True)
        if partition is None or barred is not None:
            considered.append(Considered(each, False, barred or ""))
            continue
        found = fit(request, margin_mb, partition, cluster)
        considered.append(Considered(each, found.obstacle is None, found.obstacle or _words(found)))
        fits += [found] if found.obstacle is None else []
        waits += [found] if found.away else []
    warning = None
    if not fits:
        reasons = "; ".join(f"{each.partition}: {each.reason}" for each in considered)
        now = " now" if waits else ""
        warning = f"The job names a partition that cannot take it{now} ({reasons})."
    roomiest = max(
        fits or waits, key=lambda each: (not each.clipped, each.mem_limit or 0), default=None
    )
    return Choice(
        None,
        "the job names it" if warning is None else f"the job names it. {warning}",
        tuple(considered),
        request if roomiest is None else roomiest.request,
        warning=warning,
    )


def _barred(
    request: Request, partition: Partition | None, person: Person, named: bool
) -> str | None:
    """Why this user may not use a partition, as far as the request tells."""
    if partition is None:
        return "there is no such partition"
    if partition.hidden and not (named or person.root):
        return "it is hidden; name it to use it"
    if partition.root_only and not person.root:
        return "it is for root alone"
    groups = set(partition.allow_groups)
    if groups and not (person.root or person.groups & groups):
        return f"it is for the groups {', '.join(partition.allow_groups)}"
    account = request.account and request.account.lower()
    if account and partition.allow_accounts and account not in _lower(partition.allow_accounts):
        return f"it is for the accounts {', '.join(partition.allow_accounts)}"
    if account and account in _lower(partition.deny_accounts):
        return f"it is not for the account {request.account}"
    if (
        request.qos
        and partition.allow_qos
        and request.qos.lower() not in _lower(partition.allow_qos)
    ):
        return f"it is for the QOS {', '.join(partition.allow_qos)}"
    return None


def _lower(names: Sequence[str]) -> set[str]:
    return {name.lower() for name in names}


def _rank(each: Fit, request: Request) -> tuple[bool, bool, bool, bool, int, float]:
    """The smallest is the best; the first of equals is taken."""
    partition = each.partition
    longest = float("inf") if partition.max_time_min is None else float(partition.max_time_min)
    wasted = each.with_gpus and not gpus_asked(request.gres, request.gpus)
    return (
        _open_question(partition, request),
        each.clipped,
        wasted,
        not partition.default,
        -partition.priority_tier,
        longest if request.time_min is not None else -longest,
    )


def _open_question(partition: Partition, request: Request) -> bool:
    """Whether only Slurm knows if the user's default account or QOS is let in."""
    by_account = (partition.allow_accounts or partition.deny_accounts) and not request.account
    return bool(by_account or (partition.allow_qos and not request.qos))


def _most_memory(each: Fit, cluster: Cluster) -> int | None:
    limit, by_core = each.mem_limit, each.partition.max_mem_per_cpu
    cores = max((node.cpus for node in nodes_of(each.partition, cluster)), default=0)
    if by_core is None or not cores:
        return limit
    return by_core * cores if limit is None else min(limit, by_core * cores)


def _why(best: Fit, candidates: Sequence[Fit], ordered: bool) -> str:
    name = best.partition.name
    if len(candidates) == 1:
        reason = "the only one that can take the job"
    elif ordered:
        reason = "the first in your order that can take the job"
    elif best.partition.default:
        reason = "the cluster's default, and it can take the job"
    else:
        reason = "the best of those that can take the job"
    extra = _words(best)
    return f"{name}: {reason}" if extra == "it fits" else f"{name}: {reason} ({extra})"


def _words(each: Fit) -> str:
    memory = each.request.mem_mb or each.request.mem_mb_per_cpu
    if each.clipped and memory is not None:
        return f"it fits with {memory} MiB, as there is no more"
    return "it fits"


def _problem(considered: Sequence[Considered], ordered: bool) -> str:
    if not considered:
        return "The cluster has no partitions."
    which = "None of the partitions that may be used" if ordered else "No partition"
    reasons = "; ".join(f"{each.partition}: {each.reason}" for each in considered)
    return f"{which} can take this job ({reasons}). Ask for less, or name a partition."
