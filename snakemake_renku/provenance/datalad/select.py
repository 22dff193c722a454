"""Which jobs of a run are recorded, and with which files."""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from snakemake_renku.errors import DigestError
from snakemake_renku.journal import JobHistory, RunGraph, outputs
from snakemake_renku.model import FileRef, FileSpec
from snakemake_renku.provenance.datalad.folders import look_into
from snakemake_renku.provenance.datalad.other_runs import OtherRuns
from snakemake_renku.provenance.datalad.places import Places
from snakemake_renku.runner.digest import digest_paths


@dataclass(frozen=True, slots=True)
class ChosenFile:
    """A file to be committed: ``path`` is relative to the repository's root."""

    path: str
    digest: str | None
    size: int | None
    mtime: float | None
    is_benchmark: bool = False


@dataclass(slots=True)
class ChosenJob:
    """A job to be recorded, with its files.

    ``gone`` holds the paths (as the run names them) of ``temp()`` outputs that are no longer there;
    ``left_out`` what else is not recorded, with the reason.
    """

    job: JobHistory
    files: list[ChosenFile] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Changed:
    """An output that is no longer as its job left it; ``found`` is None if it is not there."""

    path: str
    job: str
    expected: str | None
    found: str | None


@dataclass(slots=True)
class Selection:
    """All that is to be recorded of a run, and what stands in the way.

    ``unknown`` are outputs (as the run names them) that git will not know of at all.
    """

    jobs: list[ChosenJob]
    changed: list[Changed] = field(default_factory=list)
    missing: list[Changed] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)


def select(
    graph: RunGraph, places: Places, others: OtherRuns, ignored: set[str], *, dataset: bool
) -> Selection:
    """Choose the good jobs of a run that do something, and what of their files can be recorded.

    Contents are read here only where the choice depends on them; they are checked again when they
    are committed. ``ignored`` are paths (relative to the repository's root) that git ignores;
    ``dataset`` says that the repository is a DataLad dataset.
    """
    return _Selector(graph, places, others, ignored, dataset).run()


def recordable_jobs(graph: RunGraph) -> Iterator[JobHistory]:
    """The good jobs that have a command: target rules have none."""
    return (job for job in graph.jobs if any(step.kind != "none" for step in job.spec.steps))


def declared(job: JobHistory) -> dict[str, FileSpec]:
    """The outputs of a job as its rule declares them, by path."""
    return {file.path: file for step in job.spec.steps for file in step.output}


class _Selector:
    def __init__(
        self,
        graph: RunGraph,
        places: Places,
        others: OtherRuns,
        ignored: set[str],
        dataset: bool,
    ) -> None:
        self._graph, self._places, self._dataset = graph, places, dataset
        self._others, self._ignored = others, ignored
        self._last_makers = {graph.path(ref): job for job in graph.jobs for ref in outputs(job)}
        self._result = Selection([])

    def run(self) -> Selection:
        for job in recordable_jobs(self._graph):
            chosen = ChosenJob(job, gone=list(self._gone(job)))
            flags = {path: file.flags for path, file in declared(job).items()}
            for ref in outputs(job):
                self._choose(chosen, ref, flags.get(ref.path, ()))
            self._result.jobs.append(chosen)
        return self._result

    def _gone(self, job: JobHistory) -> Iterator[str]:
        """The job's ``temp()`` outputs that are no longer there (of a group, some never seen)."""
        for path, file in declared(job).items():
            is_file = "temp" in file.flags and not {"pipe", "service"} & set(file.flags)
            if is_file and not os.path.lexists(self._places.here(path)):
                yield path

    def _choose(self, chosen: ChosenJob, ref: FileRef, flags: Sequence[str]) -> None:
        if ref.kind not in ("file", "directory"):
            return
        inside = self._places.inside(ref.path)
        present = os.path.lexists(self._places.here(ref.path))
        if inside is None or inside in self._ignored or self._is_beyond_datalad(inside):
            self._result.unknown.add(ref.path)
        if ref.path in chosen.gone:
            return
        if (reason := self._reason_against(chosen, ref, flags)) is not None:
            chosen.left_out.append((ref.path, reason))
        elif not present:
            self._result.missing.append(Changed(ref.path, chosen.job.spec.id, ref.digest, None))
        else:
            assert inside is not None
            self._take(chosen, ref, inside)

    def _reason_against(self, chosen: ChosenJob, ref: FileRef, flags: Sequence[str]) -> str | None:
        path, inside = self._graph.path(ref), self._places.inside(ref.path)
        if inside is None:
            return "it is outside of the repository"
        if self._last_makers[path] is not chosen.job:
            return "a later job of this run wrote it anew"
        if inside in self._ignored:
            return "git ignores it (.gitignore)"
        if self._is_beyond_datalad(inside):
            return "DataLad cannot handle a name with a line break"
        later = self._others.later.get(path)
        if later and self._is_now(later[-1].digest, ref):
            return f"run {later[-1].run} wrote it anew"
        if "temp" in flags and self._graph.run.status != "success":
            self._result.unknown.add(ref.path)
            return "it is temp(), and the run did not end well"
        return None

    def _is_beyond_datalad(self, path: str) -> bool:
        # `datalad status` and `save` read git's lists of files line by line.
        return self._dataset and "\n" in path

    def _is_now(self, digest: str | None, ref: FileRef) -> bool:
        """Whether what stands at a path is what a later run left there, or that left nothing."""
        here = self._places.here(ref.path)
        if digest == ref.digest:
            return False
        return not os.path.lexists(here) or digest_paths([here])[0].digest == digest

    def _take(self, chosen: ChosenJob, ref: FileRef, inside: str) -> None:
        if ref.kind == "directory":
            self._take_folder(chosen, ref, inside)
            return
        here = self._places.here(ref.path)
        if not _may_be(ref, here):
            self._result.changed.append(_changed(chosen, ref, _digest_of(here)))
            return
        benchmark = ref.role == "benchmark"
        chosen.files.append(ChosenFile(inside, ref.digest, ref.size, ref.mtime, benchmark))

    def _take_folder(self, chosen: ChosenJob, ref: FileRef, inside: str) -> None:
        """Take the files of a folder, each with the digest that goes into that of the folder."""
        found = look_into(self._places.here(ref.path))
        if found.digest != ref.digest:
            self._result.changed.append(_changed(chosen, ref, found.digest))
            return
        chosen.files += [
            ChosenFile(f"{inside}/{name}", one.digest, one.size, one.mtime)
            for name, one in found.files.items()
        ]
        chosen.files += [ChosenFile(f"{inside}/{link}", None, None, None) for link in found.links]


def _may_be(ref: FileRef, here: str) -> bool:
    """Whether a file of the recorded size is there."""
    try:
        stat = os.stat(here)
    except OSError:
        return False
    return modes.S_ISREG(stat.st_mode) and ref.size in (None, stat.st_size)


def _changed(chosen: ChosenJob, ref: FileRef, found: str | None) -> Changed:
    return Changed(ref.path, chosen.job.spec.id, ref.digest, found)


def _digest_of(path: str) -> str | None:
    try:
        return digest_paths([path])[0].digest
    except DigestError:
        return None
