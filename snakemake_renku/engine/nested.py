"""A workflow parsed once, in which single jobs are run by Snakemake's own code.

This is what Snakemake calls a spawned job: the same steps as ``snakemake --mode remote
--target-jobs …``, without the command line, and with four differences that make the main process
see what it would see had it run the job itself:

- ``retries:`` of a rule are not honoured here, but by the main process alone;
- the main process's markers and metadata of the job's output are left alone (it keeps the start
  time in them);
- backups of ``update()`` outputs are made here, but restored or dropped by the main process;
- only what the job's own failure has to say is printed, once.
"""

from __future__ import annotations

import importlib
import logging
import os
import platform
import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import snakemake.benchmark
import snakemake.executors.local
import snakemake.notebook
import snakemake.scheduling.greedy
import snakemake.script
import snakemake.wrapper
from snakemake.api import SnakemakeApi
from snakemake.exceptions import print_exception
from snakemake.logging import logger
from snakemake.persistence import FileBackupMixin, PersistenceBase
from snakemake.resources import Resources
from snakemake.settings.types import (
    DAGSettings,
    ExecutionSettings,
    GroupSettings,
    OutputSettings,
    SchedulingSettings,
)
from snakemake.workflow import Workflow
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry
from snakemake_interface_executor_plugins.settings import ExecMode
from snakemake_interface_executor_plugins.utils import TargetSpec
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_scheduler_plugins.registry import SchedulerPluginRegistry

from snakemake_renku.engine.snapshot import WorkflowSnapshot
from snakemake_renku.engine.sources import source_files
from snakemake_renku.errors import WarmStartImpossible


