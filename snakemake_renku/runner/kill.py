"""End every process of a job, and no other.

A job's processes are its root, what descends from it, what is in a group or session that they lead,
what was known before, and, as the last resort, what carries the job's marker in its environment.
Each is signalled only after a look that it still is that process, through a pidfd where there are
such (Linux 5.3), so that a pid that was used again is never hit.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Mapping

from snakemake_renku.runner.processes import (
    Process,
    ProcessId,
    led_groups,
    owners,
    process,
    process_table,
    trusted_groups,
)

MARKER = "RENKU_JOB"
"""The environment variable by which a job's processes are found when all links to it are gone."""

GRACE = 5.0
"""Seconds from SIGTERM to SIGKILL."""
GIVE_UP = 30.0
"""Seconds after which what SIGKILL does not end (it waits for a dead disk) is left behind."""

_FIRST_STEP, _SLOWEST_STEP = 0.01, 0.2


def descendants(pid: int, table: Mapping[int, Process] | None = None) -> list[Process]:
    """The living processes below ``pid`` by parent links alone, without ``pid`` itself."""
    table = process_table() if table is None else table
    found = owners(table, {pid: pid}, {})
    return [p for p in table.values() if found[p.pid] == pid and p.pid != pid and not p.zombie]


def job_processes(
    root: ProcessId, known: Iterable[ProcessId] = (), table: Mapping[int, Process] | None = None
) -> list[Process]:
    """The living processes of the job that ``root`` leads or led."""
    return _find_job(root, {root.pid}, known, process_table() if table is None else table)[0]


def _find_job(
    root: ProcessId,
    groups: Iterable[int],
    known: Iterable[ProcessId],
    table: Mapping[int, Process],
) -> tuple[list[Process], set[int]]:
    """A job's living processes, and the groups and sessions that they lead.

    ``groups`` count by their number: the kernel gives it to no other while one process is left in
    them. So they are good for as long as they were looked at often, and no longer.
    """
    certain = {i.pid: root.pid for i in (root, *known) if is_same(table.get(i.pid), i)}
    groups = trusted_groups(groups, table, certain)
    while True:
        found = owners(table, certain, dict.fromkeys(groups, root.pid))
        members = {pid: entry for pid, entry in table.items() if found[pid] == root.pid}
        led = led_groups(members, groups)
        if led <= groups:
            return _sparing_ourselves(members.values(), table), led
        groups |= led


def marked(
    value: str, *, since: float = 0.0, table: Mapping[int, Process] | None = None
) -> list[Process]:
    """The living processes, started at ``since`` or later, whose ``RENKU_JOB`` is ``value``.

    Costs a file read for each process that is looked at.
    """
    table = process_table() if table is None else table
    young = (entry for entry in table.values() if entry.started >= since and not entry.zombie)
    return _sparing_ourselves([p for p in young if _marker(p.pid) == value], table)


def is_same(entry: Process | None, which: ProcessId) -> bool:
    """Whether an entry of the table is that process, and not a later one with its pid."""
    return entry is not None and entry.started == which.started


def send(which: ProcessId, signum: int) -> bool:
    """Signal that process; False if it is gone, is another's, or has its pid used again."""
    try:
        if sys.platform == "linux" and hasattr(os, "pidfd_open"):
            return _send_by_pidfd(which, signum)
        if not is_same(process(which.pid), which):
            return False
        os.kill(which.pid, signum)
    except OSError:
        return False
    return True


def kill_tree(
    root: int | ProcessId,
    *,
    known: Iterable[ProcessId] = (),
    marker: str | None = None,
    signum: int = signal.SIGKILL,
) -> int:
    """Signal each process of a job once, and return how many there were.

    What they start meanwhile is missed: :func:`terminate_tree` asks again until none is left.
    """
    root = _identify(root)
    table = process_table()
    found = {p.id for p in job_processes(root, known, table)}
    if marker is not None:
        found |= {p.id for p in marked(marker, table=table)}
    return sum(send(which, signum) for which in found)


def terminate_tree(
    root: int | ProcessId,
    *,
    known: Iterable[ProcessId] = (),
    marker: str | None = None,
    grace: float = GRACE,
) -> Termination:
    """Begin to end a job; nothing happens before the first :meth:`Termination.step`.

    A bare pid stands for the process that has it now. Once the root is reaped, hand over its
    :class:`ProcessId`, and soon: what is left of its group is found by the group's number. With
    ``grace`` (seconds) of 0, SIGKILL comes first.
    """
    return Termination(_identify(root), known=known, marker=marker, grace=grace)


