"""Memory limits by the kernel: a control group (cgroup) for each job.

The files and rules are those of the kernel's ``Documentation/admin-guide/cgroup-v2.rst`` and
``…/cgroup-v1/memory.rst``. A job's cgroup lies below the one that this process is in, so limits
that the machine set above stay in force.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from snakemake_renku.errors import LimitError
from snakemake_renku.runner.usage import Process, process, process_table

LEAF = "renku-leaf"
"""Where the processes of a v2 cgroup go, as one that has child groups may hold none itself."""

DELEGATE = "Start Snakemake with `systemd-run --user --scope -p Delegate=yes snakemake …`."

_NAME = re.compile(r"renku-\d+-(?P<pid>\d+)\.(?P<started>\d+)-")
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


class CgroupSupport(msgspec.Struct, frozen=True):
    """Whether jobs can have cgroups with a memory limit here: true in a condition if they can.

    ``version`` is 0 where they cannot; ``reason`` says why, or where the jobs' groups will be.
    """

    version: Literal[0, 1, 2]
    reason: str
    parent: Path = Path("/")
    files: CgroupFiles = msgspec.field(default_factory=CgroupFiles)

    def __bool__(self) -> bool:
        return self.version != 0

    def job(self, name: str, mem_bytes: int) -> JobCgroup:
        """Create the cgroup of one job; ``name`` is unique among this process's.

        Raises LimitError where that fails.
        """
        kinds: dict[int, type[JobCgroup]] = {1: JobCgroup1, 2: JobCgroup2}
        if self.version not in kinds:
            raise LimitError(f"No cgroup for job {name}: {self.reason}.")
        return kinds[self.version](self.parent, name, mem_bytes, self.files)

    def sweep(self) -> list[Path]:
        """Remove the empty cgroups of runs whose process is gone, and tell which."""
        if not self:
            return []
        dead = (path for path in self.files.children(self.parent) if _is_abandoned(path.name))
        return [path for path in dead if _remove(self.files, path)]


class JobCgroup:
    """One job's cgroup, limited to ``mem_bytes`` of memory and swap together.

    Memory is what the kernel charges: anonymous pages, page cache, and kernel memory. What a
    process held before it was added stays charged where it was.
    """

    def __init__(self, parent: Path, name: str, mem_bytes: int, files: CgroupFiles) -> None:
        self.path = parent / f"{_prefix()}{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}"
        self._files = files
        try:
            files.make(self.path)
            self._limit(mem_bytes)
        except OSError as error:
            _remove(files, self.path)
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
        return [pid for path in _tree(self._files, self.path) for pid in _procs(self._files, path)]

    def oom_kills(self) -> int:
        """How many processes the kernel ended here for want of memory."""
        raise NotImplementedError

    def peak(self) -> int | None:
        """The most memory charged at a time, page cache included, in bytes; None if not kept."""
        raise NotImplementedError

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
        return _remove(self._files, self.path)

    def _limit(self, mem_bytes: int) -> None:
        raise NotImplementedError

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
        return sum(self._kills_in(path) for path in _tree(self._files, self.path))

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


def find_cgroups(
    proc: Path = Path("/proc/self"), files: CgroupFiles | None = None
) -> CgroupSupport:
    """Look for a place below our own cgroup where jobs' cgroups can be made, and prepare it.

    On version 2 this may move the processes of our cgroup into a leaf below it, if they are all
    ours. ``proc`` is where ``cgroup`` and ``mountinfo`` of this process are.
    """
    files = files or CgroupFiles()
    if sys.platform != "linux":
        return CgroupSupport(0, "only Linux has cgroups")
    reasons = []
    for prepare, version, own in (
        (_prepare2, 2, _own_cgroup2(proc)),
        (_prepare1, 1, _own_cgroup1(proc)),
    ):
        if own is None:
            continue
        parent, reason = prepare(own, files)
        if parent is not None:
            where = f"version {version}, below {parent}"
            return CgroupSupport(2 if version == 2 else 1, where, parent, files)
        reasons.append(f"version {version}: {reason}")
    return CgroupSupport(0, "; ".join(reasons) or "no cgroup is mounted here")


Prepared = tuple[Path | None, str]
"""Where jobs' cgroups may be made, or None and the reason why nowhere."""


def _prepare1(own: Path, files: CgroupFiles) -> Prepared:
    return _probe(own, files)


