"""The executor ``--executor renku``.

Snakemake imports this module at every start, for every user, so it imports nothing of weight
itself; the work is in :mod:`snakemake_renku.session`.
"""

# No annotations from the future here: Snakemake makes options of the settings' types.
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, List, Optional  # noqa: UP035

from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.settings import (
    CommonSettings,
    ExecMode,
    ExecutorSettingsBase,
)

if TYPE_CHECKING:
    from snakemake_renku.session import Session

__all__ = ["Executor", "ExecutorSettings", "common_settings"]


@dataclass
class ExecutorSettings(ExecutorSettingsBase):  # type: ignore[misc]
    """What the command line may set."""

    backend: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "Where jobs run: local (this machine), slurm (each as a Slurm job or a task of "
            "an array), slurm-pool (short ones on warm workers in Slurm), dask (on the workers of "
            'a dask cluster). Default: local. A rule may say `resources: backend="local"`.'
        },
    )
    start: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "How jobs are started: auto (the cheapest way that serves each), warm (by a "
            "fork of a server that has parsed the workflow), cold (each by a start of its own). "
            "Default: auto."
        },
    )
    enforce: bool = field(
        default=False,
        metadata={
            "help": "Stop a job that goes beyond its mem_mb or runtime, as a cluster would. "
            "Without this, it is told of and recorded."
        },
    )
    record: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "Record what ran in the git repository when the run ends: datalad (one commit "
            "for each job, which `datalad rerun` can execute) or none. Default: none; "
            "`snakemake-renku record` does the same afterwards."
        },
    )
    detach: bool = field(
        default=False,
        metadata={
            "help": "When interrupted (Ctrl-C), leave the jobs on Slurm running; the next "
            "Snakemake here takes them up again. Without this, they are cancelled."
        },
    )
    escalate: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "Repeat a job that had too little memory or time with this many times as much, "
            "within the limits of the partition or machine, without using up its retries: a "
            "factor for both (2), or for each (mem_mb=2,runtime=1.5). Default: do not."
        },
    )
    slurm_client: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "How to talk with Slurm: auto, commands (sbatch, squeue, ...), pyslurm, rest "
            "(slurmrestd, for which renku.toml has rest_url, and SLURM_JWT the token). "
            "Default: auto."
        },
    )
    dask: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={
            "help": "The cluster of backend dask: local (workers on this machine), the address of "
            "a scheduler (tcp://...), or gateway:URL. Default: local."
        },
    )
    dask_workers: Optional[int] = field(  # noqa: UP045
        default=None,
        metadata={"help": "How many workers at most, where the dask cluster is made here."},
    )


common_settings = CommonSettings(
    # Jobs of local rules go to Snakemake itself, as with every executor that may be remote.
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)


class Executor(RealExecutor):  # type: ignore[misc]
    """Hands Snakemake's jobs to a session, which runs and records them."""

    _session: "Session | None" = None

    def __post_init__(self) -> None:
        # A run with nothing to do makes an executor too, but never ends it.
        if len(self.workflow.dag):
            from snakemake_renku.session import open_session

            self._session = open_session(self)

    def run_jobs(self, jobs: List[Any]) -> None:  # noqa: UP006
        """Take jobs that are ready now."""
        assert self._session is not None
        self._session.submit(jobs)

    def run_job(self, job: Any) -> None:
        """Take one job."""
        self.run_jobs([job])

    def handle_job_success(self, job: Any) -> None:
        """Snakemake accepts what the job left."""
        assert self._session is not None
        self._session.accepted(job)

    def handle_job_error(self, job: Any) -> None:
        """The job failed, or Snakemake does not accept what it left."""
        assert self._session is not None
        self._session.rejected(job)

    def cancel(self) -> None:
        """End all jobs now."""
        if self._session is not None:
            self._session.cancel()

    def shutdown(self) -> None:
        """All is done: close the journal, and record the run in git if that is wanted."""
        if self._session is not None:
            self._session.close()
            self._session.record()

    @property
    def cores(self) -> Any:
        """What Snakemake may tell to a job that it starts by itself."""
        return self.workflow.resource_settings.cores or "all"

    def get_exec_mode(self) -> ExecMode:
        """How Snakemake behaves inside a job."""
        return ExecMode.REMOTE

    def get_python_executable(self) -> str:
        """The interpreter for a job that Snakemake starts by itself."""
        import sys

        return sys.executable
