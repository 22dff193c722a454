"""How memory and time of a job grow when it had too little of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import msgspec

from snakemake_renku.errors import SettingsError
from snakemake_renku.model import FailureKind

_TIMES = 5
"""How often at most a job gets more."""

_NAMES = ("mem_mb", "runtime")
_NUMBER = re.compile(r"\d+(\.\d+)?")


class Escalation(msgspec.Struct, frozen=True):
    """By how much memory and time grow each time; 1 for not at all."""

    mem_mb: float = 1.0
    runtime: float = 1.0

    @classmethod
    def parse(cls, text: str | None) -> Escalation:
        """From ``2``, or ``mem_mb=2,runtime=1.5``.

        Raises:
            SettingsError: it is neither.
        """
        if text is None:
            return cls()
        if _NUMBER.fullmatch(text):
            return cls(_factor(text), _factor(text))
        parts = [part.partition("=")[::2] for part in text.split(",")]
        if any(name not in _NAMES for name, _ in parts):
            raise SettingsError(
                f"Unknown escalation {text!r}.",
                remedy="Give a factor for both, as 2, or for each, as mem_mb=2,runtime=1.5.",
            )
        return cls(**{name: _factor(value) for name, value in parts})

    def more(
        self,
        kind: FailureKind,
        resources: Mapping[str, int | str],
        most: tuple[int | None, int | None],
        times: int,
    ) -> dict[str, int] | None:
        """What a job that failed so is to get instead of ``resources``, for the ``times``-th time.

        ``most`` is the memory (MB, of each core where ``mem_mb_per_cpu`` is asked for) and the time
        (minutes) that it can get. None if it gets no more.
        """
        memory = "mem_mb_per_cpu" if resources.get("mem_mb_per_cpu") else "mem_mb"
        wanted = {
            "out_of_memory": (memory, self.mem_mb, most[0]),
            "timeout": ("runtime", self.runtime, most[1]),
        }
        if kind not in wanted or times > _TIMES:
            return None
        name, factor, limit = wanted[kind]
        now = resources.get(name)
        if not isinstance(now, int) or now <= 0 or factor <= 1:
            return None
        more = math.ceil(now * factor)
        more = more if limit is None else min(more, limit)
        return {name: more} if more > now else None


def _factor(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not 1 <= float(text) <= 100:
        raise SettingsError(
            f"The factor {text!r} of an escalation is not a number from 1 to 100.",
            remedy="Give one, as --renku-escalate 2.",
        )
    return float(text)
