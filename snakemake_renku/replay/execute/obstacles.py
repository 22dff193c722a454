"""Why a recorded job cannot be executed in a clone, as far as can be told before it starts."""

from __future__ import annotations

import hashlib
import os
import shutil
from functools import cached_property

from snakemake_renku.journal import JobHistory, RunGraph, RunHistory
from snakemake_renku.model import JobSpec, Step
from snakemake_renku.replay.execute.places import Places
from snakemake_renku.replay.execute.specs import files_of, mode_of
from snakemake_renku.replay.execute.workspace import Workspace


class Obstacles:
    """Looks for them in the clone, once the outputs of all jobs are still as they were recorded."""

    def __init__(self, run: RunHistory, graph: RunGraph, places: Places) -> None:
        self._run, self._graph, self._places = run, graph, places
        self._workspace = Workspace(places)

    def of(self, job: JobHistory, chosen: frozenset[str]) -> str | None:
        """Why ``job`` cannot be executed; None if nothing is known to stand against it.

        ``chosen`` are the jobs of the replay. Reasons are worded to stand after the job's name.
        """
        spec = job.spec
        return (
            self._outputs(spec)
            or self._storage(spec)
            or self._update(job, chosen)
            or (self._snakemake(spec) if mode_of(spec) == "warm" else self._command(spec))
        )

    def _outputs(self, spec: JobSpec) -> str | None:
        for file in files_of(spec):
            if self._workspace.leads_out(file.path):
                return f"it writes to {file.path}, which is not within the repository"
        return None

    def _storage(self, spec: JobSpec) -> str | None:
        files = (f for step in spec.steps for f in (*step.input, *step.output, *step.log))
        found = next((file.path for file in files if "storage" in file.flags), None)
        if found is None:
            return None
        return f"network needed: {found} is kept in a storage that is not in the repository"

    def _update(self, job: JobHistory, chosen: frozenset[str]) -> str | None:
        """An output that a job changes must be as it was before, which the clone may not have."""
        for file in files_of(job.spec):
            if "update" not in file.flags or not os.path.lexists(self._places.absolute(file.path)):
                continue
            parents = self._graph.parents(job)
            if not any(_makes(p, file.path) and p.spec.id in chosen for p in parents):
                return f"it updates {file.path}, of which only the later content is recorded"
        return None

    def _command(self, spec: JobSpec) -> str | None:
        here = self._places.root
        if _is_plain(str(here)) or not self._places.named_in(spec.shell_command or ""):
            return None
        return (
            f"its command names the folder {self._places.workdir}, which cannot be replaced by"
            f" {here}: choose a folder without blanks and quotes"
        )

    # --- jobs that need the workflow itself -------------------------------------------------

    def _snakemake(self, spec: JobSpec) -> str | None:
        return (
            self._workflow
            or next(filter(None, map(self._code, spec.steps)), None)
            or self._environment(spec)
            or self._absolute_outputs(spec)
        )

    @cached_property
    def _workflow(self) -> str | None:
        """Whether the Snakefiles and configuration files are there."""
        info = self._run.info
        if "://" in info.snakefile and not info.snakefile.startswith("file://"):
            return f"network needed: the workflow {info.snakefile} is not in the repository"
        found = {source.path: source.digest for source in info.sources}
        # A journal of an older version may not list them.
        paths = dict.fromkeys((info.snakefile, *info.options.configfiles))
        for path, digest in (paths | found).items():
            problem = self._source(path, digest)
            if problem is not None:
                return problem
        return None

    def _code(self, step: Step) -> str | None:
        if step.kind in ("shell", "run", "none"):
            return None
        if step.script is None:
            return f"the code of its rule {step.rule} was not recorded"
        path = step.script.removeprefix("file:").removeprefix("//")
        if "://" in path or (step.kind == "wrapper" and not step.script.startswith("file:")):
            return f"network needed: its code {step.script} is not in the repository"
        if step.kind == "wrapper":
            return None  # a folder, whose file Snakemake finds
        return self._source(path, step.code_digest)

    def _source(self, path: str, digest: str | None) -> str | None:
        """A file of the workflow: one of the repository, or the very one that was used."""
        place = self._places.absolute(path)
        if self._places.is_inside(path):
            if place.is_file():
                return None
            detail = " (its content was not fetched)" if place.is_symlink() else ""
            return f"code not in git: {os.path.relpath(place, self._places.root)}{detail}"
        if digest is not None and _digest(str(place)) == digest:
            return None
        state = "is another one now" if place.is_file() else "is not on this machine"
        return f"code not in git: {path}, which {state}"

    def _environment(self, spec: JobSpec) -> str | None:
        conda = any(step.environment.conda is not None for step in spec.steps)
        if conda and shutil.which("conda") is None:
            return "its conda environment needs conda, which is not on this machine"
        return None

    def _absolute_outputs(self, spec: JobSpec) -> str | None:
        """Whether Snakemake would write to where the recorded run did, if that is still here."""
        for file in files_of(spec):
            if os.path.isabs(file.path) and self._names_recorded_folder:
                return (
                    f"the workflow names the folder of {file.path} by itself, and would write there"
                    " rather than into the clone"
                )
        return None

    @cached_property
    def _names_recorded_folder(self) -> bool:
        info = self._run.info
        if self._places.path(info.workdir) == info.workdir:
            return False
        paths = dict.fromkeys((info.snakefile, *(source.path for source in info.sources)))
        return any(self._places.named_in(_text(self._places.path(path))) for path in paths)


def _makes(job: JobHistory, path: str) -> bool:
    return any(file.path == path for file in files_of(job.spec))


def _is_plain(path: str) -> bool:
    """Whether a path means itself in a shell, whatever is written around it."""
    return all(c.isalnum() or c in "/._-+@%:," for c in path)


def _digest(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _text(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""
