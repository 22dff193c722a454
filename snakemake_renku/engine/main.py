"""The main process of Snakemake, as a session needs to see it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError, print_exception
from snakemake.logging import logger
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_renku.engine import facts
from snakemake_renku.engine.direct import DirectRules
from snakemake_renku.engine.snapshot import take_snapshot
from snakemake_renku.errors import RenkuError, WarmStartImpossible
from snakemake_renku.model import JobRecord, JobSpec, RunInfo, RunStatus
from snakemake_renku.runner.git_state import git_state
from snakemake_renku.runner.software import software
from snakemake_renku.runner.wire import Configure
from snakemake_renku.settings import Settings


class Host:
    """Wraps Snakemake's executor object, its workflow and scheduler."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self.workflow = executor.workflow
        self._info: dict[Any, SubmittedJobInfo] = {}
        self._local: dict[int, Any] = {}

    # --- at the start -----------------------------------------------------------------------

    def limit_cores(self) -> int:
        """How many cores the jobs may use together: ``--cores``, else ``--jobs``, else all.

        Makes ``threads:`` of a rule scale down to it, as with Snakemake's own executor.
        """
        settings = self.workflow.resource_settings
        wanted = settings.cores if settings.cores is not None else settings.nodes
        cores = wanted if wanted is not None and wanted < sys.maxsize else available_cores()
        self.workflow.global_resources["_cores"] = cores
        return max(1, int(cores))

    def run_info(self, *, run: str, started: float, backend: str, cores: int | None) -> RunInfo:
        """The head of the journal."""
        return facts.run_info(
            self.workflow,
            run=run,
            started=started,
            backend=backend,
            cores=cores,
            git=git_state(Path(self.workflow.main_snakefile).parent),
            software=software(),
        )

    def configure(
        self, settings: Settings, *, run: str, run_started: float, cores: int
    ) -> Configure:
        """What whoever runs the jobs must know of this run."""
        snapshot, problem = None, None
        try:
            snapshot = take_snapshot(self.workflow, cores).dump()
        except WarmStartImpossible as error:
            problem = error.message
        return Configure(
            run=run,
            run_started=run_started,
            workdir=str(Path.cwd()),
            cores=cores,
            enforce=settings.enforce,
            cold=settings.start == "cold",
            warm=settings.start == "warm" or self._some_need_snakemake(),
            snapshot=snapshot,
            no_snapshot=problem,
        )

    def stored_snapshot(self, cores: int) -> tuple[bytes | None, dict[str, str]]:
        """The workflow for jobs elsewhere, as bytes for a file; and variables with its secrets."""
        try:
            snapshot, variables = take_snapshot(self.workflow, cores).without_secrets()
            return snapshot.dump(), variables
        except WarmStartImpossible:
            return None, {}

    def _some_need_snakemake(self) -> bool:
        direct = DirectRules(self.workflow)
        rules = {job.rule for job in self.workflow.dag.needrun_jobs() if not job.is_local}
        return any(not direct.takes_rule(rule) for rule in rules)

    # --- telling Snakemake ------------------------------------------------------------------

    def announce(self, job: Any) -> None:
        """Have Snakemake print the job."""
        self._executor.run_job_pre(job)

    def submitted(self, job: Any, external_id: str) -> None:
        """Have Snakemake mark the job's output as incomplete from now on."""
        info = SubmittedJobInfo(job=job, external_jobid=external_id)
        self._info[job] = info
        self._executor.report_job_submission(info)

    def succeeded(self, job: Any) -> None:
        """The job ended well."""
        self._executor.report_job_success(self._info.pop(job))

    def failed(self, job: Any, spec: JobSpec, record: JobRecord, *, by_us: bool = True) -> None:
        """The job failed; says why where Snakemake's code in the job has not done so itself.

        ``by_us`` is whether one that was cancelled was so by this run.
        """
        info = self._info.pop(job, None) or SubmittedJobInfo(job=job)
        failure = record.failure
        assert failure is not None
        if failure.kind == "cancelled" and by_us:
            self._executor.workflow.scheduler.error_callback(job)
            return
        if record.mode == "direct" and failure.kind == "error":
            rule = job.rule
            _error(
                f'RuleException:\nCalledProcessError in file "{rule.snakefile}", line'
                f" {rule.lineno}:\n{failure.message}"
            )
        elif failure.kind not in _SAID_IN_THE_JOB or record.exit_code is None:
            _error(f"Job {spec.jobid} (rule {spec.rule}) failed: {failure.message}")
        self._executor.report_job_error(info, msg=_kind_message(record, spec))

    def failed_to_start(self, job: Any, error: Exception) -> None:
        """The job could not be prepared."""
        print_exception(error, self.workflow.linemaps)
        self._executor.report_job_error(self._info.pop(job, None) or SubmittedJobInfo(job=job))

    def abort(self, error: Exception) -> None:
        """Have Snakemake end the run because of an error that is not a job's."""
        if isinstance(error, RenkuError):
            error = self.workflow_error(error)
        self.workflow.scheduler.executor_error_callback(error)

    @staticmethod
    def warn(message: str) -> None:
        """Tell the user something."""
        logger.warning(message)

    @staticmethod
    def tell(message: str) -> None:
        """Tell the user what was done."""
        logger.info(message)

    @staticmethod
    def workflow_error(error: RenkuError) -> WorkflowError:
        """Our error in the class that Snakemake shows without a traceback."""
        return WorkflowError(str(error))

    # --- asking Snakemake -------------------------------------------------------------------

    def status(self, *, interrupted: bool) -> RunStatus:
        """How the run ended."""
        scheduler = self.workflow.scheduler
        if interrupted or scheduler is None or scheduler._user_kill:
            return "interrupted"
        return "failed" if scheduler._errors or scheduler._executor_error else "success"

    @staticmethod
    def missing_output(job: Any) -> list[str]:
        """Declared outputs of a job that are not there."""
        members: Iterable[Any] = job if job.is_group() else (job,)
        return [str(f) for j in members for f in j.output if not os.path.lexists(f)]

    def local_job(self, jobid: int) -> Any:
        """The job that Snakemake's log names by this number, or None if it is not a local one."""
        if jobid not in self._local:
            dag = self.workflow.dag
            self._local = {j.jobid: j for j in list(dag.jobs) if j.is_local}
        return self._local.get(jobid)

    def finished_local_jobs(self) -> list[Any]:
        """The jobs of local rules that were run to their end."""
        dag = self.workflow.dag
        return [j for j in list(dag.jobs) if j.is_local and dag.needrun(j) and dag.finished(j)]

    def is_unconfirmed(self, job: Any) -> bool:
        """Whether the job's output is there, or partly, but was never accepted as whole."""
        members: Iterable[Any] = job if job.is_group() else (job,)
        incomplete = self.workflow.persistence.incomplete
        return any(self.workflow.async_run(incomplete(j)) for j in members)

    def snakefile(self) -> Path | None:
        """The main Snakefile, where it is a file."""
        path = Path(self.workflow.main_snakefile)
        return path if path.is_file() else None

    def start_time(self, job: Any) -> float | None:
        """When Snakemake says that a finished job began, in seconds since the epoch."""
        for path in job.output:
            record = self.workflow.persistence.metadata(path)
            if record is not None and record.starttime is not None:
                return float(record.starttime)
        return None


def available_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_SAID_IN_THE_JOB = ("error", "missing_output")
"""Kinds of failure of which Snakemake's code in the job has told the user."""


def _kind_message(record: JobRecord, spec: JobSpec) -> str | None:
    failure = record.failure
    if failure is None or failure.kind == "error":
        return None
    return f"{failure.kind}: see `snakemake-renku show {spec.id}`"


def _error(message: str) -> None:
    logger.error(message, extra={"event": LogEvent.ERROR})
