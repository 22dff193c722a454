"""Questions to Slurm, asked beside the thread that watches the jobs.

A command may take a minute before it gives up on a controller that is down. What jobs write on the
shared file system is to be heard of all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import TypeVar

from snakemake_renku.errors import BackendError, RenkuError

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What came back, to be given to :meth:`Calls.hear` in the thread that asked."""

    kind: str
    hear: Callable[[], None]


class Calls:
    """At most one call of each kind at a time; ``post`` takes their answers, from any thread."""

    def __init__(self, post: Callable[[Answer], None]) -> None:
        self._post = post
        self._began: dict[str, float] = {}

    def busy(self, kind: str) -> bool:
        """Whether a call of this kind is under way."""
        return kind in self._began

    @property
    def longest_s(self) -> float:
        """For how long the call that waits longest has waited, in seconds."""
        return time.monotonic() - min(self._began.values(), default=time.monotonic())

    def begin(
        self,
        kind: str,
        ask: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[RenkuError], None],
    ) -> None:
        """Have ``ask`` called, and its answer given to ``then``, or its error to ``failed``."""
        self._began[kind] = time.monotonic()
        thread = Thread(
            target=self._run, args=(kind, ask, then, failed), name=f"renku-{kind}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # as many threads as may be
            self._post(Answer(kind, partial(failed, BackendError(str(error)))))

    def _run(
        self,
        kind: str,
        ask: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[RenkuError], None],
    ) -> None:
        try:
            value = ask()
        except RenkuError as error:
            self._post(Answer(kind, partial(failed, error)))
        except Exception as error:  # a fault of ours must not cost the jobs their ends
            words = BackendError(f"{type(error).__name__}: {error}")
            self._post(Answer(kind, partial(failed, words)))
        else:
            self._post(Answer(kind, partial(then, value)))

    def hear(self, answer: Answer) -> None:
        """Go on with what an answer is for."""
        del self._began[answer.kind]
        answer.hear()
