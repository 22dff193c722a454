"""The start of a replay: what it needs is put together here."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from snakemake_renku.backends.base import Backend
from snakemake_renku.backends.local import HOST, LocalBackend
from snakemake_renku.errors import ReplayError, WarmStartImpossible
from snakemake_renku.journal import (
    JobHistory,
    JournalWriter,
    Redactor,
    RunHistory,
    RunStarted,
    new_run_id,
)
from snakemake_renku.model import JobSpec
from snakemake_renku.replay.execute.executed import Event, Executed, Listener, Told
from snakemake_renku.replay.execute.images import Images
from snakemake_renku.replay.execute.info import info_in_clone, start_dir
from snakemake_renku.replay.execute.jobs import Jobs
from snakemake_renku.replay.execute.places import Places
from snakemake_renku.replay.execute.runner import Runner
from snakemake_renku.replay.execute.specs import tmpdir_here
from snakemake_renku.replay.execute.workspace import Workspace
from snakemake_renku.runner.wire import Configure

_REDACTED = re.compile(rb"\[redacted:([^\]\\]+)\]")

IMAGES = Path(".snakemake") / "singularity"
"""Where Snakemake is told to look for images, below the working directory."""


def execute(
    run: RunHistory,
    jobs: Sequence[JobHistory],
    clone: Path,
    *,
    cores: int,
    backend: str = "local",
    on_event: Listener | None = None,
) -> Mapping[str, Executed]:
    """Execute recorded ``jobs`` of ``run`` again; what became of each, by its recorded id.

    ``clone`` is the working directory inside a clean clone, at the same place of its repository as
    the recorded one was. What the jobs make is removed from it first. They run in the order of
    their files, as many at a time as ``cores`` allow; one whose parent failed is not started.
    ``on_event`` is called in this thread. A journal of the replay is written in ``clone``.

    Raises:
        ReplayError: the backend does not exist, or old outputs cannot be removed.
        RenkuError: the backend cannot be started, or the journal not be written.
    """
    if backend != "local":
        raise ReplayError(f"There is no backend {backend!r}.", remedy="There is: local.")
    return _Start(run, jobs, clone, cores, backend, on_event or _ignore).runner().run()


class _Start:
    def __init__(
        self,
        run: RunHistory,
        chosen: Sequence[JobHistory],
        clone: Path,
        cores: int,
        backend: str,
        listener: Listener,
    ) -> None:
        self._run, self._cores, self._listener = run, max(1, cores), listener
        self._name = new_run_id()
        self._places = Places(run.info.workdir, clone, _tmpdirs(chosen))
        self._workspace = Workspace(self._places)
        self._info = info_in_clone(
            run.info, self._places, run=self._name, cores=self._cores, backend=backend
        )
        images = Images(self._places, self._places.clone / IMAGES, self._say)
        self._jobs = Jobs(run, chosen, self._places, images, self._name)

    def runner(self) -> Runner:
        to_run = [job.spec for job in self._jobs.by_id.values() if job.problem is None]
        try:
            self._workspace.clear(to_run)
        except OSError as error:
            raise ReplayError(f"An old output in the clone cannot be removed: {error}.") from error
        journal = JournalWriter(self._places.clone, self._name, _redactor(self._run))
        journal.append([RunStarted(self._info.started, self._info)], sync=False)
        return Runner(
            self._jobs, self._workspace, self._opener(to_run), journal, self._listener, HOST
        )

    def _opener(self, to_run: Sequence[JobSpec]) -> Callable[[], Backend]:
        warm = any(spec.mode == "warm" for spec in to_run)
        snapshot, problem = self._snapshot(to_run) if warm else (None, None)
        configure = Configure(
            run=self._name,
            run_started=self._info.started,
            workdir=str(self._places.clone),
            cores=self._cores,
            # What a job may use was for the machine of the recorded run to say.
            enforce=False,
            cold=False,
            warm=warm,
            snapshot=snapshot,
            no_snapshot=problem,
        )
        return lambda: LocalBackend(configure)

    def _snapshot(self, to_run: Sequence[JobSpec]) -> tuple[bytes | None, str | None]:
        from snakemake_renku.engine.reopen import reopen

        cache = self._places.clone / ".snakemake" / "renku" / "sources"
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        try:
            snapshot = reopen(
                self._info,
                cores=self._cores,
                # More cores than in the recorded run must give no job more threads than it had.
                max_threads=self._run.info.cores,
                runtime_cache=cache,
                images=IMAGES,
                start_dir=start_dir(self._run.info, self._places),
                methods=_methods(to_run),
            )
            return snapshot.dump(), None
        except WarmStartImpossible as error:
            return None, error.message

    def _say(self, message: str) -> None:
        self._listener(Told(message))


def _ignore(event: Event) -> None:
    """Listen to nothing."""


def _tmpdirs(chosen: Sequence[JobHistory]) -> dict[str, str]:
    """Folders for temporary files that are not on this machine, with the one that is."""
    recorded = {job.spec.tmpdir for job in chosen if job.spec.tmpdir}
    here = {path: tmpdir_here(path) for path in recorded if os.path.isabs(path)}
    return {path: place for path, place in here.items() if place != path}


def _methods(to_run: Sequence[JobSpec]) -> set[str]:
    """The ways of deployment that the jobs themselves tell of (old journals list none)."""
    environments = [step.environment for spec in to_run for step in spec.steps]
    asked = {
        "apptainer": any(e.container for e in environments),
        "conda": any(e.conda for e in environments),
        "env-modules": any(e.modules for e in environments),
    }
    return {name for name, is_asked in asked.items() if is_asked}


def _redactor(run: RunHistory) -> Redactor:
    """Hides what the recorded run hid, as far as it is in the environment here."""
    try:
        names = {name.decode() for name in _REDACTED.findall(run.path.read_bytes())}
    except OSError:
        names = set()
    return Redactor({name: os.environ[name] for name in sorted(names) if name in os.environ})
