"""What replays found out about the outputs of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from snakemake_renku.model import OutputVerdict, Verdict
from snakemake_renku.model.verdict import WORST_FIRST
from snakemake_renku.report.files import Files
from snakemake_renku.report.tables import Lists

MOST_FINDINGS = 500
"""Of so many outputs of each verdict it is shown what differs, the worst first."""

MOST_JOBS = 500


def verdicts_document(
    verdicts: Sequence[Verdict], run: str, jobs: Mapping[str, int], files: Files, lists: Lists
) -> list[dict[str, Any]]:
    """The verdicts, the latest first.

    ``jobs`` are the numbers of the run's attempts. Outputs that were ``identical`` are numbers of
    versions of files; all others stand in full.
    """
    parts = [_Verdict(verdict, run, jobs, files, lists).document() for verdict in verdicts]
    return parts[::-1]


class _Verdict:
    def __init__(
        self, verdict: Verdict, run: str, jobs: Mapping[str, int], files: Files, lists: Lists
    ) -> None:
        self._verdict, self._jobs, self._files, self._lists = verdict, jobs, files, lists
        self._here = {job.id for job in verdict.jobs if job.run == run}
        self._elsewhere = {job.id for job in verdict.jobs if job.run != run}

    def document(self) -> dict[str, Any]:
        verdict = self._verdict
        ranked = sorted(verdict.outputs, key=lambda output: WORST_FIRST.index(output.outcome))
        others = [output for output in ranked if output.outcome != "identical"]
        identical = [output for output in verdict.outputs if output.outcome == "identical"]
        known = [number for number in map(self._file, identical) if number is not None]
        names = ("id", "target", "runs", "outcome", "started", "finished", "place", "tolerance")
        return {
            **{name: getattr(verdict, name) for name in (*names, "commit", "notes")},
            "counts": dict(sorted(Counter(output.outcome for output in ranked).items())),
            "identical": self._lists.number(known),
            "others": [self._output(n, output) for n, output in enumerate(others)],
            "jobs": self._job_parts(),
        }

    def _job_parts(self) -> list[dict[str, Any]]:
        """The jobs about which there is something to say."""
        told = [job for job in self._verdict.jobs if job.reason or job.causes]
        told.sort(key=lambda job: WORST_FIRST.index(job.outcome))
        return [
            {"id": job.id, "job": self._job(job.id), "rule": job.rule, "outcome": job.outcome}
            | {"reason": job.reason, "causes": job.causes}
            for job in told[:MOST_JOBS]
        ]

    def _output(self, number: int, output: OutputVerdict) -> dict[str, Any]:
        return {
            "path": self._files.path(output.path),
            "file": self._file(output),
            "job": self._job(output.job),
            "outcome": output.outcome,
            "replayed": output.replayed,
            "reason": output.reason,
            "finding": output.finding if number < MOST_FINDINGS else None,
        }

    def _job(self, id: str) -> int | None:
        """The number of an attempt, unless the verdict is on one of another run by that name."""
        return self._jobs.get(id) if id in self._here and id not in self._elsewhere else None

    def _file(self, output: OutputVerdict) -> int | None:
        if output.job in self._elsewhere and output.job not in self._here:
            return None
        return self._files.version(output.path, output.recorded)
