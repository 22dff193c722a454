"""From a recorded job to its run record: command, inputs, outputs."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from snakemake_renku.journal import JobHistory, RunGraph, inputs, normal_path, outputs
from snakemake_renku.model import ResolvedEnvironment
from snakemake_renku.provenance.datalad.command import (
    braced,
    image_to_run,
    removal,
    shell_command,
)
from snakemake_renku.provenance.datalad.message import (
    RunRecord,
    job_message,
    joined,
    message_without_record,
    pattern,
)
from snakemake_renku.provenance.datalad.places import Places
from snakemake_renku.provenance.datalad.select import ChosenJob
from snakemake_renku.provenance.datalad.snakemake_call import snakemake_call

_CARE = re.compile(
    rb"\bshadow\b|\bshell\s*\.\s*(prefix|suffix|executable)\b|\bcache\s*:"
    rb"|\b(github|gitlab|gitfile)\s*\(|\b(include|snakefile)\s*:\s*['\"]https?:"
)
"""What a Snakefile may say that changes how shell commands are run, and that no journal tells."""

_CHECKPOINT = re.compile(rb"^[ \t]*checkpoint[ \t]+\w+[ \t]*:", re.MULTILINE)

_REDACTED = "[redacted"


class Told(NamedTuple):
    """A commit's message, and whether its command calls Snakemake."""

    message: str
    by_snakemake: bool


class RecordMaker:
    """Makes the run records of the jobs of one run; ``dsid`` is the dataset's id.

    ``unknown`` are paths that are not in git (outside, ignored, left out), of which DataLad must
    not be told, as it stops at an input that is not there, and at an output that is no file of its
    own. ``temporary`` are ``temp()`` outputs of earlier runs.
    """

    def __init__(
        self,
        graph: RunGraph,
        places: Places,
        chosen: Sequence[ChosenJob],
        *,
        dsid: str | None,
        unknown: Collection[str],
        temporary: Collection[str],
    ) -> None:
        self._graph, self._places, self._dsid = graph, places, dsid
        self._unknown = {self._normal(path) for path in unknown}
        self._unneeded = _unneeded(graph, chosen, {self._normal(path) for path in temporary})
        self._care = _has_care(graph, places)
        self._checkpoints = any(_CHECKPOINT.search(text) for text in _sources(graph, places))
        self._gone = {self._normal(path) for one in chosen for path in one.gone}
        self._dataset = dsid is not None
        self._without: dict[str, list[str]] = defaultdict(list)
        self._tags: dict[str, None] = {}
        self.calls_snakemake = False

    def make(self, job: JobHistory) -> Told:
        """The message of the commit that records a job, with its run record."""
        own, run = self._own_command(job), self._graph.run.info.run
        self.calls_snakemake |= own is None
        record = self._record(job, own)
        reason = self._reason_against(job, record)
        if reason is None:
            return Told(job_message(job.spec, record, run), own is None)
        self._without[reason].append(job.spec.id)
        return Told(message_without_record(job.spec, reason, run), own is None)

    def _record(self, job: JobHistory, own: str | None) -> RunRecord:
        by_snakemake = own is None
        info = self._graph.run.info
        command = snakemake_call(info, job.spec, self._places) if own is None else own
        unneeded = self._unneeded.get(job.spec.id)
        if unneeded:
            command = f"{command} && {removal(map(self._places.from_pwd, unneeded))}"
        code = self._code(job) if by_snakemake else self._images(job)
        return RunRecord(
            cmd=braced(command),
            pwd=self._places.pwd,
            dsid=self._dsid,
            inputs=self._patterns(_read(self._graph, job)),
            extra_inputs=self._patterns(code),
            outputs=self._patterns(_written(job, with_benchmark=by_snakemake)),
        )

    def notices(self) -> Iterator[str]:
        """What the user must know of the records that were made."""
        for reason, jobs in self._without.items():
            yield f"`datalad rerun` will pass over jobs {joined(jobs)}: {reason}."
        for image in self._tags:
            yield (
                f"The image {image} is recorded by its name, as its digest in a registry is not "
                "known; that name may come to mean another image."
            )

    def _reason_against(self, job: JobHistory, record: RunRecord) -> str | None:
        """Why DataLad had better not execute a job."""
        if _REDACTED in record.cmd:
            return "a secret was kept out of the recorded command"
        if self._dataset and any("\n" in path for path in _written(job, with_benchmark=True)):
            return "DataLad cannot save a file with a line break in its name"
        return None

    def _own_command(self, job: JobHistory) -> str | None:
        found = _environment(job)
        info, places = self._graph.run.info, self._places
        command = shell_command(info, job.spec, found, places, care=self._care)
        asked = job.spec.steps[0].environment
        if command is not None and asked.container is not None:
            image = image_to_run(asked, found)
            if "://" in image and "@sha256:" not in image:
                self._tags[image] = None
        return command

    def _code(self, job: JobHistory) -> Iterator[str]:
        yield from (source.path for source in self._graph.run.info.sources)
        for step in job.spec.steps:
            if step.script is not None and step.code_digest is not None:
                yield step.script
        yield from self._images(job)
        if self._checkpoints:
            yield from self._upstream(job)

    def _upstream(self, job: JobHistory) -> Iterator[str]:
        """All files that the job comes from, and those that were made along with them.

        With checkpoints, Snakemake looks at all that is upstream, whichever rules are allowed, and
        stops at a link of git-annex without content.
        """
        seen, queue = {job.spec.id}, [job]
        while queue:
            each = queue.pop()
            for ref in (*inputs(each), *(outputs(each) if each is not job else ())):
                kept = ref.kind in ("file", "directory") and ref.role in ("input", "output")
                if kept and self._normal(ref.path) not in self._gone:
                    yield ref.path
            for parent in self._graph.parents(each):
                if parent.spec.id not in seen:
                    seen.add(parent.spec.id)
                    queue.append(parent)

    @staticmethod
    def _images(job: JobHistory) -> Iterator[str]:
        for step in job.spec.steps:
            image = step.environment.container
            if image is not None and "://" not in image:
                yield image

    def _patterns(self, paths: Iterable[str]) -> tuple[str, ...]:
        known = (p for p in paths if not self._unknown or self._normal(p) not in self._unknown)
        here = (self._places.from_pwd(p) for p in known if self._places.inside(p) is not None)
        return tuple(dict.fromkeys(map(pattern, here)))

    def _normal(self, path: str) -> str:
        return normal_path(path, self._graph.run.info.workdir)