def _prepare2(own: Path, files: CgroupFiles) -> Prepared:
    if own.name == LEAF:
        own = own.parent
    controllers = (files.read(own / "cgroup.controllers") or "").split()
    if "memory" not in controllers:
        return None, f"{own} has no memory controller. {DELEGATE}"
    enabled = (files.read(own / "cgroup.subtree_control") or "").split()
    try:
        if "memory" not in enabled:
            refusal = _enable_memory(own, files)
            if refusal:
                return None, refusal
    except OSError as error:
        return None, f"{own} is not ours to divide ({error.strerror}). {DELEGATE}"
    return _probe(own, files)


def _enable_memory(own: Path, files: CgroupFiles) -> str | None:
    """Let child groups have the memory controller; the reason if that must not be done."""
    try:
        files.write(own / "cgroup.subtree_control", "+memory")
        return None
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
    before, table, inside = _procs(files, own), process_table(), _procs(files, own)
    if not _all_ours(set(before) & set(inside), table):
        return f"{own} holds processes that are not this run's. {DELEGATE}"
    files.make(own / LEAF)
    for pid in inside:
        _move(files, pid, own / LEAF)
    files.write(own / "cgroup.subtree_control", "+memory")
    return None


def _move(files: CgroupFiles, pid: int, to: Path) -> None:
    with contextlib.suppress(ProcessLookupError):
        files.write(to / "cgroup.procs", str(pid))


def _all_ours(inside: set[int], table: dict[int, Process]) -> bool:
    """Whether each is an ancestor of this process or is of the session of this process."""
    session = os.getsid(0)
    ours = {pid for pid, entry in table.items() if entry.session == session}
    pid = os.getpid()
    while pid in table:
        ours.add(pid)
        pid = table[pid].parent
    return inside <= ours


def _probe(own: Path, files: CgroupFiles) -> Prepared:
    """Try for real: permissions, read-only mounts and quotas all show here."""
    probe = own / f"{_prefix()}probe"
    try:
        files.make(probe)
        files.remove(probe)
    except OSError as error:
        return None, f"no cgroup can be made in {own} ({error.strerror}). {DELEGATE}"
    return own, ""


def _own_cgroup2(proc: Path) -> Path | None:
    own = next((line[3:] for line in _lines(proc / "cgroup") if line.startswith("0::")), None)
    return None if own is None else _located(own, proc, lambda kind, _: kind == "cgroup2")


def _own_cgroup1(proc: Path) -> Path | None:
    for line in _lines(proc / "cgroup"):
        _, controllers, own = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _located(
                own, proc, lambda kind, options: kind == "cgroup" and "memory" in options
            )
    return None


def _located(own: str, proc: Path, wanted: Callable[[str, list[str]], bool]) -> Path | None:
    """Where a path inside a hierarchy is mounted, or None where it is out of sight.

    In a container the mount may show a part of the hierarchy only: the root field of
    ``mountinfo`` (``proc_pid_mountinfo(5)``) says which.
    """
    for line in _lines(proc / "mountinfo"):
        left, _, right = line.partition(" - ")
        fields, (kind, _, options) = left.split(), right.split()[:3]
        if wanted(kind, options.split(",")):
            root, mount = (_unescaped(field) for field in fields[3:5])
            if PurePosixPath(own).is_relative_to(root) and ".." not in PurePosixPath(own).parts:
                return Path(mount) / PurePosixPath(own).relative_to(root)
    return None


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _prefix() -> str:
    me = process(os.getpid())
    return f"renku-{os.getuid()}-{os.getpid()}.{int(me.started) if me else 0}-"


def _is_abandoned(name: str) -> bool:
    match = _NAME.match(name)
    if match is None:
        return False
    owner = process(int(match["pid"]))
    return owner is None or int(owner.started) != int(match["started"])


def _procs(files: CgroupFiles, path: Path) -> list[int]:
    return [int(pid) for pid in (files.read(path / "cgroup.procs") or "").split()]


def _tree(files: CgroupFiles, path: Path) -> Iterator[Path]:
    """The cgroups below, deepest first, and this one."""
    for child in files.children(path):
        yield from _tree(files, child)
    yield path


def _remove(files: CgroupFiles, path: Path) -> bool:
    for each in _tree(files, path):
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
