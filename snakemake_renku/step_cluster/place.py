"""Where the workers of a step go: this machine, Slurm jobs of their own, or the step's own job."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from snakemake_renku.errors import BackendUnavailable
from snakemake_renku.step_cluster.plan import Place, Plan


class Allocation(msgspec.Struct, frozen=True):
    """What the Slurm job around this process holds: cores of each node, and memory in MiB."""

    job: str
    cpus: tuple[int, ...]
    mem_per_node: int | None = None
    mem_per_cpu: int | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Allocation | None:
        """The allocation that Slurm tells of in the environment; None outside Slurm."""
        job = environ.get("SLURM_JOB_ID")
        if not job:
            return None
        return cls(
            job=job,
            cpus=unfold(environ.get("SLURM_JOB_CPUS_PER_NODE", "")),
            mem_per_node=_number(environ.get("SLURM_MEM_PER_NODE")),
            mem_per_cpu=_number(environ.get("SLURM_MEM_PER_CPU")),
        )

    def room(self, plan: Plan) -> int:
        """How many of the plan's workers fit, beside a step that itself waits for them."""
        return sum(self._on_node(cpus, plan) for cpus in self.cpus)

    def _on_node(self, cpus: int, plan: Plan) -> int:
        count = cpus // plan.threads
        mem = self.mem_per_node
        if mem is None and self.mem_per_cpu is not None:
            mem = self.mem_per_cpu * cpus
        return count if mem is None else min(count, mem // plan.mem_mb)


def choose(plan: Plan, environ: Mapping[str, str]) -> Place:
    """Where the rule wants its workers, or else where they fit.

    Outside Slurm that is this machine. In a Slurm job it is that job, if the rule asks for the
    cores (a job may be shared with others, so what it holds is not enough to know); else Slurm jobs
    of their own.

    Raises:
        BackendUnavailable: the rule wants the step's allocation, and there is none or it is too
            small.
    """
    allocation = Allocation.of(environ)
    if plan.where == "allocation":
        _check(plan, allocation)
    if plan.where is not None:
        return plan.where
    if allocation is None:
        return "local"
    asked = plan.cores >= plan.workers * plan.threads
    return "allocation" if asked and allocation.room(plan) >= plan.workers else "slurm"


def _check(plan: Plan, allocation: Allocation | None) -> None:
    if allocation is None:
        raise BackendUnavailable(
            f"Rule {plan.rule} wants its dask workers in its own Slurm job, but runs in none.",
            remedy='Use dask_where="slurm" or "local", or run the step on Slurm.',
        )
    room = allocation.room(plan)
    if room < plan.minimum:
        raise BackendUnavailable(
            f"The Slurm job {allocation.job} of rule {plan.rule} has room for {room} dask workers"
            f" of {plan.threads} threads and {plan.mem_mb} MB, not for {plan.minimum}.",
            remedy="Ask for more (tasks, cpus_per_task, nodes, mem_mb), or for smaller workers.",
        )


def unfold(counts: str) -> tuple[int, ...]:
    """Slurm's ``4(x2),1`` as ``(4, 4, 1)``."""
    found: list[int] = []
    for each in counts.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", each)
        if match is not None:
            found += [int(match[1])] * int(match[2] or 1)
    return tuple(found)


def _number(text: str | None) -> int | None:
    # Slurm writes 0 where a job has all memory of its nodes.
    return int(text) if text is not None and text.isdecimal() and text != "0" else None
