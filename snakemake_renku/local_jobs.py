"""Jobs that Snakemake runs itself (``all``, ``localrules:``), seen through its log.

An executor never meets them. Our logger tells of each when it starts and ends; where that logger is
off, or a quiet run does not log ends, they are found in the graph of jobs when the run is over.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from snakemake_renku.backends.base import FilesHashed
from snakemake_renku.engine.main import Host
from snakemake_renku.engine.specs import job_spec
from snakemake_renku.journal import Event, JobFinished, JobSubmitted
from snakemake_renku.model import Failure, JobRecord, JobSpec, StepFiles
from snakemake_renku.observe import subscribe

_HASHING_S = 600.0
"""How long the end of a run waits for the digests of what local jobs made."""


class LocalJobs:
    """Records local jobs: ``write`` appends to the journal, ``hash_files`` asks for digests."""

    def __init__(
        self,
        run: str,
        host: Host,
        write: Callable[[Sequence[Event], bool], bool],
        hash_files: Callable[[int, JobSpec], None],
    ) -> None:
        self._run, self._host = run, host
        self._write, self._hash_files = write, hash_files
        self._tokens = itertools.count()
        self._started: dict[int, tuple[float, JobSpec, Any]] = {}
        self._done: set[Any] = set()
        self._waiting: dict[int, tuple[JobSpec, float, float]] = {}
        self._changed = threading.Condition(threading.RLock())
        self._over = False
        self._unsubscribe = subscribe(self._observe)

    def hashed(self, answer: FilesHashed) -> None:
        """Take the digests of a local job's files, and write its record."""
        with self._changed:
            waiting = self._waiting.pop(answer.token, None)
            if waiting is not None:
                spec, started, finished = waiting
                files = StepFiles(spec.steps[0].rule, answer.input, answer.output)
                record = _record(spec, started, finished, (files,))
                self._write([JobFinished(finished, record)], True)
            self._changed.notify_all()

    def ask_again(self) -> None:
        """Repeat open questions to a backend that was started anew."""
        with self._changed:
            for token, (spec, _, _) in self._waiting.items():
                self._hash_files(token, spec)

    def abandon(self) -> None:
        """Nobody answers any more: record what waits for digests without them."""
        with self._changed:
            for spec, started, finished in self._waiting.values():
                self._write([JobFinished(finished, _record(spec, started, finished, ()))], True)
            self._waiting.clear()
            self._changed.notify_all()

    def finish(self) -> None:
        """The run is over: record what the log did not tell, and wait for open digests."""
        self._unsubscribe()
        with self._changed:
            self._over = True
            for job in self._host.finished_local_jobs():
                self._end(job, time.time())
            self._changed.wait_for(lambda: not self._waiting, _HASHING_S)

    def _observe(self, record: logging.LogRecord) -> None:
        event = str(getattr(record, "event", ""))
        with self._changed:
            if self._over:
                return
            if event == "job_info" and getattr(record, "local", False):
                self._begin(self._host.local_job(record.jobid), record.created)  # type: ignore[attr-defined]
            elif event == "job_finished" and record.job_id in self._started:  # type: ignore[attr-defined]
                self._end(self._started[record.job_id][2], record.created)  # type: ignore[attr-defined]
            elif event == "job_error" and record.jobid in self._started:  # type: ignore[attr-defined]
                self._fail(record.jobid, record.created, record.getMessage())  # type: ignore[attr-defined]

    def _begin(self, job: Any, now: float) -> None:
        if job is None:
            return
        spec = job_spec(job, run=self._run, suffix="", mode="snakemake")
        self._started[job.jobid] = (now, spec, job)
        self._write([JobSubmitted(now, spec)], False)

    def _end(self, job: Any, now: float) -> None:
        if job in self._done:
            return
        self._done.add(job)
        if job.jobid not in self._started:
            self._begin(job, self._host.start_time(job) or now)
        started, spec, _ = self._started.pop(job.jobid)
        token = next(self._tokens)
        self._waiting[token] = (spec, started, now)
        self._hash_files(token, spec)

    def _fail(self, jobid: int, now: float, message: str) -> None:
        started, spec, _ = self._started.pop(jobid)
        record = _record(spec, started, now, (), Failure("error", message))
        self._write([JobFinished(now, record)], True)


def _record(
    spec: JobSpec,
    started: float,
    finished: float,
    steps: tuple[StepFiles, ...],
    failure: Failure | None = None,
) -> JobRecord:
    return JobRecord(
        id=spec.id,
        mode="snakemake",
        started=started,
        finished=finished,
        host=os.uname().nodename,
        pid=os.getpid(),
        steps=steps,
        failure=failure,
    )
