"""Talks to Slurm by its commands: the way that every cluster has."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from snakemake_renku.backends.slurm import parse
from snakemake_renku.backends.slurm.client import Cluster, Submission, TaskId, TaskState
from snakemake_renku.backends.slurm.complaints import (
    NO_SUCH_JOB,
    complaint,
    own_words,
    refusal,
    unavailable,
)
from snakemake_renku.backends.slurm.notation import ranges
from snakemake_renku.backends.slurm.options import options
from snakemake_renku.errors import (
    AccountingUnavailable,
    BackendError,
    BackendUnavailable,
    SlurmUnavailable,
    SubmissionRefused,
)

SUBMIT_S = 120.0
ASK_S = 60.0
"""How long a command may take, in seconds."""

ARGUMENTS_BYTES = 64 * 1024
"""How long one argument may be: half of what Linux takes (MAX_ARG_STRLEN)."""

OURS = ("SLURM_", "SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_", "SCONTROL_", "SRUN_", "SALLOC_")
"""Variables that change what a command does or prints, or that belong to a job around us."""

KEPT = frozenset(
    {
        *("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT"),
        *("SBATCH_ACCOUNT", "SBATCH_PARTITION", "SBATCH_QOS", "SBATCH_RESERVATION"),
        *("SBATCH_CONSTRAINT", "SBATCH_TIMELIMIT", "SBATCH_CLUSTERS"),
    }
)
"""Those that say where Slurm is, and the user's own defaults for jobs."""


