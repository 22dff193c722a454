"""A place to listen to Snakemake's log records, for parts that have no other way to learn of them.

Local rules, for one, never reach an executor plugin; the logger is all that tells of them. The
records are handed over in the thread of Snakemake's queue listener.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

Observer = Callable[[logging.LogRecord], None]

_log = logging.getLogger(__name__)
_observers: list[Observer] = []


def subscribe(observer: Observer) -> Callable[[], None]:
    """Have ``observer`` called with each record from now on; returns what ends that."""
    _observers.append(observer)

    def unsubscribe() -> None:
        if observer in _observers:
            _observers.remove(observer)

    return unsubscribe


def observe(record: logging.LogRecord) -> None:
    """Hand ``record`` to every observer. What goes wrong in one is logged, and stops nothing."""
    for observer in tuple(_observers):
        try:
            observer(record)
        except Exception:
            _log.debug("An observer of Snakemake's log failed.", exc_info=True)