def _environment(job: JobHistory) -> ResolvedEnvironment:
    steps = job.record.steps if job.record is not None else ()
    return steps[0].environment if steps else ResolvedEnvironment()


def _read(graph: RunGraph, job: JobHistory) -> Iterator[str]:
    """The inputs of a job that it did not make itself (as a group does)."""
    own = {graph.path(ref) for ref in outputs(job)}
    for ref in inputs(job):
        if ref.kind in ("file", "directory") and graph.path(ref) not in own:
            yield ref.path


def _written(job: JobHistory, *, with_benchmark: bool) -> Iterator[str]:
    for ref in outputs(job):
        if ref.kind in ("file", "directory") and (with_benchmark or ref.role != "benchmark"):
            yield ref.path


def _unneeded(
    graph: RunGraph, chosen: Sequence[ChosenJob], temporary: set[str]
) -> dict[str, list[str]]:
    """Which ``temp()`` files are to be removed after which job: the last one that reads them.

    What no job reads goes at once, as Snakemake does; unless the run did not end, so that a later
    one may have read it.
    """
    last_reader: dict[str, str] = {}
    for one in chosen:
        last_reader |= dict.fromkeys(map(graph.path, inputs(one.job)), one.job.spec.id)
    over = graph.run.status == "success"
    unneeded: dict[str, list[str]] = defaultdict(list)
    for one in chosen:
        for path in one.gone:
            own = one.job.spec.id if over else None
            reader = last_reader.get(normal_path(path, graph.run.info.workdir), own)
            if reader is not None:
                unneeded[reader].append(path)
    for path in sorted(temporary & last_reader.keys()):
        unneeded[last_reader[path]].append(path)
    return dict(unneeded)


def _has_care(graph: RunGraph, places: Places) -> bool:
    sources = list(_sources(graph, places))
    unreadable = len(sources) < len(graph.run.info.sources)
    return unreadable or any(_CARE.search(text) for text in sources)


def _sources(graph: RunGraph, places: Places) -> Iterator[bytes]:
    """The texts of the Snakefiles and configuration files that are here."""
    for source in graph.run.info.sources:
        with contextlib.suppress(OSError):
            yield Path(places.here(source.path)).read_bytes()
