"""The order of events: nothing is before itself, and no times go backwards (30–49, 52).

Starts and ends of activities, generations and invalidations of entities, and usages are the nodes
of a graph whose edges say that one comes before the other, or at the same time. Events that are
several by the statements but one in time (two generations of an entity, constraint 39) are one
node. A derivation's entities are made strictly one after the other, so a circle through one is
impossible; so is one of specializations. The graph is walked once, in time linear in its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from snakemake_renku.provenance.prov.constraints.circles import components
from snakemake_renku.provenance.prov.constraints.statements import Statements, Violation

Event = tuple[str, Any]
"""What happened, and to what."""


class _Edge(NamedTuple):
    to: int
    constraint: int
    strict: bool


class _Order:
    """Events with what must come after them, and the times that are stated."""

    def __init__(self) -> None:
        self.numbers: dict[Event, int] = {}
        self.events: list[Event] = []
        self.after: list[list[_Edge]] = []
        self.times: dict[int, datetime] = {}
        self.contradictions: list[Violation] = []

    def node(self, event: Event) -> int:
        number = self.numbers.get(event)
        if number is None:
            number = self.numbers[event] = len(self.events)
            self.events.append(event)
            self.after.append([])
        return number

    def before(self, one: Event, other: Event, constraint: int, *, strict: bool = False) -> None:
        self.after[self.node(one)].append(_Edge(self.node(other), constraint, strict))

    def at(self, event: Event, time: datetime | None, constraint: int) -> None:
        """State the time of an event; another time of the same breaks ``constraint``."""
        if time is None:
            return
        time = _comparable(time)
        known = self.times.setdefault(self.node(event), time)
        if known != time:
            message = f"{_words(event)} is said to be at {known} and at {time}"
            self.contradictions.append(Violation(constraint, message))


def misordered(statements: Statements) -> Iterator[Violation]:
    """Events that come before themselves, or whose times contradict their order."""
    yield from _circular_specializations(statements)
    order = _Order()
    _activities(order, statements)
    _entities(order, statements)
    _relations(order, statements)
    _agents(order, statements)
    yield from order.contradictions
    yield from _walk(order)


def _activities(order: _Order, statements: Statements) -> None:
    for activity, (started, ended) in statements.of("Activity"):
        start, end = ("start", activity), ("end", activity)
        order.before(start, end, 30)
        order.at(start, started, 28)
        order.at(end, ended, 29)
    for kind, what, same, within in (("Start", "start", 31, 43), ("End", "end", 32, 44)):
        for _, (activity, trigger, _, time) in statements.of(kind):
            event = (what, activity)
            order.at(event, time, same)
            if trigger is not None:
                order.before(("generation", trigger), event, within)
                order.before(event, ("invalidation", trigger), within)


def _entities(order: _Order, statements: Statements) -> None:
    for _, (entity, activity, time) in statements.of("Generation"):
        event = ("generation", entity)
        order.at(event, time, 39)
        _within(order, event, activity, 34)
    for _, (entity, _, time) in statements.of("Invalidation"):
        event = ("invalidation", entity)
        order.at(event, time, 40)
        order.before(("generation", entity), event, 36)
    for number, (id, (activity, entity, time)) in enumerate(statements.of("Usage")):
        event = ("usage", id if id is not None else (number, activity, entity))
        order.at(event, time, 23)
        _within(order, event, activity, 33)
        if entity is not None:
            order.before(("generation", entity), event, 37)
            order.before(event, ("invalidation", entity), 38)


def _within(order: _Order, event: Event, activity: Any, constraint: int) -> None:
    if activity is not None:
        order.before(("start", activity), event, constraint)
        order.before(event, ("end", activity), constraint)


def _relations(order: _Order, statements: Statements) -> None:
    for _, (informed, informant) in statements.of("Communication"):
        order.before(("start", informant), ("end", informed), 35)
    for _, (entity, source, _, _, usage) in statements.of("Derivation"):
        generation = ("generation", entity)
        order.before(("generation", source), generation, 42, strict=True)
        if usage is not None:
            order.before(("usage", usage), generation, 41)
    for _, (specific, general) in statements.of("Specialization"):
        order.before(("generation", general), ("generation", specific), 45)
        order.before(("invalidation", specific), ("invalidation", general), 46)


def _agents(order: _Order, statements: Statements) -> None:
    """An agent that is an entity or an activity was there when it acted."""
    entities = {id for id, _ in statements.of("Entity")}
    activities = {id for id, _ in statements.of("Activity")}
    for _, (activity, agent, _) in statements.of("Association"):
        if agent in entities:
            order.before(("start", activity), ("invalidation", agent), 47)
            order.before(("generation", agent), ("end", activity), 47)
        if agent in activities:
            order.before(("start", activity), ("end", agent), 47)
            order.before(("start", agent), ("end", activity), 47)
    for _, (entity, agent) in statements.of("Attribution"):
        if agent in entities:
            order.before(("generation", agent), ("generation", entity), 48)
        if agent in activities:
            order.before(("start", agent), ("generation", entity), 48)
    for _, (delegate, responsible, _) in statements.of("Delegation"):
        if responsible in entities and delegate in entities:
            order.before(("generation", responsible), ("invalidation", delegate), 49)
        if responsible in activities and delegate in activities:
            order.before(("start", responsible), ("end", delegate), 49)


def _circular_specializations(statements: Statements) -> Iterator[Violation]:
    """An entity cannot be a specialization of itself, not even by way of others (inference 19)."""
    numbers: dict[Any, int] = {}
    after: list[list[int]] = []
    for _, (specific, general) in statements.of("Specialization"):
        for name in (specific, general):
            if numbers.setdefault(name, len(after)) == len(after):
                after.append([])
        if specific == general:
            yield Violation(52, f"{specific} is a specialization of itself")
        else:
            after[numbers[specific]].append(numbers[general])
    names = list(numbers)
    for circle in components(after):
        if len(circle) > 1:
            some = ", ".join(sorted(str(names[number]) for number in circle)[:3])
            yield Violation(52, f"{some} are specializations of one another")


def _walk(order: _Order) -> Iterator[Violation]:
    """Look at the events in their order, those that must be at the same time together."""
    latest: dict[int, int] = {}
    circles = components([[edge.to for edge in edges] for edges in order.after])
    for circle in reversed(circles):
        if len(circle) > 1 or any(edge.to == circle[0] for edge in order.after[circle[0]]):
            yield from _in_circle(order, circle)
            _share(order, circle, latest)
        for number in circle:
            if number in order.times:
                witness = latest.get(number)
                if witness is None or order.times[witness] <= order.times[number]:
                    latest[number] = number
            if number in latest:
                yield from _later(order, number, latest)


def _later(order: _Order, number: int, latest: dict[int, int]) -> Iterator[Violation]:
    witness = latest[number]
    for edge in order.after[number]:
        time = order.times.get(edge.to)
        if time is not None and time < order.times[witness]:
            one, other = order.events[witness], order.events[edge.to]
            message = (
                f"{_words(other)}, at {time}, cannot be before {_words(one)},"
                f" at {order.times[witness]}"
            )
            yield Violation(edge.constraint, message)
        known = latest.get(edge.to)
        if known is None or order.times[known] < order.times[witness]:
            latest[edge.to] = witness


def _in_circle(order: _Order, circle: list[int]) -> Iterator[Violation]:
    inside = set(circle)
    edges = [edge for number in circle for edge in order.after[number] if edge.to in inside]
    strict = [edge for edge in edges if edge.strict]
    some = sorted(_words(order.events[number]) for number in circle)[:4]
    if strict:
        told = ", ".join(some)
        yield Violation(strict[0].constraint, f"each comes before the next, in a circle: {told}")


def _share(order: _Order, circle: list[int], latest: dict[int, int]) -> None:
    """What is known of one event of a circle holds for all, as they are at the same time."""
    known = [latest[number] for number in circle if number in latest]
    known += [number for number in circle if number in order.times]
    if known:
        last = max(known, key=lambda number: order.times[number])
        latest |= dict.fromkeys(circle, last)


def _comparable(time: datetime) -> datetime:
    """A time without a zone is taken as UTC."""
    from datetime import UTC

    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _words(event: Event) -> str:
    what, name = event
    if isinstance(name, tuple):
        name = f"{name[2]} by {name[1]}"
    return f"the {what} of {name}" if what != "usage" else f"the usage {name}"
