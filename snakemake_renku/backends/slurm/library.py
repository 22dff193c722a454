"""Slurm through pyslurm (the extra ``pyslurm``, under GPL-2.0), which must be of Slurm's version.

pyslurm is imported here and nowhere else, and only after another process has tried it: where
Slurm's library finds no configuration, or not its own version, it ends the whole process.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from snakemake_renku.backends.slurm import library_data
from snakemake_renku.backends.slurm.client import Cluster, Submission, TaskId, TaskState
from snakemake_renku.backends.slurm.complaints import refusal
from snakemake_renku.backends.slurm.rest_jobs import array_ids
from snakemake_renku.errors import (
    AccountingUnavailable,
    BackendError,
    BackendUnavailable,
    SlurmUnavailable,
)

_T = TypeVar("_T")

_NO_SUCH_JOB = 2017
_ALREADY_OVER = 2021
_BUSY = frozenset({errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT, errno.ECONNREFUSED, 2009})
_COMMUNICATION = (range(1000, 1100), range(1800, 1900), range(5000, 5100), range(7000, 7100))

_PROBE = "import pyslurm as p; print(p.__version__, p.slurmctld.Config.load().version)"
_REMEDY = (
    "Install the one that belongs to the cluster's Slurm (pip install 'pyslurm==YY.MM.*', where"
    " Slurm's headers are), or use another client: --renku-slurm-client commands, or rest."
)


class PyslurmClient:
    """Talks to the cluster of this machine's ``slurm.conf`` through Slurm's own library.

    ``any_version`` permits a pyslurm of another version than the cluster's Slurm, which may crash.

    Raises:
        BackendUnavailable: pyslurm is not here, does not work, or is of another version.
        SlurmUnavailable: the controller does not answer now.
    """

    name = "pyslurm"

    def __init__(self, *, any_version: bool = False) -> None:
        # Else names of waiting tasks are cut off after 64 characters; the library reads it once.
        os.environ.setdefault("SLURM_BITSTR_LEN", "0")
        ours, clusters = _probe()
        if not any_version and _release(ours) != _release(clusters):
            raise BackendUnavailable(
                f"pyslurm {ours} is not made for this cluster's Slurm {clusters}.", remedy=_REMEDY
            )
        self._lock = threading.Lock()
        self._pyslurm = _import()
        self._library = _library()

    def submit(self, submission: Submission) -> int:
        """Submit; the job's number."""
        wanted = library_data.description(submission)
        try:
            return int(self._call(lambda: self._pyslurm.JobSubmitDescription(**wanted).submit()))
        except SlurmUnavailable:
            raise
        except (BackendError, ValueError, TypeError, AttributeError) as error:
            words = error.message if isinstance(error, BackendError) else str(error)
            raise refusal(words) from error

    def tasks(self, name: str) -> list[TaskState]:
        """All of this user's jobs with this name that the controller still knows."""
        user = os.getuid()
        jobs = self._call(lambda: list(self._pyslurm.Jobs.load().values()))
        ours = (job for job in jobs if job.name == name and job.user_id == user)
        return [state for job in ours for state in library_data.standing(job)]

    def history(self, jobs: Sequence[int]) -> list[TaskState]:
        """What accounting knows of these jobs and their steps."""
        if not jobs:
            return []  # no filter would mean all
        db = self._pyslurm.db
        try:
            found = self._call(lambda: list(db.Jobs.load(db.JobFilter(ids=list(jobs))).values()))
        except BackendError as error:
            raise AccountingUnavailable(
                f"Slurm does not tell of ended jobs: {error.message}",
                remedy="Does the cluster have accounting (slurmdbd), and is it running?",
            ) from error
        return [state for job in found for state in library_data.stored(job)]

    def describe(self, task: TaskId) -> TaskState | None:
        """All that the controller knows of one job or task, or None if it has forgotten it."""
        job, _ = task
        records = self._call(lambda: list(self._pyslurm.Jobs.load().values()))
        ours = (each for each in records if job in (each.id, each.array_id))
        states = [state for each in ours for state in library_data.standing(each)]
        found = (state for state in states if (state.job, state.task) == task)
        return next(found, states[0] if states and task[1] is None else None)

    def cancel(self, tasks: Sequence[TaskId]) -> None:
        """Cancel these; those that have ended are passed over."""
        # pyslurm itself takes plain numbers only, and that of an array's last task is the array's.
        for each in array_ids(tasks):
            self._call(functools.partial(self._kill, each))

    def _kill(self, job: str) -> None:
        ctypes.set_errno(0)
        if self._library.slurm_kill_job2(job.encode(), 9, 0, None) == 0:
            return
        number = ctypes.get_errno()
        if number not in (_NO_SUCH_JOB, _ALREADY_OVER):
            raise self._pyslurm.RPCError(number)

    def cluster(self) -> Cluster:
        """What the cluster says of itself."""
        pyslurm = self._pyslurm
        return library_data.cluster(
            self._call(pyslurm.slurmctld.Config.load),
            self._call(lambda: list(pyslurm.Partitions.load().values())),
            self._call(lambda: list(pyslurm.Nodes.load().values())),
        )

    def _call(self, function: Callable[[], _T]) -> _T:
        try:
            with self._lock:
                return function()
        except self._pyslurm.RPCError as error:
            number = getattr(error, "errno", None)
            words = f"{str(error) or 'Slurm gives no reason'}."
            if number in _BUSY or any(number in numbers for numbers in _COMMUNICATION):
                raise SlurmUnavailable(
                    f"The Slurm controller does not answer: {words}",
                    remedy="If this lasts, see whether `scontrol ping` answers on this host.",
                ) from error
            raise BackendError(words, remedy="Ask the cluster's staff if it lasts.") from error


def _probe() -> tuple[str, str]:
    """The versions of pyslurm and of the cluster's Slurm, found out in a process of its own."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _PROBE], capture_output=True, text=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        raise SlurmUnavailable("The Slurm controller does not answer pyslurm.") from None
    words = done.stdout.split()
    if done.returncode == 0 and len(words) == 2:
        return words[0], words[1]
    if "No module named 'pyslurm'" in done.stderr:
        raise BackendUnavailable("pyslurm is not installed.", remedy=_REMEDY)
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    if "RPCError" in last:
        raise SlurmUnavailable(f"The Slurm controller does not answer pyslurm: {last}.")
    raise BackendUnavailable(f"pyslurm does not work here: {last}.", remedy=_REMEDY)


def _release(version: str) -> list[str]:
    return version.split(".")[:2]


def _import() -> Any:
    import pyslurm  # type: ignore[import-not-found, unused-ignore]
    import pyslurm.db  # type: ignore[import-not-found, unused-ignore]

    return pyslurm


def _library() -> ctypes.CDLL:
    """The very library that pyslurm has loaded."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.partition("/")[2]
        if path.rpartition("/")[2].startswith("libslurm"):
            return ctypes.CDLL(f"/{path}", use_errno=True)
    raise BackendUnavailable("pyslurm is here, but not Slurm's library.", remedy=_REMEDY)
