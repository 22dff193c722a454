"""One job of a batch, run where a cluster's scheduler put it.

``python -m snakemake_renku.runner.task FOLDER BATCH``: the job's number in the batch is the index
of the Slurm array task that this is, and 1 for a job of its own. The job runs under a supervisor in
this process, so a shell job costs no Snakemake, and any other job one start of it. What became of
it is written to FOLDER (:mod:`snakemake_renku.runner.spool`); the exit status is that of the job.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from snakemake_renku.model import Failure, JobRecord, JobSpec
from snakemake_renku.runner import spool
from snakemake_renku.runner.node import node_cache, node_name
from snakemake_renku.runner.oom import oom_kills
from snakemake_renku.runner.supervise import Supervisor
from snakemake_renku.runner.supervisor import adopt_orphans
from snakemake_renku.runner.wire import Close, Configure, Finished, News, Output, Submit, Told

CANNOT_RECORD = 74
"""Exit status where the job's end could not be written (``EX_IOERR`` of sysexits.h)."""

CANNOT_START = 72
"""Exit status where the files of the run cannot be read (``EX_OSFILE``)."""

_WRITE_FOR_S = 600.0
"""How long it is tried to write the end of a job, in seconds: its work is worth the wait."""

_BEGIN_FOR_S = 120.0
"""How long it is tried to write that a job begins, in seconds."""

_TMP = ("TMPDIR", "TMP", "TEMP", "TEMPDIR")


class Task:
    """Runs one job, and keeps what its supervisor says of it."""

    def __init__(self, run: spool.TaskRun, spec: JobSpec, folder: Path) -> None:
        self._run, self._spec, self._folder = run, spec, folder
        self._told: list[str] = []
        self._record: JobRecord | None = None
        self._kills = oom_kills()

    def run(self) -> spool.Ended:
        """Run the job to its end."""
        supervisor = Supervisor(self._hear)
        supervisor.obey(self._settings())
        supervisor.obey(Submit((self._spec,)))
        supervisor.obey(Close())
        supervisor.serve()
        assert self._record is not None
        return spool.Ended(self._with_place(self._record), tuple(self._told))

    def _settings(self) -> Configure:
        snapshot, problem = None, self._run.no_snapshot
        if self._spec.mode != "direct" and problem is None:
            try:
                snapshot = (self._folder / spool.WORKFLOW).read_bytes()
            except OSError as error:
                problem = f"{self._folder / spool.WORKFLOW} cannot be read ({error.strerror})"
        return Configure(
            run=self._run.run,
            run_started=self._run.run_started,
            workdir=self._run.workdir,
            cores=max(1, self._spec.threads),
            enforce=True,
            cold=True,
            warm=False,
            snapshot=snapshot,
            no_snapshot=problem,
            digests=node_cache(),
            kernel_limits=False,
        )

    def _hear(self, news: News) -> None:
        match news:
            case Output():
                _print(news.stream, news.data)
            case Told():
                self._told.append(news.message)
                _print(2, f"{news.message}\n".encode())
            case Finished():
                self._record = news.record

    def _with_place(self, record: JobRecord) -> JobRecord:
        """With the node's name as Slurm has it, and the kernel's word on a lack of memory."""
        record = msgspec.structs.replace(record, host=node_name())
        failure = record.failure
        if failure is None or failure.kind != "error":
            return record
        kills = oom_kills()
        if self._kills is None or kills is None or kills <= self._kills:
            return record
        peak = "" if record.usage is None else f" (its peak was {record.usage.max_rss >> 20} MiB)"
        asked = self._spec.resources.get("mem_mb")
        message = (
            f"The job was out of memory{peak}: the kernel killed a process of it"
            f" (mem_mb={asked if asked is not None else 'not given'});"
            " raise mem_mb (or let it grow with attempt)."
        )
        killed = Failure("out_of_memory", message, failure.exit_code, failure.signal)
        return msgspec.structs.replace(record, failure=killed, exceeded=("mem_mb",))


def clear_leftovers(spec: JobSpec) -> None:
    """Remove what an earlier run of the same task left, when Slurm has requeued it.

    As Snakemake does before a job; jobs that need Snakemake do it by themselves.
    """
    if spec.mode != "direct":
        return
    for path in (file.path for step in spec.steps for file in step.output):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)


def own_tmpdir(scratch: str | None) -> str | None:
    """Point ``TMPDIR`` to where this node has one; the folder that is to be removed afterwards.

    Raises:
        OSError: the folder below ``scratch`` cannot be made.
    """
    if scratch is not None:
        parent = os.path.expandvars(scratch)
        os.makedirs(parent, exist_ok=True)
        made = tempfile.mkdtemp(prefix="renku-", dir=parent)
        os.environ.update(dict.fromkeys(_TMP, made))
        return made
    for name in _TMP:
        # That of the submitting machine need not be here.
        if name in os.environ and not os.path.isdir(os.environ[name]):
            del os.environ[name]
    return None


def _print(stream: int, data: bytes) -> None:
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(stream, rest) :]
    except OSError:
        pass  # a full disk must not cost the job its record; its last lines are in there


def put_patiently(path: Path, value: msgspec.Struct, seconds: float) -> None:
    """Write a structure, and try so long where that fails, as on a disk that is full.

    Raises:
        OSError: it could not be written in that time.
    """
    last = time.monotonic() + seconds
    while True:
        try:
            return spool.put_struct(path, value)
        except OSError:
            if time.monotonic() > last:
                raise
            time.sleep(2)


def run_task(folder: Path, batch: str, number: int) -> int:
    """Run a job of a batch; the exit status."""
    place = folder / batch
    run = spool.get_struct(folder / spool.RUN, spool.TaskRun)
    if run is None:
        _print(2, f"{folder / spool.RUN} cannot be read on {node_name()}.\n".encode())
        return CANNOT_START
    ended = place / f"{number}{spool.ENDED}"
    try:
        os.chdir(run.workdir)
        spec = spool.get_task(place / spool.TASKS, number)
        before = spool.get_struct(place / f"{number}{spool.BEGUN}", spool.Begun)
        restarts = 0 if before is None else before.restarts + 1
        if restarts:
            ended.unlink(missing_ok=True)
            clear_leftovers(spec)
        begun = spool.Begun(node_name(), os.getpid(), time.time(), _job_id(), restarts)
        put_patiently(place / f"{number}{spool.BEGUN}", begun, _BEGIN_FOR_S)
        scratch = own_tmpdir(run.scratch)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        _print(2, f"The job cannot be started on {node_name()}: {error}\n".encode())
        return CANNOT_START
    try:
        end = Task(run, spec, folder).run()
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    try:
        put_patiently(ended, end, _WRITE_FOR_S)
    except OSError as error:
        _print(2, f"The end of the job cannot be written to {ended}: {error}\n".encode())
        return CANNOT_RECORD
    record = end.record
    if record.ok:
        return 0
    return record.exit_code or (128 + record.signal if record.signal else 1)


def _job_id() -> str:
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    return array or os.environ.get("SLURM_JOB_ID", "")


def main() -> None:
    """Run the job that this process was started for."""
    adopt_orphans()
    number = int(os.environ.get("SLURM_ARRAY_TASK_ID") or 1)
    code = run_task(Path(sys.argv[1]), sys.argv[2], number)
    # No destructors, no exit handlers: there is nothing left to save.
    os._exit(code)


if __name__ == "__main__":
    main()
