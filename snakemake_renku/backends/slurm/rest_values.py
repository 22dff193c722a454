"""Single values in the answers of slurmrestd, in the forms that its API versions give them.

Until v0.0.38 numbers are plain, and Slurm's "no value" and "infinite" are the largest numbers of
their width (``NO_VAL`` and ``INFINITE`` in ``slurm.h``). From v0.0.40 on, numbers that may be
missing are ``{"set": true, "infinite": false, "number": 4}``. Lists are comma-separated text in the
older form, and lists in the newer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MISSING = frozenset(2**width - less for width in (16, 32, 64) for less in (1, 2))

# A state may come with additions; Slurm's own commands show the first of these instead of it
# (job_state_string() in Slurm).
_ADDITIONS = (
    *("COMPLETING", "STAGE_OUT", "CONFIGURING", "RESIZING", "REQUEUED", "REQUEUE_FED"),
    *("REQUEUE_HOLD", "SPECIAL_EXIT", "STOPPED", "REVOKED", "RESV_DEL_HOLD", "SIGNALING"),
)


def number(value: object) -> int | None:
    """A count; None where there is none, or no limit."""
    if isinstance(value, Mapping):
        if not value.get("set", True) or value.get("infinite"):
            return None
        return number(value.get("number"))
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        count = int(value)
    except (ValueError, OverflowError):
        return None
    return None if count in _MISSING or count < 0 else count


def words(value: object) -> tuple[str, ...]:
    """Words that come as a list, or separated by commas."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple):
        return ()
    return tuple(word for each in value if (word := str(each).strip()))


def text(value: object) -> str:
    """A word; empty where there is none."""
    return value if isinstance(value, str) else ""


def state(value: object) -> str:
    """The state of a job as ``squeue`` shows it, in Slurm's long word and without additions."""
    found = [word.split()[0].upper() for word in words(value)]
    if not found:
        return "UNKNOWN"
    return next((word for word in _ADDITIONS if word in found), found[0])


def ending(value: object) -> tuple[int | None, int | None]:
    """Exit code and signal: from a wait status, or from the parts that newer versions give."""
    if isinstance(value, Mapping) and "return_code" in value:
        signal: Any = value.get("signal")
        if isinstance(signal, Mapping):
            signal = signal.get("id", signal.get("signal_id"))
        return number(value["return_code"]) or 0, number(signal) or 0
    status = number(value)
    if status is None:
        return None, None
    return status >> 8 & 0xFF, status & 0x7F
