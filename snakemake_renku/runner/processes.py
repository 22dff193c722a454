"""The machine's process table, and whose each process is.

A process belongs to a job if a parent link leads to the job's root, if its process group or session
is one that the job's processes lead, or if it was ever seen as the job's and is still the same
process. On Linux the table is ``/proc/<pid>/stat`` (see ``proc(5)``), read directly because that
costs a tenth of psutil; elsewhere it is psutil.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    import psutil

NOBODY = 0
"""The owner of a process that is no job's."""

_LINUX = sys.platform == "linux"
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class ProcessId(NamedTuple):
    """A process for good: a pid is used again, but not with the same start.

    ``started`` is in clock ticks since boot on Linux, in seconds since the epoch elsewhere.
    """

    pid: int
    started: float


class Process(msgspec.Struct, frozen=True, gc=False):
    """One line of the process table.

    ``user_s`` and ``system_s`` are CPU seconds of the process and of the children that it waited
    for; ``rss`` is in bytes.
    """

    pid: int
    started: float
    parent: int
    group: int
    session: int
    zombie: bool
    user_s: float
    system_s: float
    rss: int

    @property
    def id(self) -> ProcessId:
        """What tells this process from a later one with the same pid."""
        return ProcessId(self.pid, self.started)


def pids() -> list[int]:
    """The pids of all processes that this one may see."""
    if _LINUX:
        return [int(name) for name in os.listdir("/proc") if name[0] in "123456789"]
    import psutil

    return psutil.pids()


def process(pid: int) -> Process | None:
    """The process that has this pid now, or None if none has."""
    return _process_from_proc(pid) if _LINUX else _process_from_psutil(pid)


def process_table() -> dict[int, Process]:
    """Every process of the machine, by pid."""
    return {entry.pid: entry for pid in pids() if (entry := process(pid)) is not None}


def _process_from_proc(pid: int) -> Process | None:
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        line = os.read(fd, 2048)
    except OSError:
        return None
    finally:
        os.close(fd)
    # The name, in parentheses, may itself hold spaces and parentheses.
    field = line[line.rindex(b")") + 2 :].split(None, 22)
    return Process(
        pid,
        int(field[19]),
        int(field[1]),
        int(field[2]),
        int(field[3]),
        field[0] in (b"Z", b"X"),
        (int(field[11]) + int(field[13])) * _TICK,
        (int(field[12]) + int(field[14])) * _TICK,
        int(field[21]) * _PAGE,
    )


def _process_from_psutil(pid: int) -> Process | None:
    import psutil

    try:
        handle = psutil.Process(pid)
        with handle.oneshot():
            started, parent, status = handle.create_time(), handle.ppid(), handle.status()
        group, session = os.getpgid(pid), os.getsid(pid)
    except (psutil.Error, OSError):
        return None
    user, system, rss = _use_from_psutil(handle)
    zombie = status == psutil.STATUS_ZOMBIE
    return Process(pid, started, parent, group, session, zombie, user, system, rss)


def _use_from_psutil(handle: psutil.Process) -> tuple[float, float, int]:
    """Nothing for zombies and for other users' processes, which only some systems show."""
    import psutil

    try:
        times = handle.cpu_times()
        user, system = times.user + times.children_user, times.system + times.children_system
        return user, system, handle.memory_info().rss
    except psutil.Error:
        return 0.0, 0.0, 0


def owners(
    table: Mapping[int, Process], known: Mapping[int, int], groups: Mapping[int, int]
) -> dict[int, int]:
    """Whose each process is: pid → owner, 0 for nobody's.

    ``known`` are pids whose owner is certain; ``groups`` the owners of process groups and sessions.
    """
    found = dict(known)
    for start in table:
        climbed: list[int] = []
        pid, youngest = start, float("inf")
        while True:
            entry = table.get(pid)
            # A parent younger than its child is a pid that was used again while the table was read.
            if entry is None or entry.started > youngest:
                owner = NOBODY
                break
            if pid not in found:
                found[pid] = groups.get(entry.group) or groups.get(entry.session) or NOBODY
                if not found[pid]:  # standing so, it also ends a climb along links in a ring
                    climbed.append(pid)
                    pid, youngest = entry.parent, entry.started
                    continue
            owner = found[pid]
            break
        found.update(dict.fromkeys(climbed, owner))
    return found


def led_groups(members: Mapping[int, Process], groups: Iterable[int]) -> set[int]:
    """The groups and sessions of a job's processes that one of them leads, or that were ``groups``.

    Only these mark a process as the job's: the session in which the server itself lives does not.
    A group without a process is left out, for its number may soon be another's.
    """
    before = set(groups)
    return {
        number
        for member in members.values()
        for number in (member.group, member.session)
        if number in members or number in before
    }


def trusted_groups(
    groups: Iterable[int], table: Mapping[int, Process], certain: Container[int]
) -> set[int]:
    """Those whose number has not become the pid of a process other than the ``certain`` ones."""
    return {number for number in groups if number not in table or number in certain}


class ProcessTable:
    """The table, read again and again, without the processes that cannot be a job's.

    What is not a descendant of this process and belongs to no job is left out from then on, so that
    a crowded machine costs little; a few of those are looked at again each time, in case a pid got
    used again.
    """

    def __init__(self) -> None:
        self._foreign: dict[int, None] = {}

    def read(self) -> dict[int, Process]:
        """The processes that may matter, by pid."""
        present = pids()
        here = set(present)
        self._foreign = dict.fromkeys(pid for pid in self._foreign if pid in here)
        for pid in list(self._foreign)[: len(self._foreign) // 16]:
            del self._foreign[pid]
        foreign = self._foreign
        wanted = (process(pid) for pid in present if pid not in foreign)
        return {entry.pid: entry for entry in wanted if entry is not None}

    def leave_out(self, strangers: Iterable[int]) -> None:
        """Do not read these again soon."""
        self._foreign.update(dict.fromkeys(strangers))


def pss(pid: int) -> int | None:
    """The process's proportional set size, in bytes; None where it cannot be told.

    From ``/proc/<pid>/smaps_rollup`` (Linux 4.14).
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
            for line in rollup:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
