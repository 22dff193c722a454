"""What is drawn, and where it stands once it is laid out."""

from __future__ import annotations

from typing import Literal

import msgspec

Direction = Literal["right", "down"]
"""Where edges lead. ``right`` suits nodes that carry text: those of one layer stand in a column."""

Point = tuple[float, float]


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """A box with text.

    ``label`` is the first line, ``detail`` a smaller one below it; both are shortened in the middle
    when they are long, so put all there is into ``title``, which is shown when a pointer rests on
    the node. ``classes`` are CSS classes, separated by spaces; :data:`.svg.STYLE` knows ``job``,
    ``file``, ``asked``, ``good``, ``bad`` and ``faint``. ``link`` is where a click leads.
    """

    id: str
    label: str
    detail: str = ""
    title: str = ""
    link: str = ""
    classes: str = ""


class Placed(msgspec.Struct, frozen=True):
    """A node and its box: the upper left corner, width and height, in pixels."""

    node: Node
    x: float
    y: float
    width: float
    height: float


class Route(msgspec.Struct, frozen=True):
    """An edge, from the border of one box to the border of another.

    ``points`` alternate: out of a box or a passage, into the next one, so their number is even.
    ``back`` marks an edge that closes a circle and is therefore drawn against the direction.
    """

    source: str
    target: str
    points: tuple[Point, ...]
    back: bool = False


class Drawing(msgspec.Struct, frozen=True):
    """A graph that is laid out; sizes in pixels."""

    nodes: tuple[Placed, ...]
    edges: tuple[Route, ...]
    width: float
    height: float
    direction: Direction = "right"