class Termination:
    """The end of one job, for an event loop: call :meth:`step` until it says that it is done.

    SIGTERM goes to every process of the job, after the grace SIGKILL to what is left. Nothing
    here waits; zombies count as ended, so reap the job's root as you would otherwise.
    """

    def __init__(
        self, root: ProcessId, *, known: Iterable[ProcessId], marker: str | None, grace: float
    ) -> None:
        self.root = root
        self.survivors: list[ProcessId] = []
        """What was alive at the last step; after the end, what could not be ended."""
        self._known = {root, *known}
        self._groups = {root.pid}
        self._marker, self._grace = marker, grace
        self._began: float | None = None
        self._asked: set[ProcessId] = set()
        self._delay = _FIRST_STEP
        self._not_before = float("-inf")

    def step(self, now: float) -> bool:
        """Look, signal, and tell whether the job is over; ``now`` in seconds of a steady clock.

        Cheap to call too early: it looks at most twice in each :meth:`next_delay`.
        """
        if now < self._not_before:
            return False
        first = self._began is None
        began = self._began = now if self._began is None else self._began
        self.survivors = self._look(thorough=first)
        self._known.update(self.survivors)
        self._delay = _FIRST_STEP if first else min(_SLOWEST_STEP, self._delay * 2)
        self._not_before = now + self._delay / 2
        if not self.survivors or now >= began + self._grace + GIVE_UP:
            return True
        if now >= began + self._grace:
            self._kill()
        else:
            self._ask()
        return False

    def next_delay(self) -> float:
        """Seconds to wait before the next step."""
        return self._delay

    def _look(self, *, thorough: bool) -> list[ProcessId]:
        table = process_table()
        members, self._groups = _find_job(self.root, self._groups, self._known, table)
        found = {entry.id for entry in members}
        if self._marker is not None and (thorough or not found):
            since = self.root.started
            found |= {entry.id for entry in marked(self._marker, since=since, table=table)}
        return sorted(found)

    def _ask(self) -> None:
        for which in self.survivors:
            if which not in self._asked:
                self._asked.add(which)
                send(which, signal.SIGTERM)
                send(which, signal.SIGCONT)  # a stopped process would not see the other signal

    def _kill(self) -> None:
        if is_same(process(self.root.pid), self.root):
            _kill_group(self.root.pid)
        for which in self.survivors:
            send(which, signal.SIGKILL)


def _identify(root: int | ProcessId) -> ProcessId:
    if isinstance(root, ProcessId):
        return root
    entry = process(root)
    return ProcessId(root, -1.0) if entry is None else entry.id


def _kill_group(root: int) -> None:
    """End the root's group at a stroke, so that none forks away from the signals.

    Safe while the root is there, be it as a zombie: its number is not given to another group.
    """
    try:
        if root != os.getpgrp():
            os.killpg(root, signal.SIGKILL)
    except OSError:
        pass


def _send_by_pidfd(which: ProcessId, signum: int) -> bool:
    fd = os.pidfd_open(which.pid)
    try:
        # Looked up after the pidfd was opened: if it is the one, the pidfd is of no other.
        if not is_same(process(which.pid), which):
            return False
        signal.pidfd_send_signal(fd, signum)
        return True
    finally:
        os.close(fd)


def _sparing_ourselves(found: Iterable[Process], table: Mapping[int, Process]) -> list[Process]:
    """Without zombies, this process and its ancestors, whatever marker or group they carry."""
    spared = set()
    pid = os.getpid()
    while pid in table and pid not in spared:
        spared.add(pid)
        pid = table[pid].parent
    return [entry for entry in found if entry.pid not in spared and not entry.zombie]


def _marker(pid: int) -> str | None:
    if sys.platform != "linux":
        return _marker_from_psutil(pid)
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:
            variables = environ.read().split(b"\0")
    except OSError:
        return None
    prefix = f"{MARKER}=".encode()
    values = (v.removeprefix(prefix) for v in variables if v.startswith(prefix))
    return next((os.fsdecode(value) for value in values), None)


def _marker_from_psutil(pid: int) -> str | None:
    import psutil

    try:
        return psutil.Process(pid).environ().get(MARKER)
    except psutil.Error:
        return None
