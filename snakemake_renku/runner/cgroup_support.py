"""Where on this machine jobs' cgroups can be, if anywhere."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from snakemake_renku.errors import LimitError
from snakemake_renku.runner.cgroup import (
    CgroupFiles,
    JobCgroup,
    JobCgroup1,
    JobCgroup2,
    own_prefix,
    pids_in,
    remove,
)
from snakemake_renku.runner.processes import Process, process, process_table

LEAF = "renku-leaf"
"""Where the processes of a v2 cgroup go, as one that has child groups may hold none itself."""

DELEGATE = "Start Snakemake with `systemd-run --user --scope -p Delegate=yes snakemake …`."

_NAME = re.compile(r"renku-\d+-(?P<pid>\d+)\.(?P<started>\d+)-")


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
        return [path for path in dead if remove(self.files, path)]


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
    before, table, inside = pids_in(files, own), process_table(), pids_in(files, own)
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
    probe = own / f"{own_prefix()}probe"
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


def _is_abandoned(name: str) -> bool:
    match = _NAME.match(name)
    if match is None:
        return False
    owner = process(int(match["pid"]))
    return owner is None or int(owner.started) != int(match["started"])
