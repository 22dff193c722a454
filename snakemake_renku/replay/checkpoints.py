"""What Snakemake reads of checkpoints that are not replayed themselves.

Which files a job has may depend on what a checkpoint made, although that is none of the job's
inputs. Snakemake reads these files when it makes the job anew; without them, it would have others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from snakemake_renku.journal import JobHistory, outputs
from snakemake_renku.replay.choice import CONTENT
from snakemake_renku.replay.clone import Clone
from snakemake_renku.replay.plan import Part, Plan

_CHECKPOINT = re.compile(r"^[ \t]*checkpoint[ \t]+(\w+)[ \t]*:", re.MULTILINE)


def checkpoint_outputs(plan: Plan, clone: Clone) -> Iterator[str]:
    """The places of all that checkpoints made in the runs of a plan, but not in the plan.

    Records do not tell checkpoints from other rules; the Snakefiles in the clone do.
    """
    for part in plan.parts:
        names = tuple(_names(part, clone))
        chosen = {job.spec.id for job in part.jobs}
        others = (job for job in part.graph.jobs if job.spec.id not in chosen)
        for job in others if names else ():
            if any(_is_called(job, name) for name in names):
                places = (
                    clone.locate(ref.path, part.run.info)
                    for ref in outputs(job)
                    if ref.role == "output" and ref.kind in CONTENT
                )
                yield from (place for place in places if place is not None)


def _names(part: Part, clone: Clone) -> Iterable[str]:
    for source in part.run.info.sources:
        place = clone.locate(source.path, part.run.info)
        if place is not None and clone.path(place).is_file():
            text = clone.path(place).read_text(encoding="utf-8", errors="replace")
            yield from _CHECKPOINT.findall(text)


def _is_called(job: JobHistory, name: str) -> bool:
    """Whether a job is of the rule ``name``, or of one that a module took over under a prefix."""
    return any(step.rule == name or step.rule.endswith(f"_{name}") for step in job.spec.steps)
