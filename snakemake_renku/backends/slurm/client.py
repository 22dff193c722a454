"""The seam to Slurm: what is asked of it, and what it answers, as plain data.

Three ways talk to it: its commands (``commands.py``), its REST daemon (``rest.py``) and pyslurm
(``library.py``); ``open.py`` chooses. All answers are in Slurm's own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one job (or one task of an array) asks for; None leaves it to the cluster.

    ``cpus`` is cores per task (0 leaves them to the cluster); ``mem_mb`` memory per node and
    ``mem_mb_per_cpu`` per core, both in MiB as Slurm counts; ``time_min`` wall time in minutes;
    ``tmp_mb`` node-local disk in MiB; ``extra`` further options of ``sbatch``, one word each.
    """

    cpus: int = 1
    mem_mb: int | None = None
    mem_mb_per_cpu: int | None = None
    time_min: int | None = None
    tmp_mb: int | None = None
    nodes: int | None = None
    tasks: int | None = None
    tasks_per_node: int | None = None
    tasks_per_gpu: int | None = None
    gres: str | None = None
    gpus: str | None = None
    cpus_per_gpu: int | None = None
    mem_mb_per_gpu: int | None = None
    constraint: str | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    reservation: str | None = None
    clusters: str | None = None
    exclusive: bool = False
    requeue: bool | None = None
    extra: tuple[str, ...] = ()


class Submission(msgspec.Struct, frozen=True):
    """One job, or (``tasks`` is not None) one array whose tasks are numbered from 1.

    ``name`` is the same for all jobs of a run. ``script`` is the text of the batch script;
    ``output`` the file for what it prints, with Slurm's ``%A`` and ``%a``. ``throttle`` is how many
    tasks may run at once; ``exclude`` nodes that are to be avoided; ``environment`` variables that
    the job gets beside those of this process.
    """

    name: str
    script: str
    workdir: str
    output: str
    request: Request
    tasks: int | None = None
    throttle: int | None = None
    comment: str = ""
    exclude: tuple[str, ...] = ()
    environment: dict[str, str] = {}


class StepState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step of a job in accounting; ``step`` is ``batch``, ``extern``, ``0``, …"""

    step: str
    state: str
    exit_code: int = 0
    signal: int = 0


class TaskState(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a job stands, or one task of an array (``task`` is its index, None for a plain job).

    ``state`` is Slurm's long word (``PENDING``, ``RUNNING``, ``OUT_OF_MEMORY``, …) without
    additions; ``reason`` why it waits or was ended, as Slurm says it; ``by`` the user (name or
    uid) who cancelled it; ``nodes`` where it runs or ran; ``restarts`` how often Slurm has requeued
    it; ``steps`` are known to accounting alone.
    """

    job: int
    task: int | None
    state: str
    reason: str = ""
    nodes: tuple[str, ...] = ()
    exit_code: int | None = None
    signal: int | None = None
    derived_exit_code: int | None = None
    derived_signal: int | None = None
    by: str | None = None
    restarts: int = 0
    steps: tuple[StepState, ...] = ()


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node: ``state`` in Slurm's words (``IDLE``, ``DOWN``, ``DRAIN``, …, several), memory and
    ``tmp_mb`` in MiB; ``gres`` as ``{"gpu": 2, "gpu:a100": 2}``."""

    name: str
    state: tuple[str, ...] = ()
    cpus: int = 1
    mem_mb: int = 0
    tmp_mb: int = 0
    features: tuple[str, ...] = ()
    gres: dict[str, int] = {}
    reason: str = ""


class Partition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A partition: limits in MiB, minutes, nodes; None for no limit, ``()`` for all."""

    name: str
    state: str = "UP"
    default: bool = False
    nodes: tuple[str, ...] = ()
    max_time_min: int | None = None
    default_time_min: int | None = None
    max_mem_per_node: int | None = None
    max_mem_per_cpu: int | None = None
    max_cpus_per_node: int | None = None
    min_nodes: int = 0
    max_nodes: int | None = None
    allow_accounts: tuple[str, ...] = ()
    deny_accounts: tuple[str, ...] = ()
    allow_groups: tuple[str, ...] = ()
    allow_qos: tuple[str, ...] = ()
    priority_tier: int = 1
    hidden: bool = False
    root_only: bool = False


class Cluster(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a cluster says of itself. ``max_array_size`` is one more than the highest index."""

    name: str
    version: str
    max_array_size: int = 1001
    partitions: tuple[Partition, ...] = ()
    nodes: tuple[Node, ...] = ()
    accounting: bool = False
    """Whether ended jobs are stored (``sacct``)."""
    enforce_part_limits: bool = False
    """Whether a job beyond a partition's limits is refused at once."""

    def partition(self, name: str) -> Partition | None:
        """The partition of this name."""
        return next((each for each in self.partitions if each.name == name), None)


TaskId = tuple[int, int | None]
"""A job and the index of its task, or None for a plain job (or for all tasks of an array)."""


class Client(Protocol):
    """Talks to one cluster. Methods block and may be called from any thread.

    All raise :class:`~snakemake_renku.errors.SlurmUnavailable` where Slurm does not answer (which
    may pass), and other :class:`~snakemake_renku.errors.BackendError` where asking again is vain.
    """

    name: str
    """``commands``, ``rest`` or ``pyslurm``."""

    def submit(self, submission: Submission) -> int:
        """Submit; the job's number.

        Raises:
            SubmissionRefused: Slurm does not take it (bad partition, beyond a limit, …).
            SlurmUnavailable: Slurm does not answer, or is too busy now.
        """

    def tasks(self, name: str) -> list[TaskState]:
        """All of this user's jobs with this name that the controller still knows, ended ones too.

        One question, however many there are. A pending array may stand for its tasks: it is
        unfolded here, so each task is in the answer.
        """

    def history(self, jobs: Sequence[int]) -> list[TaskState]:
        """What accounting knows of these jobs and their steps, in one question.

        Raises:
            AccountingUnavailable: there is no accounting, or it does not answer.
        """

    def describe(self, task: TaskId) -> TaskState | None:
        """All that the controller knows of one job or task (derived exit code, restarts), or None
        if it has forgotten it."""

    def cancel(self, tasks: Sequence[TaskId]) -> None:
        """Cancel these, in as few calls as can be; those that have ended are passed over."""

    def cluster(self) -> Cluster:
        """What the cluster says of itself."""
