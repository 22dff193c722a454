"""How much processor time and memory a reader may take before it is given up.

A damaged HDF5 file has been seen to keep its library in a loop for ever, so the process that reads
may use only so many seconds of processor time from one block of content to the next. Time on the
clock would tell nothing on a busy machine.
"""

from __future__ import annotations

import resource

MOST_MEMORY = 16 << 30
"""Bytes of address space; what a library asks for beyond that, it does not get."""

_seconds: int | None = None


def begin(seconds: int) -> None:
    """Limit this process from now on."""
    global _seconds
    _seconds = seconds
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_least(MOST_MEMORY, most), most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    renew()


def renew() -> None:
    """Give the reader as much time again; nothing happens in a process without limits.

    Once the time is used up, the process ends by SIGXCPU.
    """
    if _seconds is None:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    used = int(usage.ru_utime + usage.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (_least(used + 1 + _seconds, most), most))


def _least(wanted: int, most: int) -> int:
    return wanted if most == resource.RLIM_INFINITY else min(wanted, most)
