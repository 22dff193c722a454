"""Whether a partition can take a job: by its limits, and by its nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import msgspec

from snakemake_renku.backends.slurm.client import Cluster, Node, Partition, Request
from snakemake_renku.backends.slurm.constraints import matches
from snakemake_renku.backends.slurm.request import gpus_asked, gres_counts

_AWAY = {"DOWN", "FAIL", "FAILING", "FUTURE", "INVAL", "INVALID_REG", "UNKNOWN"}
_AWAY |= {"DRAIN", "DRAINED", "DRAINING", "NO_RESPOND", "NOT_RESPONDING"}
"""A node in one of these states starts no job."""

Tests = list[tuple[Callable[[Node], bool], str]]
"""What each node of a job must have: a test, and what to say where no node passes it."""


class Fit(msgspec.Struct, frozen=True):
    """How a job fits into a partition.

    ``request`` is what to ask for there, ``clipped`` whether that is less memory than was wanted.
    ``obstacle`` is why the job does not fit, in words; ``away`` nodes that could take it, where
    only their being down or drained is in the way. ``mem_limit`` (MiB for each node) is what the
    partition and the largest of its suitable nodes allow, None where nothing is known to limit it.
    ``with_gpus``: all nodes have GPUs.
    """

    partition: Partition
    request: Request
    obstacle: str | None = None
    away: tuple[Node, ...] = ()
    mem_limit: int | None = None
    clipped: bool = False
    with_gpus: bool = False


def fit(request: Request, margin_mb: int, partition: Partition, cluster: Cluster) -> Fit:
    """Fit ``request``, whose memory includes ``margin_mb`` (MiB), into ``partition``.

    Where the job fits without the margin but not with it, less of the margin is asked for. Disk of
    the node (``tmp_mb``) is asked for only where nodes say how much they have.
    """
    members = nodes_of(partition, cluster)
    if request.tmp_mb is not None and members and not any(node.tmp_mb for node in members):
        request = msgspec.structs.replace(request, tmp_mb=None)
    least = _without_margin(request, margin_mb)
    obstacle = _beyond_limits(least, partition)
    limits = [] if partition.max_mem_per_node is None else [partition.max_mem_per_node]
    away: tuple[Node, ...] = ()
    if obstacle is None and cluster.nodes:
        tests = _tests(least, partition)
        here = [node for node in members if not is_away(node)]
        obstacle = _nodes_lack(least, partition, here, tests)
        if obstacle is not None and _nodes_lack(least, partition, members, tests) is None:
            here = members
            away = tuple(node for node in _able(members, tests) if is_away(node))
            obstacle = f"the nodes that could take it are down or drained: {_names(away)}"
        limits += [max((node.mem_mb for node in _able(here, tests)), default=0)]
    limit = min(limits, default=None)
    asked = request if limit is None else _clip(request, least, limit)
    with_gpus = bool(members) and all(gpus_in(node) for node in members)
    return Fit(partition, asked, obstacle, away, limit, asked != request, with_gpus)


def nodes_of(partition: Partition, cluster: Cluster) -> list[Node]:
    """The nodes of a partition."""
    names = set(partition.nodes)
    return [node for node in cluster.nodes if not names or node.name in names]


def is_away(node: Node) -> bool:
    """Whether a node is down, drained, or on the way there."""
    return any(state.rstrip("*~#!%$@^-+") in _AWAY for state in node.state)


def gpus_in(node: Node) -> int:
    """How many GPUs a node has."""
    typed = sum(count for name, count in node.gres.items() if name.startswith("gpu:"))
    return node.gres.get("gpu", typed)


def _beyond_limits(request: Request, partition: Partition) -> str | None:
    """The limit of the partition that the job is beyond."""
    if partition.state.upper() != "UP":
        return f"it is {partition.state}"
    time, longest = request.time_min, partition.max_time_min
    if time is not None and longest is not None and time > longest:
        return f"at most {longest} min, {time} are asked for"
    memory, most = _memory(request), partition.max_mem_per_node
    if memory is not None and most is not None and memory > most:
        return f"at most {most} MiB on a node, {memory} are asked for"
    cores, most = _cores(request, partition), partition.max_cpus_per_node
    if most is not None and cores > most:
        return f"at most {most} cores on a node, {cores} are asked for"
    nodes = request.nodes or 1
    if partition.max_nodes is not None and nodes > partition.max_nodes:
        return f"at most {partition.max_nodes} nodes, {nodes} are asked for"
    if nodes < partition.min_nodes:
        return f"at least {partition.min_nodes} nodes, {nodes} are asked for"
    return None


def _tests(request: Request, partition: Partition) -> Tests:
    """The tests that a node must pass to take the job, or its share of it."""
    tests: Tests = []
    constraint, disk, memory = request.constraint, request.tmp_mb, _memory(request)
    if constraint is not None:
        tests.append(
            (lambda node: matches(constraint, node.features), f"no node has {constraint!r}")
        )
    for name, count in (gres_counts(request.gres) | _gpus_per_node(request)).items():
        tests.append(_test_of_gres(name, count))
    cores = _cores(request, partition)
    tests.append((lambda node: node.cpus >= cores, f"no such node has {cores} cores"))
    if memory is not None:
        tests.append(
            (lambda node: node.mem_mb >= memory, f"no such node has {memory} MiB of memory")
        )
    if disk is not None:
        tests.append((lambda node: node.tmp_mb >= disk, f"no such node has {disk} MiB of disk"))
    return tests


def _test_of_gres(name: str, count: int) -> tuple[Callable[[Node], bool], str]:
    def has(node: Node) -> bool:
        return (gpus_in(node) if name == "gpu" else node.gres.get(name, 0)) >= count

    return has, f"no such node has {count} {name}"


def _nodes_lack(
    request: Request, partition: Partition, nodes: Sequence[Node], tests: Tests
) -> str | None:
    """Why these nodes cannot take the job."""
    if not nodes:
        return "none of its nodes is up"
    able = list(nodes)
    for test, words in tests:
        able = [node for node in able if test(node)]
        if not able:
            return words
    if len(able) < (request.nodes or 1):
        return f"{len(able)} of its nodes could take it, {request.nodes} are asked for"
    if request.tasks is not None:
        most = request.nodes or partition.max_nodes or len(able)
        cores, limit = max(1, request.cpus), partition.max_cpus_per_node
        room = [(node.cpus if limit is None else min(node.cpus, limit)) // cores for node in able]
        if sum(sorted(room, reverse=True)[:most]) < request.tasks:
            return f"its nodes have no room for {request.tasks} tasks of {cores} cores"
    return None


def _able(nodes: Sequence[Node], tests: Tests) -> list[Node]:
    return [node for node in nodes if all(test(node) for test, _ in tests)]


def _cores(request: Request, partition: Partition) -> int:
    """Cores on each node; Slurm gives as many as the limit of memory for each core demands."""
    tasks, most = request.tasks_per_node or 1, partition.max_mem_per_cpu
    cores = max(1, request.cpus) * tasks
    if request.cpus_per_gpu is not None:
        cores = request.cpus_per_gpu * max(1, sum(_gpus_per_node(request).values()))
    if not most:
        return cores
    if request.mem_mb_per_cpu is not None:
        return cores * ceil(request.mem_mb_per_cpu / most)
    return cores if request.mem_mb is None else max(cores, ceil(request.mem_mb / most))


def _memory(request: Request) -> int | None:
    """MiB on each node."""
    if request.mem_mb_per_cpu is not None:
        return request.mem_mb_per_cpu * max(1, request.cpus) * (request.tasks_per_node or 1)
    if request.mem_mb_per_gpu is not None:
        return request.mem_mb_per_gpu * max(1, sum(_gpus_per_node(request).values()))
    return request.mem_mb


def _gpus_per_node(request: Request) -> dict[str, int]:
    """GPUs on each node; a job of several tasks may be spread as Slurm likes."""
    if request.gpus is None:
        return gpus_asked(request.gres, None)
    asked = gpus_asked(None, request.gpus)
    if request.nodes is None and (request.tasks or 1) > 1:
        return dict.fromkeys(asked, 1)
    return {name: ceil(count / (request.nodes or 1)) for name, count in asked.items()}


def _without_margin(request: Request, margin_mb: int) -> Request:
    core, gpu = request.mem_mb_per_cpu, request.mem_mb_per_gpu
    gpus = sum(gpus_asked(request.gres, request.gpus).values())
    return msgspec.structs.replace(
        request,
        mem_mb=None if request.mem_mb is None else max(1, request.mem_mb - margin_mb),
        mem_mb_per_cpu=core and max(1, core - ceil(margin_mb / max(1, request.cpus))),
        mem_mb_per_gpu=gpu and max(1, gpu - ceil(margin_mb / max(1, gpus))),
    )


def _clip(request: Request, least: Request, limit: int) -> Request:
    """``request`` with no more memory than ``limit`` on a node, but not less than ``least``."""
    if request.mem_mb is not None and least.mem_mb is not None:
        memory = max(least.mem_mb, min(request.mem_mb, limit))
        return msgspec.structs.replace(request, mem_mb=memory)
    if request.mem_mb_per_cpu is not None and least.mem_mb_per_cpu is not None:
        cores = max(1, request.cpus) * (request.tasks_per_node or 1)
        core = max(least.mem_mb_per_cpu, min(request.mem_mb_per_cpu, limit // cores))
        return msgspec.structs.replace(request, mem_mb_per_cpu=core)
    return request


def _names(nodes: Sequence[Node]) -> str:
    shown = ", ".join(f"{node.name} ({'+'.join(node.state)})" for node in nodes[:3])
    return shown if len(nodes) <= 3 else f"{shown} and {len(nodes) - 3} more"
