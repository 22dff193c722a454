"""What slurmrestd's answers say went wrong, as our errors.

Numbers are those of ``slurm_errno.h``. Until v0.0.38 a token that is not accepted and a controller
that does not answer look the same: status 500, number -1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from snakemake_renku.backends.slurm.rest_http import Answer
from snakemake_renku.backends.slurm.rest_token import REMEDY
from snakemake_renku.errors import BackendError, BackendUnavailable, SlurmUnavailable

UNSPECIFIED = -1
NOT_AUTHENTICATED = 1007
NO_SUCH_JOB = 2017
ALREADY_OVER = 2021
NO_DESCRIPTION = 9002
NOTHING_FOUND = 9003

_PASSING = frozenset(
    {
        *(4, 11, 110, 111),  # EINTR, EAGAIN (too many jobs now), ETIMEDOUT, ECONNREFUSED
        *(set(range(1000, 1100)) - {NOT_AUTHENTICATED}),  # communication
        *range(1800, 1900),  # the controller cannot be reached
        2009,  # the controller is too busy
        *range(5000, 5100),  # sockets
        *range(7000, 7100),  # the accounting database cannot be reached
    }
)


class Problem(NamedTuple):
    """An error as slurmrestd tells it."""

    number: int | None
    words: str


def problems(answer: Answer) -> list[Problem]:
    """The errors in an answer; a text that is no JSON is one if the status says so."""
    found = list(_listed(answer.body.get("errors")))
    if not found and answer.status >= 400:
        found.append(Problem(None, answer.text or f"HTTP status {answer.status}"))
    return found


def _listed(errors: object) -> Iterator[Problem]:
    for each in errors if isinstance(errors, list) else ():
        if isinstance(each, dict):
            number = each.get("error_number", each.get("error_code", each.get("errno")))
            words = [each.get("error"), each.get("description")]
            told = ": ".join(dict.fromkeys(str(word) for word in words if word))
            yield Problem(number if isinstance(number, int) else None, told)


def unavailable(answer: Answer, what: str) -> BackendError | None:
    """The error if slurmrestd or the controller does not serve us, whatever was asked."""
    found = problems(answer)
    numbers = {problem.number for problem in found}
    if answer.status in (401, 403, 511) or NOT_AUTHENTICATED in numbers:
        return BackendUnavailable(
            f"{what} does not accept the token: {told(found)}.",
            remedy=f"Is it of this cluster, and for this user? {REMEDY}",
        )
    if UNSPECIFIED in numbers:
        return SlurmUnavailable(
            f"{what} cannot ask the controller: it does not answer, or the token is not accepted.",
            remedy=f"If it lasts: {REMEDY}",
        )
    if numbers & _PASSING or answer.status in (408, 429, 502, 503, 504):
        return SlurmUnavailable(
            f"{what} cannot serve now: {told(found)}.",
            remedy="If this lasts, ask the cluster's staff whether slurmctld is well.",
        )
    return None


def told(found: list[Problem]) -> str:
    """All words of some errors, each once."""
    return "; ".join(dict.fromkeys(problem.words for problem in found if problem.words)).rstrip(".")
