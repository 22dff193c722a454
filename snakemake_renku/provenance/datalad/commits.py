"""The commits that record a run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from snakemake_renku.journal import RECORDS, RunGraph
from snakemake_renku.provenance.datalad.check import Findings
from snakemake_renku.provenance.datalad.committed import Committed
from snakemake_renku.provenance.datalad.jobs import RecordMaker
from snakemake_renku.provenance.datalad.message import run_message
from snakemake_renku.provenance.datalad.places import Places
from snakemake_renku.provenance.datalad.recorded import journal_place
from snakemake_renku.provenance.datalad.select import ChosenFile, ChosenJob, Selection
from snakemake_renku.provenance.git import Commit, RecordedFile, Repository

ATTRIBUTES = b"* annex.largefiles=nothing\n"
"""Keeps git-annex from taking journals and verdicts for data."""


class RunInGit(NamedTuple):
    """A run, and the repository that it is recorded in, with what the branch holds."""

    repository: Repository
    places: Places
    graph: RunGraph
    head: Committed


def make_commits(
    here: RunInGit, selection: Selection, findings: Findings, ignored: set[str]
) -> tuple[list[Commit], tuple[str, ...]]:
    """One commit for the journal, then one for each job; and what the user must be told."""
    maker = RecordMaker(
        here.graph,
        here.places,
        selection.jobs,
        dsid=here.repository.dsid,
        unknown=selection.unknown | findings.absent,
        temporary=findings.temporary,
    )
    measured: list[ChosenFile] = []
    jobs = [_job(maker, one, measured) for one in selection.jobs]
    snakemake = here.places.inside(".snakemake/x")
    notices = (
        *findings.notices,
        *maker.notices(),
        *(_notices(maker, snakemake, ignored) if snakemake is not None else ()),
    )
    return [_first(here, len(jobs), notices, measured), *jobs], notices


def _job(maker: RecordMaker, chosen: ChosenJob, measured: list[ChosenFile]) -> Commit:
    """The commit of a job.

    Its benchmark goes to ``measured`` where its command would not write it anew: DataLad removes
    the files of a commit whose content is not there before it executes the command.
    """
    told = maker.make(chosen.job)
    files = [file for file in chosen.files if told.by_snakemake or not file.is_benchmark]
    measured += [file for file in chosen.files if file.is_benchmark and not told.by_snakemake]
    assert chosen.job.record is not None
    return Commit(told.message, chosen.job.record.finished, _recorded(files))


def _first(
    here: RunInGit, jobs: int, notices: Sequence[str], measured: Sequence[ChosenFile]
) -> Commit:
    """The commit with the journal, dated by the start of the run, before those of its jobs."""
    run, places = here.graph.run, here.places
    place = journal_place(here.repository, places.workdir, run.info.run)
    texts = {place: run.path.read_bytes()}
    attributes = os.path.normpath(os.path.join(places.pwd, RECORDS, ".gitattributes"))
    if not here.head.holds([attributes]):
        texts[attributes] = ATTRIBUTES
    message = run_message(run, jobs, notices)
    return Commit(message, run.info.started, _recorded(measured), texts)


def _recorded(files: Iterable[ChosenFile]) -> tuple[RecordedFile, ...]:
    return tuple(RecordedFile(file.path, file.digest, file.size, file.mtime) for file in files)


def _notices(maker: RecordMaker, snakemake: str, ignored: set[str]) -> Iterator[str]:
    if maker.calls_snakemake and snakemake not in ignored:
        yield (
            "git does not ignore .snakemake/, so `datalad rerun` would commit what Snakemake "
            "keeps there: add a line `.snakemake/` to .gitignore."
        )