class CommandsClient:
    """``sbatch``, ``squeue``, ``sacct``, ``scancel`` and ``scontrol`` of this host.

    All jobs of one client go to one cluster: this host's, or the one that the first job named
    with ``clusters``.
    """

    name = "commands"

    def __init__(self) -> None:
        self._cluster: str | None = None

    def submit(self, submission: Submission) -> int:
        """Submit; the job's number. After :class:`SlurmUnavailable` Slurm may have taken the job
        nevertheless: :meth:`tasks` tells."""
        cluster = self._cluster_for(submission.request.clusters)
        environment = {**clean(os.environ), **submission.environment}
        done = _run(
            ["sbatch", *_where(cluster), *options(submission)],
            "take a job",
            environment=environment,
            stdin=submission.script,
            seconds=SUBMIT_S,
        )
        if done.returncode != 0:
            raise refusal(done.stderr or done.stdout)
        number = done.stdout.strip().splitlines()[-1:] or [""]
        job, _, _ = number[0].partition(";")
        if not job.isdigit():
            raise BackendError(
                f"sbatch did not answer with the number of a job but with {done.stdout!r}.",
                remedy="See whether `sbatch` is a wrapper that does not know --parsable.",
            )
        self._cluster = cluster
        return int(job)

    def tasks(self, name: str) -> list[TaskState]:
        """All jobs of this user with this name that the controller still knows."""
        # Without --array, which forgets the last of 2-10:2 (Slurm 22.05).
        asked = ["squeue", *self._where(), "--noheader", "--all", "--states=all"]
        asked += [f"--user={os.getuid()}", f"--name={name}", f"--format={parse.SQUEUE_FORMAT}"]
        return parse.squeue(self._ask(asked, "list jobs"))

    def history(self, jobs: Sequence[int]) -> list[TaskState]:
        """What accounting knows of these jobs. It may lag behind the controller by seconds."""
        found: list[TaskState] = []
        for some in _chunks(str(job) for job in jobs):
            asked = ["sacct", *self._where(), "--noheader", "--parsable2", f"--jobs={some}"]
            asked += [f"--delimiter={parse.SEPARATOR}", f"--format={parse.SACCT_FORMAT}"]
            try:
                done = _run(asked, "tell of ended jobs")
            except SlurmUnavailable as error:
                raise _no_accounting(error.message) from error
            if done.returncode != 0 or (not done.stdout and "error:" in done.stderr):
                raise _no_accounting(own_words(done.stderr))
            found += parse.sacct(done.stdout)
        return found

    def describe(self, task: TaskId) -> TaskState | None:
        """What ``scontrol show job`` says. It does not say who cancelled a job; accounting does."""
        asked = ["scontrol", *self._where(), "--all", "--details", "show", "job", _written(task)]
        done = _run(asked, "show a job")
        if done.returncode != 0:
            if any(words in (done.stdout + done.stderr).lower() for words in NO_SUCH_JOB):
                return None
            raise complaint("show a job", done.stderr)
        job, index = task
        found = [state for state in parse.show_job(done.stdout) if state.job == job]
        exact = [state for state in found if state.task == index]
        if index is None and not exact:
            return next(iter(found), None)
        return next(iter(exact), None)

    def cancel(self, tasks: Sequence[TaskId]) -> None:
        """Cancel these; where all of an array is meant, its tasks need not be named."""
        if not tasks:
            return
        for some in _chunks(_together(tasks), " "):
            done = _run(["scancel", *self._where(), *some.split(" ")], "cancel jobs")
            left = [
                line
                for line in done.stderr.splitlines()
                if not any(words in line.lower() for words in NO_SUCH_JOB)
            ]
            if left:
                raise complaint("cancel jobs", "\n".join(left))

    def cluster(self) -> Cluster:
        """What ``scontrol show`` says of configuration, partitions and nodes."""
        show = ["scontrol", *self._where(), "--all", "show"]
        said = parse.show_config(self._ask([*show, "config"], "show its configuration"))
        return msgspec.structs.replace(
            said,
            partitions=parse.show_partitions(self._ask([*show, "partition"], "list partitions")),
            nodes=parse.show_nodes(self._ask([*show, "node"], "list nodes")),
        )

    def _ask(self, command: Sequence[str], doing: str) -> str:
        done = _run(command, doing)
        if done.returncode != 0:
            raise complaint(doing, done.stderr)
        return done.stdout

    def _where(self) -> list[str]:
        return _where(self._cluster)

    def _cluster_for(self, wanted: str | None) -> str | None:
        if wanted is None or wanted == self._cluster:
            return self._cluster
        if self._cluster is not None or "," in wanted:
            raise SubmissionRefused(
                f"A job asks for the cluster {wanted}, but those of one run go to one cluster"
                f"{f', {self._cluster}' if self._cluster else ''}.",
                remedy="Name one and the same cluster for all jobs, or leave `clusters` out.",
            )
        return wanted


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what would change the commands, or what belongs to a job around us."""
    return {
        name: value
        for name, value in environment.items()
        if name in KEPT or not name.startswith(OURS)
    }


def _where(cluster: str | None) -> list[str]:
    return [] if cluster is None else [f"--clusters={cluster}"]


def _written(task: TaskId) -> str:
    job, index = task
    return str(job) if index is None else f"{job}_{index}"


def _together(tasks: Iterable[TaskId]) -> list[str]:
    """``12``, ``13_[1-4,7]``: the tasks of each array as one word, or a few if there are many."""
    whole: list[int] = []
    parts: dict[int, list[int]] = {}
    for job, index in tasks:
        if index is None:
            whole.append(job)
        else:
            parts.setdefault(job, []).append(index)
    words = [str(job) for job in dict.fromkeys(whole)]
    for job, indices in parts.items():
        if job not in whole:
            words += [f"{job}_[{some}]" for some in _chunks(ranges(indices).split(","))]
    return words


def _chunks(words: Iterable[str], between: str = ",") -> Iterable[str]:
    """The words joined, in as many texts as the length of an argument demands."""
    some: list[str] = []
    size = 0
    for word in words:
        if some and size + len(word) > ARGUMENTS_BYTES:
            yield between.join(some)
            some, size = [], 0
        some.append(word)
        size += len(word) + 1
    if some:
        yield between.join(some)


def _run(
    command: Sequence[str],
    doing: str,
    *,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    seconds: float = ASK_S,
) -> subprocess.CompletedProcess[str]:
    if environment is None:
        environment = {**clean(os.environ), "LC_ALL": "C", "SLURM_BITSTR_LEN": "0"}
    try:
        return subprocess.run(
            command,
            input=stdin,
            env=environment,
            timeout=seconds,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is for us; a submission is to be completed
            check=False,
        )
    except FileNotFoundError as error:
        raise BackendUnavailable(
            f"{command[0]} is not on PATH.",
            remedy="Start Snakemake on a login node of the cluster, or use its REST daemon.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise unavailable(doing, f"no answer in {seconds:.0f} s") from error
    except OSError as error:  # no process, no memory
        raise unavailable(doing, str(error)) from error


def _no_accounting(words: str) -> AccountingUnavailable:
    return AccountingUnavailable(
        f"Slurm's accounting does not tell of ended jobs: {words.rstrip('.')}.",
        remedy="If this lasts, see whether `sacct` answers on this host.",
    )
