"""Layered drawings: where boxes and lines go, and what is written."""

from __future__ import annotations

import itertools
import random
from xml.etree import ElementTree

import pytest

from snakemake_renku.drawing import Direction, Drawing, Node, layered, svg, visible

Edges = list[tuple[str, str]]


def draw(edges: Edges, direction: Direction = "right", **labels: str) -> Drawing:
    names = dict.fromkeys(name for edge in edges for name in edge) | dict.fromkeys(labels)
    nodes = [Node(name, labels.get(name, name)) for name in names]
    return layered(nodes, edges, direction=direction)


def some_graph(count: int, seed: int = 1) -> Edges:
    chance = random.Random(seed)
    return [
        (f"n{chance.randrange(max(0, node - 30), node)}", f"n{node}")
        for node in range(1, count)
        for _ in range(chance.choice((1, 1, 2)))
    ]


@pytest.mark.parametrize("direction", ["right", "down"])
def test_each_edge_leads_one_way(direction: Direction) -> None:
    drawing = draw(some_graph(200), direction)
    boxes = {each.node.id: each for each in drawing.nodes}
    for edge in drawing.edges:
        source, target = boxes[edge.source], boxes[edge.target]
        if direction == "right":
            assert source.x + source.width < target.x
        else:
            assert source.y + source.height < target.y


@pytest.mark.parametrize("direction", ["right", "down"])
def test_no_two_boxes_overlap_and_all_lie_within(direction: Direction) -> None:
    drawing = draw(some_graph(200), direction)
    for a, b in itertools.combinations(drawing.nodes, 2):
        beside = a.x + a.width <= b.x or b.x + b.width <= a.x
        above = a.y + a.height <= b.y or b.y + b.height <= a.y
        assert beside or above
    for each in drawing.nodes:
        assert 0 <= each.x <= each.x + each.width <= drawing.width
        assert 0 <= each.y <= each.y + each.height <= drawing.height


def test_a_line_begins_and_ends_at_its_boxes() -> None:
    drawing = draw([("a", "b"), ("b", "c"), ("a", "c")])
    boxes = {each.node.id: each for each in drawing.nodes}
    for edge in drawing.edges:
        source, target = boxes[edge.source], boxes[edge.target]
        assert edge.points[0][0] == pytest.approx(source.x + source.width, abs=0.2)
        assert edge.points[-1][0] == pytest.approx(target.x, abs=0.2)
        assert len(edge.points) % 2 == 0


def test_a_long_line_goes_round_the_boxes_between() -> None:
    drawing = draw([("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")])
    boxes = {each.node.id: each for each in drawing.nodes}
    long = next(edge for edge in drawing.edges if edge.source == "a" and edge.target == "d")
    for between in (boxes["b"], boxes["c"]):
        inside = [y for x, y in long.points if between.x <= x <= between.x + between.width]
        assert inside
        assert all(not between.y <= y <= between.y + between.height for y in inside)


def test_the_same_graph_gives_the_same_drawing() -> None:
    assert svg(draw(some_graph(150))) == svg(draw(some_graph(150)))


def test_a_tree_is_drawn_without_crossings() -> None:
    edges = [(f"n{(node - 1) // 3}", f"n{node}") for node in range(1, 80)]
    random.Random(3).shuffle(edges)
    drawing = draw(edges)
    lines = [(edge.points[0], edge.points[-1]) for edge in drawing.edges]
    for (a, b), (c, d) in itertools.combinations(lines, 2):
        if a[0] == c[0]:
            assert (a[1] - c[1]) * (b[1] - d[1]) >= 0


def test_a_circle_is_drawn_with_one_line_going_back() -> None:
    drawing = draw([("a", "b"), ("b", "c"), ("c", "a")])
    assert [(edge.source, edge.target) for edge in drawing.edges if edge.back] == [("c", "a")]


def test_loops_doubles_and_unknown_ends_are_left_out() -> None:
    nodes = [Node("a", "a"), Node("b", "b")]
    drawing = layered(nodes, [("a", "a"), ("a", "b"), ("a", "b"), ("a", "x")])
    assert [(edge.source, edge.target) for edge in drawing.edges] == [("a", "b")]


def test_nothing_is_a_drawing_too() -> None:
    assert ElementTree.fromstring(svg(layered([], []))).tag.endswith("svg")


def test_a_deep_chain_is_no_matter_of_recursion() -> None:
    drawing = draw([(f"n{node}", f"n{node + 1}") for node in range(3000)])
    assert len(drawing.nodes) == 3001


def test_text_is_escaped_and_shortened_in_the_middle() -> None:
    text = svg(draw([], a="<&>\x00\ud800", b="results/" + "x" * 100 + "/figure.png"))
    root = ElementTree.fromstring(text)
    labels = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "<&>\\x00\\ud800" in labels
    assert any("…" in label and label.endswith("/figure.png") for label in labels)


def test_a_link_that_would_run_a_script_is_left_out() -> None:
    nodes = [Node("a", "a", link="javascript:alert(1)"), Node("b", "b", link="#there")]
    text = svg(layered(nodes, []))
    assert "javascript" not in text
    assert 'href="#there"' in text


def test_a_byte_of_a_name_that_is_no_text_is_written_out() -> None:
    assert visible("a\udcff") == "a\\xff"
