"""What a comparison has found so far, and the finding that comes of it."""

from __future__ import annotations

from collections.abc import Sequence

from snakemake_renku.model import Difference, Finding, Tolerance
from snakemake_renku.replay.compare.numbers import Apart, Number, apart
from snakemake_renku.replay.compare.wording import many, printable, some

MOST = 10
"""Differences that a finding shows."""

SURPLUS = 1000
"""Places that are remembered of one thing that is ignored."""


class Tally:
    """Collects differences, extents and what was ignored, in bounded memory.

    ``values`` counts what was compared. ``part`` groups differences (by variable, by file): a
    finding shows the first ones of each part in turn, so that one part cannot hide the others.
    """

    def __init__(self, tolerance: Tolerance) -> None:
        self.tolerance = tolerance
        self.values = 0
        self.count = 0
        self._parts: dict[str, list[Difference]] = {}
        self._ignored: dict[str, dict[str, None]] = {}
        self._within = 0
        self._absolute: float | None = None
        self._relative: float | None = None

    def wants(self, part: str) -> int:
        """How many more differences of a part would be of use in words."""
        if part in self._parts:
            return MOST - len(self._parts[part])
        return MOST if len(self._parts) < MOST else 0

    def differ(
        self,
        where: str,
        sides: Sequence[str | None],
        amount: float | None = None,
        *,
        part: str = "",
        count: int = 1,
    ) -> None:
        """Note a difference, which stands for ``count`` of them.

        ``sides`` are words for what was recorded and what was replayed; the amount is between them.
        """
        self.count += count
        if self.wants(part) > 0:
            texts = [text and printable(text) for text in sides]
            difference = Difference(printable(where), texts[0], texts[1], amount)
            self._parts.setdefault(part, []).append(difference)

    def more(self, count: int) -> None:
        """Count differences that are not told in words."""
        self.count += count

    def ignore(self, what: str, place: str | None = None) -> None:
        """Name something that is not the same and was left out of account."""
        places = self._ignored.setdefault(printable(what), {})
        if place is not None and len(places) < SURPLUS:
            places[printable(place)] = None

    def extent(self, absolute: float | None, relative: float | None) -> None:
        """Take in how far numbers are apart."""
        self._absolute = _larger(self._absolute, absolute)
        self._relative = _larger(self._relative, relative)

    def within(self, count: int) -> None:
        """Count numbers that are not the same, but within the tolerance."""
        self._within += count

    def number(self, recorded: Number, replayed: Number) -> Apart | None:
        """Compare two numbers; what is returned is None if they are equal or close enough."""
        found = apart(recorded, replayed, self.tolerance)
        if found is None:
            return None
        self.extent(found.absolute, found.relative)
        if not found.within:
            return found
        self._within += 1
        return None

    def add(self, finding: Finding, name: str) -> None:
        """Take in what was found in a part, such as a file of a folder."""
        self.values += finding.values or 0
        self.extent(finding.largest_absolute, finding.largest_relative)
        for found in finding.differences:
            where = f"{name}: {found.where}"
            self.differ(where, (found.recorded, found.replayed), found.amount, part=name)
        self.more(finding.count - len(finding.differences))
        for text in finding.ignored:
            self.ignore(text, name)

    def finding(self, compared_as: str, layout: str = "how the content is laid out") -> Finding:
        """The result for two files whose bytes are not the same.

        ``layout`` names what must differ between them if nothing else was found to.
        """
        different = self.count > 0
        ignored = self._all_ignored()
        return Finding(
            outcome="different" if different else "equivalent",
            compared_as=compared_as,
            differences=self._first(),
            count=self.count,
            ignored=ignored if ignored or different else (layout,),
            values=self.values,
            largest_absolute=self._absolute,
            largest_relative=self._relative,
        )

    def _all_ignored(self) -> tuple[str, ...]:
        texts = [f"{what} ({some(at)})" if at else what for what, at in self._ignored.items()]
        if self._within:
            t = self.tolerance
            texts.append(
                f"{many(self._within, 'number')} not equal, but within the tolerance "
                f"(relative {t.relative:g}, absolute {t.absolute:g})"
            )
        return tuple(texts)

    def _first(self) -> tuple[Difference, ...]:
        """Of each part the same number as far as there are, and each part's together."""
        lengths = dict.fromkeys(self._parts, 0)
        left = MOST
        while left and any(lengths[name] < len(of) for name, of in self._parts.items()):
            for name, of in self._parts.items():
                if left and lengths[name] < len(of):
                    lengths[name] += 1
                    left -= 1
        return tuple(d for name, of in self._parts.items() for d in of[: lengths[name]])


def _larger(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
