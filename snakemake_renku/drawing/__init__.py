"""Drawing graphs whose edges have a direction, as SVG, without anything to install.

    drawing = layered([Node("a", "data.csv"), Node("b", "plot")], [("a", "b")])
    text = svg(drawing)

What is on offer was weighed first: grandalf, the one layout of this kind in pure Python, is GPL or
EPL and has rested for years; Graphviz is a program that a package cannot bring along; fast-sugiyama
and graphlay are compiled, and young (0.x), for what every installation would need. So it is done
here, by textbook steps: layers (:mod:`.layers`), order within each (:mod:`.order`), places
(:mod:`.place`).
"""

from snakemake_renku.drawing.graph import Direction, Drawing, Node, Placed, Route
from snakemake_renku.drawing.layout import layered
from snakemake_renku.drawing.svg import STYLE, svg
from snakemake_renku.drawing.text import visible

__all__ = [
    "STYLE",
    "Direction",
    "Drawing",
    "Node",
    "Placed",
    "Route",
    "layered",
    "svg",
    "visible",
]
