"""A journal, or several, with verdicts, as a PROV document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from snakemake_renku.journal import RunHistory
from snakemake_renku.model import Verdict
from snakemake_renku.provenance.prov.attempts import Attempts
from snakemake_renku.provenance.prov.document import new_document
from snakemake_renku.provenance.prov.plans import Plans
from snakemake_renku.provenance.prov.replays import add_replay
from snakemake_renku.provenance.prov.runs import add_run
from snakemake_renku.provenance.prov.trace import Trace

if TYPE_CHECKING:
    from prov.model import ProvDocument


def document_of_runs(runs: Sequence[RunHistory], verdicts: Iterable[Verdict] = ()) -> ProvDocument:
    """All that the journals say, and what was found when it was replayed."""
    document, trace = new_document(), Trace(runs)
    plans = Plans(document, trace)
    attempts = Attempts(document, trace, plans)
    for run in trace.runs:
        add_run(document, trace, plans, run)
    for attempt in trace.attempts.values():
        attempts.whole(attempt)
    for verdict in _in_order(verdicts):
        add_replay(document, trace, attempts, verdict)
    return document.document


def document_of_verdict(verdict: Verdict, runs: Sequence[RunHistory]) -> ProvDocument:
    """A verdict with what it is about: recorded files, the attempts that made them, the runs."""
    document, trace = new_document(), Trace(runs)
    plans = Plans(document, trace)
    attempts = Attempts(document, trace, plans)
    for run in trace.runs:
        if run.info.run in verdict.runs:
            add_run(document, trace, plans, run)
    add_replay(document, trace, attempts, verdict)
    return document.document


def _in_order(verdicts: Iterable[Verdict]) -> list[Verdict]:
    unique = {verdict.id: verdict for verdict in verdicts}
    return [unique[id] for id in sorted(unique)]
