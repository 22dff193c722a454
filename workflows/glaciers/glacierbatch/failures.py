"""Glaciers that failed: caught one by one, so that a batch outlives them."""

import errno
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

T = TypeVar("T")

# Faults of the machine, not of the glacier: these must fail the job, which can then be run again.
MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE,
           errno.EROFS, errno.ESTALE}  # fmt: skip


@dataclass(frozen=True, order=True)
class Failure:
    """One glacier that failed: its id, the step, and the type and message of the error."""

    rgi_id: str
    step: str
    error: str
    message: str

    @classmethod
    def of(cls, rgi_id: str, step: str, error: Exception) -> "Failure":
        """Describe an error on one line."""
        return cls(rgi_id, step, type(error).__name__, " ".join(str(error).split()))

    @classmethod
    def from_dict(cls, content: Mapping[str, str]) -> "Failure":
        """The inverse of `dataclasses.asdict`."""
        return cls(**{field.name: content[field.name] for field in fields(cls)})


Step = tuple[str, Callable[[T], object]]


def run_steps(items: Iterable[tuple[str, T]], steps: Iterable[Step[T]]) -> tuple[list[T], list[Failure]]:
    """Take each glacier through all steps; returns those that came through, and the failures.

    A glacier that fails at a step is left out of the steps after it. Running out of memory or
    disk is raised, since it says nothing about the glacier.
    """
    steps = list(steps)
    survivors: list[T] = []
    failures: list[Failure] = []
    for rgi_id, item in items:
        failure = _first_failure(rgi_id, item, steps)
        if failure is None:
            survivors.append(item)
        else:
            failures.append(failure)
    return survivors, failures


def _first_failure(rgi_id: str, item: T, steps: Iterable[Step[T]]) -> Failure | None:
    for name, work in steps:
        try:
            work(item)
        except Exception as error:
            if is_machine_fault(error):
                raise
            return Failure.of(rgi_id, name, error)
    return None


def is_machine_fault(error: Exception) -> bool:
    """Whether the machine is to blame rather than the glacier."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in MACHINE)


def as_json(failures: Iterable[Failure]) -> list[dict[str, Any]]:
    """Failures as plain objects, sorted."""
    return [asdict(failure) for failure in sorted(failures)]
