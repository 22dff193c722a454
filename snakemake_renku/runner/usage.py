"""What the processes of each job use, from the machine's process table.

One pass over the table serves every job.

Memory is the sum of the processes' resident sets (RSS). That counts a page shared by two processes
twice, so close to a limit the proportional set size (PSS, ``smaps_rollup``) corrects it: reading
that takes milliseconds for each GB, which is why it is not always read.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from snakemake_renku.model import Usage
from snakemake_renku.runner.limits import Limits
from snakemake_renku.runner.processes import (
    NOBODY,
    Process,
    ProcessId,
    ProcessTable,
    led_groups,
    owners,
    process,
    pss,
    trusted_groups,
)

FIRST_DELAY = 0.1
"""Seconds until a job's first sample, so that the shortest jobs cost none."""
SLOWEST = 1.0
"""Seconds between samples of jobs that are only told."""
SLOWEST_ENFORCED = 0.25
"""Seconds between samples where the watchdog enforces a memory limit."""
SHARE = 0.02
"""The part of a core that sampling may take."""
NEAR = 0.8
"""The part of its memory limit from which on a job's shared pages are looked at."""

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
_BLOCK = 512


class TreeSample(msgspec.Struct, frozen=True):
    """What a job uses now.

    ``memory`` (bytes) is what counts against the limit; ``rss`` (bytes) the plain sum, in which
    shared pages count once for each process; CPU seconds are those of the living processes and of
    the children that they waited for.
    """

    memory: int
    rss: int
    processes: int
    user_s: float
    system_s: float


class TreePeak(msgspec.Struct, frozen=True):
    """What a job used at most, as far as samples tell.

    ``memory``, ``baseline_rss`` and ``spawner_rss`` are in bytes. The CPU seconds are those of
    processes that no ancestor in the job waits for: ``wait4`` on the root misses them.
    """

    memory: int = 0
    baseline_rss: int = 0
    spawner_rss: int = 0
    adrift_user_s: float = 0.0
    adrift_system_s: float = 0.0


class _Tree:
    """One job's processes from sample to sample."""

    def __init__(self, root: ProcessId, baseline: int, limits: Limits, now: float) -> None:
        self.root, self.baseline, self.limits = root, baseline, limits
        self.due, self.born = now + FIRST_DELAY, now
        self.spawner_rss = _own_peak_rss()
        self.members: dict[int, Process] = {}
        self.groups = {root.pid}
        self.sample = TreeSample(0, 0, 0, 0.0, 0.0)
        self.peak = 0
        self.shared, self.weigh_after = 0, now
        self.adrift, self.lost = (0.0, 0.0), (0.0, 0.0)

    @property
    def enforced(self) -> bool:
        return self.limits.enforce and self.limits.mem_bytes is not None

    def known(self, table: Mapping[int, Process]) -> list[int]:
        """The pids in the table that still are processes seen before."""
        ids = [self.root, *(member.id for member in self.members.values())]
        return [i.pid for i in ids if (now := table.get(i.pid)) and now.started == i.started]

    def update(self, members: dict[int, Process], now: float) -> None:
        self._account(members)
        self.groups = led_groups(members, self.groups)
        if self.root.pid in members:
            self.groups.add(self.root.pid)
        self.members = members
        rss = sum(map(self._counted, members.values()))
        memory = self._weighed(rss, now)
        self.peak = max(self.peak, memory)
        user, system = _cpu(members.values())
        self.sample = TreeSample(memory, rss, len(members), user, system)
        pace = SLOWEST_ENFORCED if self.enforced else SLOWEST
        self.due = now + min(pace, max(FIRST_DELAY, now - self.born))

    def _counted(self, member: Process) -> int:
        is_root = member.pid == self.root.pid
        return max(0, member.rss - self.baseline) if is_root else member.rss

    def _weighed(self, rss: int, now: float) -> int:
        """RSS less what it counts twice, if that may decide whether the job is within its limit."""
        limit = self.limits.mem_bytes
        if limit is None or rss <= NEAR * limit:
            return rss
        if now >= self.weigh_after:
            began = time.process_time()
            self.shared = sum(self._excess(member) for member in self.members.values())
            self.weigh_after = now + (time.process_time() - began) / SHARE
        return max(0, rss - self.shared)

    def _excess(self, member: Process) -> int:
        proportional = pss(member.pid)
        return 0 if proportional is None else max(0, self._counted(member) - proportional)

    def _account(self, members: Mapping[int, Process]) -> None:
        """Keep the CPU time of what was re-parented away from the root, alive or gone."""
        still = {member.id for member in members.values()}
        gone = (old for old in self.members.values() if old.id not in still)
        untended = (old for old in gone if old.pid != self.root.pid and not self._tended(old))
        self.lost = _add(self.lost, _cpu(untended))
        attached = {self.root.pid}
        loose = []
        for member in sorted(members.values(), key=lambda m: (m.started, m.pid)):
            if member.pid == self.root.pid or member.parent in attached:
                attached.add(member.pid)
            else:
                loose.append(member)
        self.adrift = _add(self.lost, _cpu(loose))

    def _tended(self, old: Process) -> bool:
        """Whether a process of the job was there to wait for it."""
        return old.parent in self.members


