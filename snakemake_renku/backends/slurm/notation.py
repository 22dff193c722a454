"""How Slurm writes lists of hosts and tasks, states, times, limits and resources."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from snakemake_renku.errors import BackendError

NOTHING = frozenset({"", "(null)", "N/A", "None assigned", "NONE", "n/a"})
"""How Slurm says that there is no value."""

_NODE_MARKS = "*~#!%$@^-+"


def job_name(text: str) -> tuple[int, list[int | None]]:
    """``123``, ``123_4`` and ``123_[1-4,7%5]``: the job, and its tasks."""
    job, _, tasks = text.partition("_")
    return int(job.partition("+")[0]), indices(tasks.strip("[]"))


def indices(text: str) -> list[int | None]:
    """``1-4,7%5`` or ``1-9:2`` unfolded; ``[None]`` where there is no array."""
    if text in NOTHING:
        return [None]
    found: list[int | None] = []
    if "..." in text:
        raise BackendError(
            f"Slurm cuts off the list of an array's tasks: {text}.",
            remedy="Its commands are to honour SLURM_BITSTR_LEN=0; are they wrapped here?",
        )
    for part in text.partition("%")[0].strip("[]").split(","):
        first, _, rest = part.partition("-")
        last, _, step = rest.partition(":")
        found += range(int(first), int(last or first) + 1, int(step or 1))
    return found


def ranges(tasks: list[int]) -> str:
    """``1-4,7``: the shortest way to say them."""
    parts = []
    for _, group in itertools.groupby(enumerate(sorted(set(tasks))), lambda at: at[1] - at[0]):
        run = [task for _, task in group]
        parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    return ",".join(parts)


def hostlist(text: str) -> tuple[str, ...]:
    """``n[01-03,7],gpu-[1-2]-x`` unfolded."""
    if text in NOTHING:
        return ()
    return tuple(name for part in _outside_brackets(text) for name in _unfold(part))


def _outside_brackets(text: str) -> list[str]:
    return re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text)


def _unfold(text: str) -> Iterator[str]:
    before, bracket, rest = text.partition("[")
    if not bracket:
        yield text
        return
    inside, _, after = rest.partition("]")
    for part in inside.split(","):
        first, _, last = part.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield from _unfold(f"{before}{number:0{len(first)}d}{after}")


def long_state(text: str) -> tuple[str, str | None]:
    """A job's state without additions, and who cancelled it: ``CANCELLED by 1000``."""
    state, _, rest = text.strip().partition(" ")
    by = rest.removeprefix("by ").strip() if rest.startswith("by ") else None
    return state.rstrip("+"), by


def node_state(text: str) -> tuple[str, ...]:
    """``IDLE+DRAIN``, ``DOWN*+DRAIN`` (the star: it does not respond), ``MIXED-``."""
    words = []
    for word in text.split():
        for each in word.split("+"):
            bare = each.rstrip(_NODE_MARKS)
            words += [bare] if bare else []
            words += ["NOT_RESPONDING"] if "*" in each else []
    return tuple(words)


def exit_pair(text: str) -> tuple[int, int]:
    """``7:0``: exit code and signal."""
    code, _, signal = text.partition(":")
    return int(code) if code.isdigit() else 0, int(signal) if signal.isdigit() else 0


def minutes(text: str) -> int | None:
    """``1-12:00:00``, ``05:00`` or ``UNLIMITED``: in minutes, rounded up."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if match is None:
        return None
    days, hours, minute, seconds = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + minute + (1 if seconds else 0)


def limit(text: str) -> int | None:
    """A number, or None for ``UNLIMITED`` and what says nothing."""
    number = text.partition("(")[0].strip()
    return int(number) if number.isdigit() else None


def names(text: str) -> tuple[str, ...]:
    """``a,b``; nothing for ``ALL``."""
    if text in NOTHING or text.upper() == "ALL":
        return ()
    return tuple(part for part in text.split(",") if part)


def gres(text: str) -> dict[str, int]:
    """``gpu:a100:2(S:0-1),disk:10G``: how many there are, by name and by name with type."""
    found: dict[str, int] = {}
    for part in re.sub(r"\([^)]*\)", "", "" if text in NOTHING else text).split(","):
        words = [word for word in part.strip().split(":") if word and word != "no_consume"]
        count = 1
        if len(words) > 1 and (number := _count(words[-1])) is not None:
            count = number
            words.pop()
        for name in dict.fromkeys((words[0], ":".join(words[:2])) if words else ()):
            found[name] = found.get(name, 0) + count
    return found


def _count(text: str) -> int | None:
    match = re.fullmatch(r"(\d+)([KMGTP]?)", text)
    return int(match[1]) * 1024 ** " KMGTP".index(match[2] or " ") if match else None
