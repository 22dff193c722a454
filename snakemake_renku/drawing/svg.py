"""A drawing as SVG 1.1, which stands by itself or within HTML."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from snakemake_renku.drawing.graph import Direction, Drawing, Placed, Point, Route
from snakemake_renku.drawing.layout import DETAIL_LINE, DETAIL_SIZE, LABEL_SIZE, PADDING, shown
from snakemake_renku.drawing.text import visible

STYLE = f"""\
.renku-graph {{ color-scheme: light dark; --ink: #1c2430; --faint: #66707d; --line: #9aa4b1;
  --job: #e3edfb; --job-line: #4a7fc4; --file: #f6f7f9; --asked: #fff3cf; --asked-line: #b98900;
  --good: #e2f4e6; --good-line: #2f8f4a; --bad: #fde6e4; --bad-line: #c63d33;
  font-family: system-ui, "Segoe UI", Roboto, "Liberation Sans", "DejaVu Sans", sans-serif; }}
@media (prefers-color-scheme: dark) {{
.renku-graph {{ --ink: #e6e9ee; --faint: #a3adba; --line: #6f7a88;
  --job: #1d3250; --job-line: #6ea3ea; --file: #242a33; --asked: #453a14; --asked-line: #e0b83c;
  --good: #173a22; --good-line: #5cc47c; --bad: #4a1f1c; --bad-line: #f0857c; }} }}
.renku-graph text {{ fill: var(--ink); font-size: {LABEL_SIZE}px; }}
.renku-graph text.detail {{ fill: var(--faint); font-size: {DETAIL_SIZE}px; }}
.renku-graph rect {{ fill: var(--file); stroke: var(--line); stroke-width: 1; }}
.renku-graph .job rect {{ fill: var(--job); stroke: var(--job-line); }}
.renku-graph .good rect {{ fill: var(--good); stroke: var(--good-line); }}
.renku-graph .bad rect {{ fill: var(--bad); stroke: var(--bad-line); }}
.renku-graph .asked rect {{ fill: var(--asked); stroke: var(--asked-line); stroke-width: 2; }}
.renku-graph .faint rect {{ stroke-dasharray: 4 3; }}
.renku-graph .faint text {{ fill: var(--faint); }}
.renku-graph path {{ fill: none; stroke: var(--line); stroke-width: 1.3; }}
.renku-graph path.back {{ stroke-dasharray: 5 3; }}
.renku-graph marker path {{ fill: var(--line); stroke: none; }}
.renku-graph a:hover rect, .renku-graph a:focus rect {{ stroke-width: 2.5; }}
"""
"""The style sheet of a drawing, for light and dark."""

_SAFE_LINKS = ("#", "http://", "https://", "./")
_ROUND = 8
_SQUARE = 2


def svg(drawing: Drawing, *, style: bool = True, id: str = "g", label: str = "") -> str:
    """The drawing as an ``<svg>`` element.

    Within a page with several drawings, give each its own ``id``, put :data:`STYLE` into the page
    once, and leave it out here. Each node is a ``<g class="node …">``. ``label`` says in words what
    is drawn. A link that is neither within the page, relative (``./``) nor http is left out.
    """
    return "\n".join(_parts(drawing, style, id, label)) + "\n"


def _parts(drawing: Drawing, style: bool, id: str, label: str) -> Iterator[str]:
    width, height = _number(drawing.width), _number(drawing.height)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="renku-graph" role="img" width="{width}"'
        f' height="{height}" viewBox="0 0 {width} {height}">'
    )
    if label:
        yield f"<title>{_text(label)}</title>"
    if style:
        yield f"<style>\n{STYLE}</style>"
    tip = f"tip-{id}"
    yield (
        f'<defs><marker id={_attribute(tip)} viewBox="0 0 10 10" refX="9" refY="5" orient="auto"'
        ' markerWidth="7" markerHeight="7"><path d="M0,1 L10,5 L0,9 z"/></marker></defs>'
    )
    yield '<g class="edges">'
    for edge in drawing.edges:
        yield _edge(edge, drawing.direction, tip)
    yield '</g>\n<g class="nodes">'
    for placed in drawing.nodes:
        yield _node(placed)
    yield "</g>\n</svg>"


def _edge(edge: Route, direction: Direction, tip: str) -> str:
    classes = ' class="back"' if edge.back else ""
    path = _path(edge.points, direction)
    return f"<path{classes} d={_attribute(path)} marker-end={_attribute(f'url(#{tip})')}/>"


def _path(points: tuple[Point, ...], direction: Direction) -> str:
    """A smooth line that enters and leaves each layer squarely."""
    parts = [f"M{_pair(points[0])}"]
    for number in range(1, len(points), 2):
        start, end = points[number - 1], points[number]
        parts.append(f"C{' '.join(map(_pair, (*_handles(start, end, direction), end)))}")
        if number + 1 < len(points):
            parts.append(f"L{_pair(points[number + 1])}")
    return " ".join(parts)


def _handles(start: Point, end: Point, direction: Direction) -> tuple[Point, Point]:
    if direction == "right":
        middle = (start[0] + end[0]) / 2
        return (middle, start[1]), (middle, end[1])
    middle = (start[1] + end[1]) / 2
    return (start[0], middle), (end[0], middle)


def _node(placed: Placed) -> str:
    node = placed.node
    classes = " ".join(["node", *node.classes.split()])
    radius = _ROUND if "job" in node.classes.split() else _SQUARE
    label, detail = shown(node)
    title = f"<title>{_title(node.title)}</title>" if node.title else ""
    box = (
        f'<rect x="{_number(placed.x)}" y="{_number(placed.y)}" width="{_number(placed.width)}"'
        f' height="{_number(placed.height)}" rx="{radius}"/>'
    )
    x = _number(placed.x + PADDING)
    middle = placed.y + placed.height / 2
    first = middle + 4.4 - (DETAIL_LINE / 2 if detail else 0.0)
    words = f'<text x="{x}" y="{_number(first)}">{_text(label)}</text>'
    if detail:
        y = _number(first + DETAIL_LINE - 0.5)
        words += f'<text class="detail" x="{x}" y="{y}">{_text(detail)}</text>'
    content = f"<g class={_attribute(classes)}>{title}{box}{words}</g>"
    if node.link.startswith(_SAFE_LINKS):
        return f"<a href={_attribute(node.link)}>{content}</a>"
    return content


def _title(text: str) -> str:
    return "\n".join(map(_text, text.split("\n")))


def _text(text: str) -> str:
    return escape(visible(text))


def _attribute(text: str) -> str:
    return quoteattr(visible(text))


def _pair(point: Point) -> str:
    return f"{_number(point[0])},{_number(point[1])}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