@dataclass(frozen=True)
class Target:
    """A job for :meth:`NestedWorkflow.run`: rules with wildcards (several: a group)."""

    jobs: tuple[tuple[str, Mapping[str, str]], ...]
    attempt: int
    cores: int
    group_id: str | None = None
    unneeded_temp_files: tuple[str, ...] = ()
    overrides: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a job ended: ``exit_code`` or ``signal`` are those of its command where it had one."""

    ok: bool
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None
    missing_output: bool = False
    """Whether the command ended well, but without making what it should."""


class NestedWorkflow:
    """Parses a workflow at construction; :meth:`run` then runs one job and may be called once.

    To run many jobs, fork first: each fork has the parsed workflow.

    Raises:
        WorkflowError: the workflow does not parse (Snakemake's own error).
    """

    def __init__(self, snapshot: WorkflowSnapshot) -> None:
        os.chdir(snapshot.start_dir)
        self._snapshot = snapshot
        self._errors = _ErrorHandler()
        self._api = SnakemakeApi(
            OutputSettings(
                nocolor=True,
                enable_file_logging=False,
                skip_plugin_handlers=True,
                benchmark_extended=snapshot.settings["benchmark_extended"],
            )
        ).__enter__()
        _use_handler(self._errors)
        self._workflow_api = self._api.workflow(
            resource_settings=snapshot.resource_settings(),
            config_settings=snapshot.settings["config_settings"],
            storage_settings=_storage_settings(snapshot),
            workflow_settings=replace(
                snapshot.settings["workflow_settings"],
                exec_mode=ExecMode.REMOTE,
                runtime_source_cache_path=Path(snapshot.runtime_cache),
            ),
            deployment_settings=replace(
                snapshot.settings["deployment_settings"],
                conda_base_path=snapshot.conda_base,
            ),
            storage_provider_settings=snapshot.settings["storage_provider_settings"],
            snakefile=_snakefile(snapshot.snakefile),
            workdir=None if snapshot.workdir is None else Path(snapshot.workdir),
        )
        self.workflow = self._workflow_api._workflow
        for rule in self.workflow.rules:
            rule.restart_times = 0
        _leave_persistence_to_the_main_process()

    def get_ready_to_fork(self) -> None:
        """Do now what each job would otherwise do anew: collect plugins, import what it uses."""
        ExecutorPluginRegistry()
        SchedulerPluginRegistry()
        rules = list(self.workflow.rules)
        if any(rule.is_script or rule.is_notebook or rule.is_wrapper for rule in rules):
            importlib.import_module("nbformat")
        importlib.import_module("graphlib")
        platform.platform()  # asks another program, once a process

    def check_forkable(self) -> None:
        """Make sure that a fork of this process can go on alone.

        Raises:
            WarmStartImpossible: parsing the workflow left threads behind.
        """
        others = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
        if others:
            raise WarmStartImpossible(f"the Snakefile starts threads ({', '.join(others)})")
        if self.workflow._async_runners:
            raise WarmStartImpossible("the Snakefile runs asynchronous code while it is read")

    def sources(self) -> tuple[str, ...]:
        """The local files that were read to parse the workflow."""
        return source_files(self.workflow)

    def run(self, target: Target) -> Outcome:
        """Run one job here and now, in this process and its children."""
        workflow = self.workflow
        workflow.resource_settings.cores = target.cores
        workflow.global_resources["_cores"] = target.cores
        workflow.storage_settings.unneeded_temp_files = frozenset(target.unneeded_temp_files)
        if target.overrides:
            for name, _ in target.jobs:
                workflow.get_rule(name).resources.update(
                    Resources.from_mapping(dict(target.overrides))
                )
        try:
            dag = self._workflow_api.dag(self._dag_settings(target))
            dag.execute_workflow(
                executor="local",
                execution_settings=self._execution_settings(target),
                remote_execution_settings=self._snapshot.settings["remote_execution_settings"],
                scheduling_settings=SchedulingSettings(scheduler="greedy"),
                scheduler_settings=snakemake.scheduling.greedy.SchedulerSettings(),
                group_settings=self._group_settings(target),
            )
        except KeyboardInterrupt:
            return Outcome(False, "interrupted")
        except BaseException as error:
            return self._failed(error)
        return Outcome(True)

    def _failed(self, error: BaseException) -> Outcome:
        if not self._errors.messages:
            print_exception(error, self.workflow.linemaps)
        message = "\n".join(self._errors.messages)
        code, signal = exit_of(message)
        return Outcome(False, message, code, signal, _MISSING in message)

    def _dag_settings(self, target: Target) -> DAGSettings:
        return DAGSettings(
            target_jobs=[TargetSpec(rule, dict(wildcards)) for rule, wildcards in target.jobs],
            allowed_rules=frozenset(rule for rule, _ in target.jobs),
            target_files_omit_workdir_adjustment=True,
            forcetargets=True,
            max_inventory_wait_time=0,
            rerun_triggers=self._snapshot.settings["rerun_triggers"],
        )

    def _execution_settings(self, target: Target) -> ExecutionSettings:
        return replace(
            self._snapshot.settings["execution_settings"],
            lock=False,
            ignore_incomplete=True,
            no_hooks=True,
            retries=0,
            attempt=target.attempt,
            use_threads=target.group_id is None,
            keep_going=False,
            wait_for_files=(),
        )

    def _group_settings(self, target: Target) -> GroupSettings:
        settings: GroupSettings = self._snapshot.settings["group_settings"]
        if target.group_id is None:
            return settings
        return replace(settings, local_groupid=target.group_id)


_MISSING = "completed successfully, but some output files are missing"
_EXIT = re.compile(r"returned non-zero exit status (\d+)")
_SIGNAL = re.compile(r"died with <Signals\.\w+: (\d+)>|died with unknown signal (\d+)")


def exit_of(message: str) -> tuple[int | None, int | None]:
    """The exit code and the signal in the words of ``subprocess.CalledProcessError``."""
    if found := _EXIT.search(message):
        return int(found[1]), None
    if found := _SIGNAL.search(message):
        return None, int(found[1] or found[2])
    return None, None


class _ErrorHandler(logging.Handler):
    """Keeps and prints errors and warnings of a job, but not Snakemake's words about the run."""

    _ABOUT_THE_RUN = (
        "Exiting because a job execution failed",
        "At least one job did not complete",
    )

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        text = record.getMessage()
        if event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR, LogEvent.RUN_INFO) or any(
            words in text for words in self._ABOUT_THE_RUN
        ):
            return
        if record.levelno >= logging.ERROR:
            self.messages.append(text)
        print(text, file=sys.stderr, flush=True)


def _use_handler(handler: logging.Handler) -> None:
    for other in list(logger.handlers):
        logger.removeHandler(other)
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)


def _storage_settings(snapshot: WorkflowSnapshot) -> Any:
    settings = snapshot.settings["storage_settings"]
    return replace(settings, local_storage_prefix=settings.remote_job_local_storage_prefix)


def _snakefile(name: str) -> Path | str:
    path = Path(name)
    return path if path.exists() else name


def _leave_persistence_to_the_main_process() -> None:
    """Make this process leave the main process's notes about outputs alone (see the module).

    These are replacements in classes of Snakemake, in a process that does nothing but run jobs for
    a main process that keeps these notes itself.
    """

    async def nothing_to_finish(self: Any, job: Any) -> None:
        return None

    def nothing(self: Any, *args: Any, **kwargs: Any) -> None:
        return None

    def restored_later(self: Any, path: Path) -> bool:
        return True

    # The head of a log that nobody reads; it asks several other programs.
    Workflow.info_header = {}
    PersistenceBase.finished = nothing_to_finish
    PersistenceBase.started = nothing
    PersistenceBase.cleanup = nothing
    FileBackupMixin.restore_output = restored_later
    FileBackupMixin.cleanup_backup = nothing
