"""Memory limits by the kernel: a control group (cgroup) for each job.

The files and rules are those of the kernel's ``Documentation/admin-guide/cgroup-v2.rst`` and
``…/cgroup-v1/memory.rst``. A job's cgroup lies below the one that this process is in, so limits
that the machine set above stay in force.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

from snakemake_renku.errors import LimitError
from snakemake_renku.runner.processes import process

_KILL_ROUNDS = 5


class CgroupFiles:
    """The calls by which a cgroup tree is read and changed: the seam for a tree in memory."""

    def make(self, path: Path) -> None:
        """Create a cgroup."""
        path.mkdir(exist_ok=True)

    def remove(self, path: Path) -> None:
        """Remove a cgroup that holds no process and no other cgroup."""
        path.rmdir()

    def children(self, path: Path) -> list[Path]:
        """The cgroups right below this one."""
        try:
            return [Path(entry.path) for entry in os.scandir(path) if entry.is_dir()]
        except OSError:
            return []

    def read(self, path: Path) -> str | None:
        """A control file's text, or None where there is no such file."""
        try:
            return path.read_text()
        except OSError:
            return None

    def write(self, path: Path, text: str) -> None:
        """Write a control file in one call, without creating it."""
        fd = os.open(path, os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


class JobCgroup(ABC):
    """One job's cgroup, limited to ``mem_bytes`` of memory and swap together.

    Memory is what the kernel charges: anonymous pages, page cache, and kernel memory. What a
    process held before it was added stays charged where it was.
    """

    def __init__(self, parent: Path, name: str, mem_bytes: int, files: CgroupFiles) -> None:
        self.path = parent / f"{own_prefix()}{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}"
        self._files = files
        try:
            files.make(self.path)
            self._limit(mem_bytes)
        except OSError as error:
            remove(files, self.path)
            raise LimitError(
                f"Cannot limit job {name} to {mem_bytes} bytes of memory in {self.path}: {error}.",
                remedy="Without --renku-enforce no limit is set.",
            ) from error

    def add(self, pid: int = 0) -> None:
        """Put a process, and what it forks from now on, into the cgroup; 0 is the caller.

        What the process forked before stays outside: let a child add itself before it executes.
        Raises LimitError.
        """
        try:
            self._files.write(self.path / "cgroup.procs", str(pid))
        except OSError as error:
            raise LimitError(f"Cannot put process {pid} into {self.path}: {error}.") from error

    def pids(self) -> list[int]:
        """The living processes in the cgroup and in those below it."""
        return [
            pid for path in subtree(self._files, self.path) for pid in pids_in(self._files, path)
        ]

    @abstractmethod
    def oom_kills(self) -> int:
        """How many processes the kernel ended here for want of memory."""

    @abstractmethod
    def peak(self) -> int | None:
        """The most memory charged at a time, page cache included, in bytes; None if not kept."""

    def kill(self) -> bool:
        """Kill every process in the cgroup; True once none is left.

        They may need a moment to go: ask again.
        """
        for _ in range(_KILL_ROUNDS):
            found = self.pids()
            if not found:
                return True
            _kill_confirmed(found, self.pids)
        return not self.pids()

    def close(self) -> bool:
        """Remove the cgroup; False while a dying process is left in it: ask again later."""
        return remove(self._files, self.path)

    @abstractmethod
    def _limit(self, mem_bytes: int) -> None:
        """Set the limits of the cgroup, which was just made."""

    def _write(self, name: str, value: int) -> None:
        self._files.write(self.path / name, str(value))

    def _write_if_there(self, name: str, value: int) -> bool:
        if self._files.read(self.path / name) is None:
            return False
        self._write(name, value)
        return True

    def _number(self, name: str) -> int | None:
        text = self._files.read(self.path / name)
        return None if text is None else int(text)


class JobCgroup2(JobCgroup):
    """In the unified hierarchy, where the kernel ends the job as a whole."""

    def oom_kills(self) -> int:
        """``oom_kill`` of ``memory.events``, cgroups below included."""
        return _counter(self._files.read(self.path / "memory.events"), "oom_kill") or 0

    def peak(self) -> int | None:
        """``memory.peak`` (Linux 5.19)."""
        return self._number("memory.peak")

    def kill(self) -> bool:
        """By ``cgroup.kill`` (Linux 5.14), or else one by one."""
        if not self.pids():
            return True
        try:
            self._write("cgroup.kill", 1)
        except OSError:
            return super().kill()
        return not self.pids()

    def _limit(self, mem_bytes: int) -> None:
        self._write("memory.max", mem_bytes)
        self._write_if_there("memory.swap.max", 0)
        self._write_if_there("memory.oom.group", 1)


class JobCgroup1(JobCgroup):
    """In the memory hierarchy of version 1, where the kernel ends one process at a time.

    So whoever watches the job ends the others once :meth:`oom_kills` is not 0.
    """

    def oom_kills(self) -> int:
        """``oom_kill`` of ``memory.oom_control`` (Linux 4.13), summed over the cgroups below.

        Older kernels do not count: there, 1 if the limit was ever hit (``memory.failcnt``), which
        tells of an out-of-memory kill only together with a SIGKILL that nobody else sent.
        """
        return sum(self._kills_in(path) for path in subtree(self._files, self.path))

    def peak(self) -> int | None:
        """``memory.max_usage_in_bytes``."""
        return self._number("memory.max_usage_in_bytes")

    def _kills_in(self, path: Path) -> int:
        counted = _counter(self._files.read(path / "memory.oom_control"), "oom_kill")
        if counted is not None:
            return counted
        return int(int(self._files.read(path / "memory.failcnt") or 0) > 0)

    def _limit(self, mem_bytes: int) -> None:
        self._write("memory.limit_in_bytes", mem_bytes)
        # Memory and swap together; only after the limit on memory, which must not be above it.
        if not self._write_if_there("memory.memsw.limit_in_bytes", mem_bytes):
            self._write_if_there("memory.swappiness", 0)


def own_prefix() -> str:
    """How the names of this process's cgroups begin; no other process's do."""
    me = process(os.getpid())
    return f"renku-{os.getuid()}-{os.getpid()}.{int(me.started) if me else 0}-"


def pids_in(files: CgroupFiles, path: Path) -> list[int]:
    """The processes in this very cgroup."""
    return [int(pid) for pid in (files.read(path / "cgroup.procs") or "").split()]


def subtree(files: CgroupFiles, path: Path) -> Iterator[Path]:
    """The cgroups below, deepest first, and this one."""
    for child in files.children(path):
        yield from subtree(files, child)
    yield path


def remove(files: CgroupFiles, path: Path) -> bool:
    """Remove a cgroup and those below it; False if one still holds a process."""
    for each in subtree(files, path):
        try:
            files.remove(each)
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _counter(text: str | None, name: str) -> int | None:
    for line in (text or "").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return None


def _kill_confirmed(found: list[int], again: Callable[[], list[int]]) -> None:
    """Kill what is in the cgroup before and after it is held by a pidfd.

    The second look keeps a pid safe that left the cgroup and was used again in between.
    """
    held = {pid: fd for pid in found if (fd := _pidfd(pid)) is not None}
    try:
        for pid in set(again()) & held.keys():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(held[pid], signal.SIGKILL)
    finally:
        for fd in held.values():
            os.close(fd)


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
