"""The rules of a run as a graph: which reads what another makes, and how far each came."""

from __future__ import annotations

from collections import Counter
from typing import Any

from snakemake_renku.drawing import Drawing, Node, layered
from snakemake_renku.journal import JobHistory, RunHistory
from snakemake_renku.report.files import Files
from snakemake_renku.report.steps import Steps

Edge = tuple[str, str]

_LEAST = 14
_MORE = " " * 6
"""Room for the stripe of the rule's colour, in the boxes that are laid out by their words."""


def last_attempts(run: RunHistory) -> list[JobHistory]:
    """The last attempt of each job, which says how the job stands."""
    return list({job.spec.jobid: job for job in run.jobs.values()}.values())


def rule_graph(run: RunHistory, steps: Steps, files: Files) -> dict[str, Any]:
    """The rules with the numbers of their jobs by state, laid out, and the edges between them."""
    counts = _counts(run)
    edges = _edges(steps, files)
    nodes = [
        Node(rule, rule.ljust(_LEAST) + _MORE, _detail(states) + _MORE)
        for rule, states in counts.items()
    ]
    drawing = layered(nodes, edges)
    return {
        "nodes": [_node(number, drawing, counts) for number in range(len(nodes))],
        "edges": [
            {"points": [round(value, 1) for point in route.points for value in point]}
            | ({"back": 1} if route.back else {})
            for route in drawing.edges
        ],
        "width": round(drawing.width, 1),
        "height": round(drawing.height, 1),
    }


def _counts(run: RunHistory) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for job in last_attempts(run):
        for rule in dict.fromkeys(step.rule for step in job.spec.steps):
            counts.setdefault(rule, Counter())[run.state(job)] += 1
    return counts


def _edges(steps: Steps, files: Files) -> list[Edge]:
    makers = files.makers()
    edges: dict[Edge, None] = {}
    for rule, inputs in zip(steps.rules, steps.inputs, strict=True):
        for step in {makers[file] for file in inputs}:
            if step is not None and steps.rules[step] != rule:
                edges[steps.rules[step], rule] = None
    return sorted(edges)


def _detail(states: Counter[str]) -> str:
    total = sum(states.values())
    jobs = "1 job" if total == 1 else f"{total:,} jobs"
    if len(states) == 1:
        (state,) = states
        return jobs if state == "success" else f"{jobs}, {state}"
    others = (f"{states[state]:,} {state}" for state in sorted(states) if state != "success")
    return ", ".join((jobs, *others))


def _node(number: int, drawing: Drawing, counts: dict[str, Counter[str]]) -> dict[str, Any]:
    placed = drawing.nodes[number]
    return {
        "rule": placed.node.id,
        "detail": placed.node.detail.rstrip(),
        "states": dict(sorted(counts[placed.node.id].items())),
        "box": [round(v, 1) for v in (placed.x, placed.y, placed.width, placed.height)],
    }