class TreeSampler:
    """Samples the process trees of many jobs at a pace that costs next to nothing.

    ``clock`` gives seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._table = ProcessTable()
        self._trees: dict[int, _Tree] = {}
        self._rest_until = 0.0
        self._cost = 0.0

    def watch(self, pid: int, *, baseline_rss: int = 0, limits: Limits | None = None) -> None:
        """Sample the tree below ``pid`` from now on.

        Of the root itself only what goes beyond ``baseline_rss`` (bytes) counts: for a forked
        process, what it had at the fork. Call it right after the fork, before the root is reaped.
        """
        entry = process(pid)
        root = ProcessId(pid, -1.0) if entry is None else entry.id
        self._trees[pid] = _Tree(root, baseline_rss, limits or Limits(), self._clock())

    def rebase(self, pid: int, baseline_rss: int) -> None:
        """Say by now what the root had before its job began (bytes)."""
        if pid in self._trees:
            self._trees[pid].baseline = baseline_rss

    def forget(self, pid: int) -> TreePeak:
        """Stop sampling this tree, and say what it used at most."""
        peak = self.peak(pid)
        self._trees.pop(pid, None)
        return peak

    def peak(self, pid: int) -> TreePeak:
        """What this tree used at most so far; nothing for a tree that is not watched."""
        tree = self._trees.get(pid)
        if tree is None:
            return TreePeak()
        return TreePeak(tree.peak, tree.baseline, tree.spawner_rss, *tree.adrift)

    def members(self, pid: int) -> list[ProcessId]:
        """The processes that the last sample saw, the root included: what to end with the job."""
        tree = self._trees.get(pid)
        return [] if tree is None else [member.id for member in tree.members.values()]

    def sample(self) -> dict[int, TreeSample]:
        """Look at all watched trees at once, by the pid of their roots."""
        if not self._trees:
            return {}
        began = time.process_time()
        now = self._clock()
        for pid, members in self._sorted(self._table.read()).items():
            self._trees[pid].update(members, now)
        self._pace(time.process_time() - began, now)
        return {pid: tree.sample for pid, tree in self._trees.items()}

    def next_delay(self) -> float | None:
        """Seconds until the next sample is worth its cost; None while nothing is watched."""
        if not self._trees:
            return None
        due = min(tree.due for tree in self._trees.values())
        return max(0.0, due - self._clock(), self._rest_until - self._clock())

    def _sorted(self, table: Mapping[int, Process]) -> dict[int, dict[int, Process]]:
        me = os.getpid()
        known = {me: me}
        groups: dict[int, int] = {}
        for root, tree in self._trees.items():
            certain = dict.fromkeys(tree.known(table), root)
            known |= certain
            groups |= dict.fromkeys(trusted_groups(tree.groups, table, certain), root)
        owner = owners(table, known, groups)
        self._table.leave_out(pid for pid in table if owner[pid] == NOBODY)
        found: dict[int, dict[int, Process]] = {root: {} for root in self._trees}
        for pid, entry in table.items():
            if owner[pid] in found:
                found[owner[pid]][pid] = entry
        return found

    def _pace(self, cost: float, now: float) -> None:
        # An average: the first pass reads every process of the machine, later ones few.
        self._cost += 0.3 * (cost - self._cost)
        self._rest_until = now + self._cost / SHARE


class Rusage(Protocol):
    """What is used here of :class:`resource.struct_rusage`, so that it can come from elsewhere."""

    @property
    def ru_utime(self) -> float: ...  # noqa: D102
    @property
    def ru_stime(self) -> float: ...  # noqa: D102
    @property
    def ru_maxrss(self) -> int: ...  # noqa: D102
    @property
    def ru_inblock(self) -> int: ...  # noqa: D102
    @property
    def ru_oublock(self) -> int: ...  # noqa: D102


def usage_from(rusage: Rusage, peak: TreePeak, wall_s: float) -> Usage:
    """Join what ``wait4`` said of the root with what the samples saw.

    ``ru_maxrss`` is of the largest single process, and on Linux a process starts with that of the
    process which spawned it (``exec`` keeps it): it tells of the job only where it is beyond that.
    So ``max_rss`` is 0 for a job that ended before its first sample and stayed small.
    """
    largest = rusage.ru_maxrss * _MAXRSS_UNIT
    own = largest - peak.baseline_rss if largest > peak.spawner_rss else 0
    return Usage(
        wall_s=wall_s,
        user_s=rusage.ru_utime + peak.adrift_user_s,
        system_s=rusage.ru_stime + peak.adrift_system_s,
        max_rss=max(peak.memory, own),
        read_bytes=rusage.ru_inblock * _BLOCK,
        write_bytes=rusage.ru_oublock * _BLOCK,
    )


def _own_peak_rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT


def _cpu(processes: Iterable[Process]) -> tuple[float, float]:
    user = system = 0.0
    for entry in processes:
        user += entry.user_s
        system += entry.system_s
    return user, system


def _add(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] + other[0], one[1] + other[1]
