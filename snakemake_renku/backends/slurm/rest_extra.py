"""Options of ``sbatch`` (the resource ``slurm_extra``), said to slurmrestd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from snakemake_renku.backends.slurm.notation import hostlist
from snakemake_renku.errors import SubmissionRefused


def resources(value: object, prefix: str) -> str | None:
    """``2,a100:1`` as ``gres/gpu:2,gres/gpu:a100:1``, if ``prefix`` is ``gres/gpu:``."""
    if value is None:
        return None
    return ",".join(prefix + each.removeprefix("gres/") for each in str(value).split(","))


def requeue(wanted: bool | None, *, older: bool) -> dict[str, Any]:
    """Whether Slurm may start a job again; the older form takes any ``requeue`` for true."""
    if older and wanted is False:
        return {"no_requeue": True}
    return {} if wanted is None else {"requeue": wanted}


class Option(NamedTuple):
    """An option of sbatch; ``value`` is empty where it has none."""

    name: str
    value: str


_SHORT = {"x": "exclude", "w": "nodelist", "d": "dependency", "L": "licenses", "H": "hold"}
_SWITCHES = frozenset({"hold", "requeue", "no-requeue", "exclusive"})


def options(extra: tuple[str, ...]) -> Iterator[Option]:
    """The options among the words of ``extra``: ``--name=value``, ``--name value``, ``-x value``.

    Raises:
        SubmissionRefused: a word is none that can be asked of slurmrestd.
    """
    rest = list(extra)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
        elif word.startswith("-") and word[1:2] in _SHORT:
            name, value = _SHORT[word[1]], word[2:]
            equals = value
        else:
            raise _not_possible(word)
        if not equals and name not in _SWITCHES and rest and not rest[0].startswith("-"):
            value = rest.pop(0)
        yield Option(name, value)


def _listed(value: str) -> list[str]:
    return value.split(",")


def _same(value: str) -> str:
    return value


_Change = Callable[[str], object]
_FURTHER: dict[str, tuple[str, _Change, str, _Change]] = {
    "mail-user": ("mail_user", _same, "mail_user", _same),
    "mail-type": ("mail_type", _same, "mail_type", _listed),
    "licenses": ("licenses", _same, "licenses", _same),
    "dependency": ("dependency", _same, "dependency", _same),
    "nodelist": ("nodelist", _same, "required_nodes", hostlist),
    "wckey": ("wckey", _same, "wckey", _same),
    "nice": ("nice", int, "nice", int),
    "priority": ("priority", int, "priority", int),
    "threads-per-core": ("threads_per_core", int, "threads_per_core", int),
    "gpus-per-node": (
        *("gpus_per_node", _same),
        *("tres_per_node", lambda value: resources(value, "gres/gpu:")),
    ),
    "gpus-per-task": (
        *("gpus_per_task", _same),
        *("tres_per_task", lambda value: resources(value, "gres/gpu:")),
    ),
}
"""Options of sbatch: what they are called in the older form and in the newer."""


def further(option: Option, *, older: bool) -> dict[str, Any]:
    """The option as slurmrestd takes it.

    Raises:
        SubmissionRefused: slurmrestd does not, or the value is no number where it must be one.
    """
    match option.name:
        case "hold":
            return {"hold": True}
        case "requeue" | "no-requeue":
            return requeue(option.name == "requeue", older=older)
        case "exclusive" if not option.value:
            return {"exclusive": "exclusive"} if older else {"shared": ["none"]}
    if option.name not in _FURTHER:
        raise _not_possible(f"--{option.name}")
    old, change_old, new, change_new = _FURTHER[option.name]
    name, change = (old, change_old) if older else (new, change_new)
    try:
        return {name: change(option.value)}
    except ValueError:
        raise SubmissionRefused(
            f"--{option.name}={option.value} in slurm_extra is not a number.",
            remedy="Give a whole number.",
        ) from None


def _not_possible(word: str) -> SubmissionRefused:
    known = ", ".join(f"--{name}" for name in sorted({*_FURTHER, *_SWITCHES, "exclude"}))
    return SubmissionRefused(
        f"{word} in slurm_extra cannot be asked of slurmrestd.",
        remedy=f"Possible are {known}. For others, submit with Slurm's commands.",
    )
