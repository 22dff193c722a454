"""What a rule should ask for. Numbers in, words out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import msgspec

from snakemake_renku.efficiency.measure import RuleUse

MARGIN = 1.25
"""What a rule should ask for, in terms of the most that a job of it used."""
WORTH = 1.5
"""So many times what would do must be asked for before less is suggested."""
WORTH_MINUTES = 5
"""Minutes of runtime that are not worth a word."""
FEW = 3
"""Attempts below which the most that was seen says little of what is to come."""
SHORT_S = 2.0
"""Wall time below which the start of a job hides how many cores it uses."""

MB = 1e6


class Suggestion(msgspec.Struct, frozen=True):
    """A word on one resource of a rule.

    ``kind``: ``lower`` and ``raise`` say what would do, ``ask`` that nothing was asked for,
    ``none`` that there is nothing to suggest, and why. ``value`` is in the resource's own unit (MB,
    cores, minutes).
    """

    resource: Literal["mem_mb", "threads", "runtime"]
    kind: Literal["lower", "raise", "ask", "none"]
    words: str
    value: int | None = None


def suggest(use: RuleUse) -> list[Suggestion]:
    """What to change in a rule; nothing where it fits."""
    return [*_memory(use), *_cores(use), *_time(use)]


def _memory(use: RuleUse) -> Iterator[Suggestion]:
    wanted = None if use.memory is None else _round_up(use.memory.most * MARGIN / MB, least=10)
    why = "" if use.memory is None else f"(peak {_size(use.memory.most)} + 25 %)"
    asked = None if use.asked_memory is None else use.asked_memory.most / MB
    if use.killed_for_memory:
        yield _killed(use, wanted, why)
    elif use.memory is None or wanted is None:
        if use.measured:
            yield Suggestion("mem_mb", "none", "too short to see how much memory it uses")
    elif use.over_memory:
        words = f"mem_mb={wanted} {why}: {_attempts(use.over_memory)} used more than asked"
        yield Suggestion("mem_mb", "raise", words, wanted)
    elif asked is None:
        yield Suggestion("mem_mb", "ask", f"asked for no memory: mem_mb={wanted} {why}", wanted)
    elif asked > wanted * WORTH:
        yield Suggestion("mem_mb", "lower", f"mem_mb={wanted} would do {why}", wanted)


def _killed(use: RuleUse, wanted: int | None, why: str) -> Suggestion:
    times = f"killed for memory {_times(use.killed_for_memory)}"
    at = use.killed_at
    if at is None:
        return Suggestion("mem_mb", "raise", f"{times}: ask for more than the default mem_mb")
    times += f" (at mem_mb={at / MB:.0f})"
    if wanted is None or wanted * MB <= at:
        return Suggestion("mem_mb", "raise", f"{times}: raise mem_mb")
    return Suggestion("mem_mb", "raise", f"{times}: mem_mb={wanted} {why}", wanted)


def _cores(use: RuleUse) -> Iterator[Suggestion]:
    if use.cores is None or use.asked_cores is None or use.time is None:
        return
    asked, used = use.asked_cores.most, use.cores.most
    wanted = max(1, math.ceil(used - 0.2))
    if use.time.most < SHORT_S:
        if asked > 1:
            yield Suggestion("threads", "none", "too short to see how many cores it uses")
    elif wanted < asked:
        words = f"threads={wanted} would do: {used:.3g} of {asked:.0f} cores were used"
        yield Suggestion("threads", "lower", words, wanted)
    elif used > asked + 0.5:
        cores = "core" if asked == 1 else "cores"
        words = f"used {used:.3g} cores but asked for {asked:.0f} {cores}: threads={wanted},"
        words += " or hold its libraries to fewer threads"
        yield Suggestion("threads", "raise", words, wanted)


def _time(use: RuleUse) -> Iterator[Suggestion]:
    if use.time is None:
        if use.killed_for_time:
            words = f"stopped at its time limit {_times(use.killed_for_time)}: raise runtime"
            yield Suggestion("runtime", "raise", words)
        return
    wanted = _minutes(use.time.most * MARGIN / 60)
    why = f"(longest {_duration(use.time.most)} + 25 %)"
    asked = None if use.asked_time is None else use.asked_time.most / 60
    if use.killed_for_time or use.over_time:
        times = (
            f"stopped at its time limit {_times(use.killed_for_time)}"
            if use.killed_for_time
            else f"{_attempts(use.over_time)} took longer than asked"
        )
        yield Suggestion("runtime", "raise", f"runtime={wanted} {why}: {times}", wanted)
    elif asked is None:
        yield Suggestion("runtime", "ask", f"asked for no runtime: runtime={wanted} {why}", wanted)
    elif asked > wanted * WORTH and asked - wanted >= WORTH_MINUTES:
        yield Suggestion("runtime", "lower", f"runtime={wanted} would do {why}", wanted)


def reliance(use: RuleUse) -> str:
    """How far the numbers can be relied on, where that is not far; else nothing."""
    if not use.ok:
        return "none ended well"
    if not use.measured:
        return "not measured"
    if use.measured < FEW:
        return f"from {_attempts(use.measured)} only"
    if use.measured < use.ok:
        return f"from {use.measured} of {use.ok} jobs"
    return ""


def _attempts(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _round_up(number: float, least: int) -> int:
    """To two digits that count."""
    whole = max(least, math.ceil(number))
    step = int(10 ** max(0, len(str(whole)) - 2))
    return -(-whole // step) * step


def _minutes(number: float) -> int:
    """To whole minutes, from half an hour on to five, from three hours on to fifteen."""
    step = 1 if number <= 30 else 5 if number <= 180 else 15
    return max(1, math.ceil(number / step) * step)


def _size(count: float) -> str:
    return f"{count / 1e9:.2g} GB" if count >= 0.9995e9 else f"{max(1, round(count / MB))} MB"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{max(1, whole)} s"
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02} h" if hours else f"{minutes}:{second:02} min"
