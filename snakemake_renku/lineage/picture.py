"""A lineage as a drawing, and in the language of Graphviz."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from snakemake_renku.drawing import Drawing, Node, layered, visible
from snakemake_renku.lineage import words
from snakemake_renku.lineage.graph import FileNode, JobNode, Lineage

MOST_NODES = 600
"""Beyond this many, a drawing has one box for all jobs of a rule, and one for the target."""

FOLDED = "rule:"
"""How the id of a box begins that stands for all jobs of a rule."""

Edge = tuple[str, str]


def picture(answer: Lineage, *, linked: bool = True) -> Drawing:
    """The drawing: files and jobs in the order in which one led to the other.

    If ``linked``, a job's box leads to its :func:`anchor` in the page that holds the drawing.
    """
    nodes, edges = parts(answer)
    if len(nodes) > MOST_NODES:
        nodes, edges = _folded(answer)
    if not linked:
        nodes = [msgspec.structs.replace(node, link="") for node in nodes]
    return layered(nodes, edges)


def dot(answer: Lineage) -> str:
    """The graph as text for Graphviz (https://graphviz.org/doc/info/lang.html), all of it."""
    nodes, edges = parts(answer)
    return "\n".join(_dot(nodes, edges)) + "\n"


def parts(answer: Lineage) -> tuple[list[Node], list[Edge]]:
    """Boxes for jobs, and for files that lead from one to another; ids link to ``#<id>``."""
    shown = _files(answer)
    edges: dict[Edge, None] = {}
    for id in shown:
        node = answer.files[id]
        edges |= {(tie.job, id): None for tie in node.made_by if tie.job in answer.jobs}
        edges |= {(id, tie.job): None for tie in node.used_by if tie.job in answer.jobs}
    for job in answer.jobs.values():
        edges |= {(id, job.id): None for id in job.inputs if id in shown}
    nodes = [_file(answer.files[id], id == answer.target) for id in shown]
    return nodes + [_job(job, answer) for job in answer.jobs.values()], list(edges)


def anchor(job: str) -> str:
    """The id of a job's details in a page."""
    return "job-" + job.replace("/", "-")


def _files(answer: Lineage) -> dict[str, None]:
    """The files that are drawn: no logs, and downwards only what came of the target."""
    shown = {answer.target: None}
    for job in answer.jobs.values():
        if answer.direction == "up":
            shown |= dict.fromkeys(job.inputs)
        else:
            shown |= {id: None for id in job.outputs if answer.files[id].role == "output"}
    return shown


def _file(node: FileNode, is_target: bool) -> Node:
    faint = node.temporary or (not is_target and not node.made_by)
    classes = "file asked" if is_target else "file faint" if faint else "file"
    if node.changed is not None:
        classes += " bad"
    about = f"{node.path}\n{node.digest or 'no digest recorded'}"
    if not node.made_by:
        about += f"\n{words.origin(node)}"
    details = [words.size(node.size)] if node.size is not None else []
    details += ["temporary"] * node.temporary
    details += ["source"] * (not node.made_by and node.changed is None)
    return Node(node.id, node.path, ", ".join(details), about, classes=classes)


def _job(job: JobNode, answer: Lineage) -> Node:
    steps = job.steps[0].wildcards.items() if len(job.steps) == 1 else ()
    detail = ", ".join(f"{name}={value}" for name, value in steps)
    outcomes = [note.outcome for note in job.verdicts]
    classes = "job"
    if outcomes:
        classes += " good" if outcomes[-1] in ("identical", "equivalent") else " bad"
    about = f"{words.title(job)}\n{words.job_line(job, answer.runs)}"
    about = "\n".join([about, *map(words.verdict_line, job.verdicts)])
    return Node(job.id, job.rule, detail, about, f"#{anchor(job.id)}", classes)


def _folded(answer: Lineage) -> tuple[list[Node], list[Edge]]:
    counts = Counter(job.rule for job in answer.jobs.values())
    rule = {id: f"{FOLDED}{job.rule}" for id, job in answer.jobs.items()}
    _, edges = parts(answer)
    makers: dict[str, set[str]] = {}
    for source, target in edges:
        if source in rule:
            makers.setdefault(target, set()).add(rule[source])
    found = dict.fromkeys(
        (maker, rule[target])
        for source, target in edges
        if target in rule
        for maker in sorted(makers.get(source, ()))
    )
    asked = answer.files[answer.target]
    found |= {(maker, asked.id): None for maker in sorted(makers.get(asked.id, ()))}
    found |= {(asked.id, rule[tie.job]): None for tie in asked.used_by if tie.job in rule}
    nodes = [
        Node(f"{FOLDED}{name}", name, f"{count} jobs" if count > 1 else "1 job", classes="job")
        for name, count in counts.items()
    ]
    return [*nodes, _file(asked, True)], list(found)


def _dot(nodes: list[Node], edges: list[Edge]) -> Iterator[str]:
    yield "digraph lineage {"
    yield "  rankdir=LR;"
    yield '  node [shape=box, fontname="sans-serif", fontsize=10];'
    for node in nodes:
        label = "\\n".join(map(_escaped, filter(None, (node.label, node.detail))))
        style = _dot_style(node.classes.split())
        tooltip = "\\n".join(map(_escaped, node.title.split("\n")))
        yield f'  "{_escaped(node.id)}" [label="{label}", tooltip="{tooltip}"{style}];'
    for source, target in edges:
        yield f'  "{_escaped(source)}" -> "{_escaped(target)}";'
    yield "}"


def _dot_style(classes: list[str]) -> str:
    if "job" in classes:
        return ', style="rounded,filled", fillcolor="#e3edfb"'
    return ", penwidth=2" if "asked" in classes else ", style=dashed" if "faint" in classes else ""


def _escaped(text: str) -> str:
    return visible(text).replace("\\", "\\\\").replace('"', '\\"')
