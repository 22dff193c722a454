"""What a cluster says of itself through slurmrestd.

Not every version tells all: before v0.0.45 nothing of ``slurm.conf``, so the longest array is taken
to be Slurm's default; v0.0.40 to v0.0.44 not which partition is the default one, hidden, or root's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snakemake_renku.backends.slurm.client import Cluster, Node, Partition
from snakemake_renku.backends.slurm.notation import gres, hostlist
from snakemake_renku.backends.slurm.rest_values import number, text, words

Record = Mapping[str, Any]


def node(record: Record) -> Node:
    """A node."""
    state = (*words(record.get("state")), *words(record.get("state_flags")))
    return Node(
        name=text(record.get("name")),
        state=tuple(word.upper() for word in state),
        cpus=number(record.get("cpus")) or 1,
        mem_mb=number(record.get("real_memory")) or 0,
        tmp_mb=number(record.get("temporary_disk")) or 0,
        features=words(record.get("active_features")) or words(record.get("features")),
        gres=gres(text(record.get("gres"))),
        reason=text(record.get("reason")),
    )


def partition(record: Record) -> Partition:
    """A partition, in either form."""
    return _older(record) if "max_time_limit" in record else _newer(record)


def _older(record: Record) -> Partition:
    flags = {word.lower() for word in words(record.get("flags"))}
    return Partition(
        name=text(record.get("name")),
        state=text(record.get("state")).upper(),
        default="default" in flags,
        nodes=hostlist(text(record.get("nodes"))),
        max_time_min=number(record.get("max_time_limit")),
        default_time_min=number(record.get("default_time_limit")),
        max_mem_per_node=number(record.get("maximum_memory_per_node")) or None,
        max_mem_per_cpu=number(record.get("maximum_memory_per_cpu")) or None,
        max_cpus_per_node=number(record.get("maximum_cpus_per_node")) or None,
        min_nodes=number(record.get("min nodes per job")) or 0,
        max_nodes=number(record.get("maximum_nodes_per_job")),
        allow_accounts=_some(record.get("allowed_accounts")),
        deny_accounts=_some(record.get("denied_accounts")),
        allow_groups=_some(record.get("allowed_groups")),
        allow_qos=_some(record.get("allowed_qos")),
        priority_tier=number(record.get("priority_tier")) or 1,
        hidden="hidden" in flags,
        root_only="root_only" in flags,
    )


def _newer(record: Record) -> Partition:
    flags = {word.upper() for word in words(record.get("flags"))}
    most, by_default = _part(record, "maximums"), _part(record, "defaults")
    accounts = _part(record, "accounts")
    state = words(_part(record, "partition").get("state"))
    return Partition(
        name=text(record.get("name")),
        state=state[0].upper() if state else "UP",
        default="DEFAULT" in flags,
        nodes=hostlist(text(_part(record, "nodes").get("configured"))),
        max_time_min=number(most.get("time")),
        default_time_min=number(by_default.get("time")),
        max_mem_per_node=number(most.get("partition_memory_per_node")) or None,
        max_mem_per_cpu=number(most.get("partition_memory_per_cpu")) or None,
        max_cpus_per_node=number(most.get("cpus_per_node")) or None,
        min_nodes=number(_part(record, "minimums").get("nodes")) or 0,
        max_nodes=number(most.get("nodes")),
        allow_accounts=_some(accounts.get("allowed")),
        deny_accounts=_some(accounts.get("deny")),
        allow_groups=_some(_part(record, "groups").get("allowed")),
        allow_qos=_some(_part(record, "qos").get("allowed")),
        priority_tier=number(_part(record, "priority").get("tier")) or 1,
        hidden="HIDDEN" in flags,
        root_only="ROOT_ONLY" in flags,
    )


def assemble(
    ping: Record,
    partitions: Sequence[Record],
    nodes: Sequence[Record],
    conf: Record,
    *,
    name: str,
    accounting: bool,
) -> Cluster:
    """The cluster from all that was asked; ``conf`` is empty where the server does not tell."""
    found = tuple(partition(each) for each in partitions)
    default = Cluster(name="", version="")
    return Cluster(
        name=name or text(conf.get("ClusterName")),
        version=release(ping),
        max_array_size=number(conf.get("MaxArraySize")) or default.max_array_size,
        partitions=found,
        nodes=tuple(node(each) for each in nodes),
        accounting=accounting,
        enforce_part_limits=bool(set(words(conf.get("EnforcePartLimits"))) - {"NO"}),
    )


def release(answer: Record) -> str:
    """The version of Slurm, such as ``22.05.8``."""
    return text(_slurm(answer).get("release"))


def cluster_name(answer: Record) -> str:
    """The cluster's name, where answers tell it."""
    return text(_slurm(answer).get("cluster"))


def stores_jobs(answer: Record) -> bool | None:
    """Whether ended jobs are stored, where answers tell it."""
    plugin = _part(_part(answer, "meta"), "plugin").get("accounting_storage")
    return None if not isinstance(plugin, str) else plugin.endswith("/slurmdbd")


def _slurm(answer: Record) -> Record:
    meta = _part(answer, "meta")
    return _part(meta, "slurm") or _part(meta, "Slurm")


def _some(value: object) -> tuple[str, ...]:
    found = words(value)
    return () if "ALL" in found else found


def _part(record: Record, name: str) -> Record:
    part = record.get(name)
    return part if isinstance(part, Mapping) else {}
