"""What is asked of the cluster for a job: its wishes, our runner's share, and a partition."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from snakemake_renku.backends.slurm.client import Client, Cluster, Request
from snakemake_renku.backends.slurm.partitions import choose, most
from snakemake_renku.backends.slurm.request import request_of
from snakemake_renku.errors import RenkuError, SubmissionRefused
from snakemake_renku.model import JobSpec

MARGIN_MB = {"direct": 64}
NESTED_MARGIN_MB = 320
"""MiB beside a job's own memory: our runner alone, or with a Snakemake."""

MARGIN_MIN = 1
"""Minutes beside a job's own time, in which files are hashed, and its end is told by our runner."""

_FRESH_S = 300.0


def margin_mb(spec: JobSpec) -> int:
    """Memory for what runs beside a job, in MiB."""
    return MARGIN_MB.get(spec.mode, NESTED_MARGIN_MB)


class Placing:
    """Turns jobs into requests; asks the cluster about itself now and then."""

    def __init__(self, client: Client, partitions: Sequence[str]) -> None:
        self._client, self._partitions = client, tuple(partitions)
        self._cluster: Cluster | None = None
        self._asked = -_FRESH_S
        self._chosen: dict[tuple[Request, int], Request] = {}
        self.problem: RenkuError | None = None
        """Why the cluster did not tell of itself when it was last asked."""
        self.warnings: list[str] = []
        """What will keep jobs waiting, to be told."""

    @property
    def max_array_size(self) -> int:
        """Slurm's ``MaxArraySize``."""
        cluster = self.cluster()
        return 1001 if cluster is None else cluster.max_array_size

    def cluster(self) -> Cluster | None:
        """What the cluster says of itself, not older than some minutes; None if it does not."""
        if time.monotonic() - self._asked > _FRESH_S:
            self._asked = time.monotonic()
            try:
                self._cluster = self._client.cluster()
                self._chosen = {}
                self.problem = None
                self._asked = time.monotonic()
            except RenkuError as error:
                self.problem = error
                self._asked = time.monotonic() + 10 - _FRESH_S  # ask again in ten seconds
        return self._cluster

    def request(self, spec: JobSpec) -> Request:
        """What to ask for ``spec``.

        Raises:
            SettingsError: a resource makes no sense.
            SubmissionRefused: no partition here can take the job.
        """
        margin = margin_mb(spec)
        wish = request_of(spec, margin_mb=margin)
        if wish.requeue is None:
            # A repetition is ours: at once, on a file system that was cleared of half an output.
            wish = msgspec.structs.replace(wish, requeue=False)
        cluster = self.cluster()
        if cluster is None or not cluster.partitions:
            # Slurm decides alone then; what Snakemake only guesses is better left out.
            return msgspec.structs.replace(wish, tmp_mb=None)
        request = self._chosen.get((wish, margin))
        if request is None:
            request = self._chosen[wish, margin] = self._place(wish, margin, cluster)
        return request

    def _place(self, wish: Request, margin: int, cluster: Cluster) -> Request:
        choice = choose(wish, cluster, self._partitions, margin_mb=margin)
        if (choice.problem or choice.warning) and wish.tmp_mb is not None:
            # Snakemake guesses `disk_mb` where nobody gave it, and few clusters say what they have.
            wish = msgspec.structs.replace(wish, tmp_mb=None)
            choice = choose(wish, cluster, self._partitions, margin_mb=margin)
        if choice.warning:
            self.warnings.append(choice.warning)
        if choice.problem:
            raise SubmissionRefused(choice.problem)
        request = choice.clipped
        if choice.partition is not None:
            request = msgspec.structs.replace(request, partition=choice.partition)
        return _more_time(request, cluster)

    def most(self, spec: JobSpec) -> tuple[int | None, int | None]:
        """How far memory (MB) and time (minutes) of ``spec`` may grow; None where that is open."""
        cluster = self.cluster()
        if cluster is None:
            return None, None
        wish = msgspec.structs.replace(request_of(spec), tmp_mb=None)
        found = most(wish, cluster, self._partitions)
        room = None if found.mem_mb is None else found.mem_mb - margin_mb(spec)
        return room, found.time_min

    def may_avoid(self, node: str, avoided: Mapping[str, None]) -> bool:
        """Whether ``node`` can be spared: never more than half of the cluster is."""
        cluster = self._cluster
        if not node or cluster is None:
            return False
        known = {each.name for each in cluster.nodes}
        return node in known and 2 * (len(avoided) + 1) <= len(known)


def _more_time(request: Request, cluster: Cluster) -> Request:
    if request.time_min is None:
        return request
    named = (cluster.partition(name) for name in (request.partition or "").split(","))
    limits = [p.max_time_min for p in named if p is not None and p.max_time_min is not None]
    limit = min(limits, default=None)
    wanted = request.time_min + MARGIN_MIN
    return (
        request
        if limit is not None and wanted > limit
        else msgspec.structs.replace(request, time_min=wanted)
    )
