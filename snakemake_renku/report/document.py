"""All that a report shows, as one document, which the page carries as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from snakemake_renku.journal import RunHistory
from snakemake_renku.model import Verdict
from snakemake_renku.report.files import Files
from snakemake_renku.report.jobs import columns
from snakemake_renku.report.rules import last_attempts, rule_graph
from snakemake_renku.report.steps import Steps
from snakemake_renku.report.tables import Lists, Table, Texts
from snakemake_renku.report.usage import usage_by_rule
from snakemake_renku.report.verdicts import verdicts_document


def encode(run: RunHistory, verdicts: Sequence[Verdict], remarks: Sequence[str]) -> bytes:
    """The document as JSON; the same run and verdicts give the same bytes."""
    return msgspec.json.encode(document(run, verdicts) | {"remarks": remarks})


def document(run: RunHistory, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """All that a report shows.

    Jobs, steps and files are columns; in them, a text is a number among ``strings``, a list of
    numbers one among ``lists``, a command one among ``texts``.
    """
    strings: Table[str] = Table()
    lists, texts, files = Lists(), Texts(strings), Files(run.info.workdir)
    steps = Steps(files, strings, lists, texts)
    for job in run.jobs.values():
        steps.add(job.spec, job.record)
    numbers = {id: number for number, id in enumerate(run.jobs)}
    return {
        "run": _run(run),
        "jobs": columns(run, strings),
        "steps": steps.document(),
        "files": files.document(strings),
        "graph": rule_graph(run, steps, files),
        "usage": usage_by_rule(run),
        "verdicts": verdicts_document(verdicts, run.info.run, numbers, files, lists),
        "lists": lists.values,
        "texts": texts.values,
        "strings": strings.values,
    }


def counts(run: RunHistory) -> dict[str, int]:
    """How many jobs stand where; of a job's attempts, the last one counts."""
    found = Counter(run.state(job) for job in last_attempts(run))
    return dict(sorted(found.items()))


def _run(run: RunHistory) -> dict[str, Any]:
    return {
        "status": run.status,
        "info": run.info,
        "end": run.end,
        "counts": counts(run),
        "notices": [[notice.time, notice.message] for notice in run.notices],
        "damaged": len(run.damaged),
        "torn": run.torn,
    }
