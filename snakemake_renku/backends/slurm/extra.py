"""Further options of ``sbatch``, from the resource ``slurm_extra``."""

from __future__ import annotations

import shlex

from snakemake_renku.errors import SettingsError

_OURS = "It is set by snakemake-renku, which finds its jobs and their output by it."
_MANY = "Jobs are put into arrays by snakemake-renku itself."
_WAIT = "Jobs are watched by snakemake-renku; sbatch is to return at once."


def _resource(*names: str) -> str:
    return f"Give the rule the resource {' or '.join(names)} instead."


_REFUSED = {
    "job-name": _OURS,
    "output": _OURS,
    "error": _OURS,
    "input": _OURS,
    "comment": _OURS,
    "parsable": _OURS,
    "chdir": "Jobs run in Snakemake's working directory.",
    "workdir": "Jobs run in Snakemake's working directory.",
    "export": "Jobs get the environment of Snakemake.",
    "export-file": "Jobs get the environment of Snakemake.",
    "wrap": "What a job executes comes from its rule.",
    "array": _MANY,
    "wait": _WAIT,
    "test-only": _WAIT,
    "help": _WAIT,
    "usage": _WAIT,
    "version": _WAIT,
    "account": _resource("slurm_account"),
    "partition": _resource("slurm_partition"),
    "mem": _resource("mem_mb"),
    "mem-per-cpu": _resource("mem_mb_per_cpu"),
    "mem-per-gpu": _resource("mem_mb_per_gpu"),
    "ntasks": _resource("tasks"),
    "ntasks-per-node": _resource("tasks_per_node"),
    "ntasks-per-gpu": _resource("tasks_per_gpu"),
    "cpus-per-task": "Give the rule threads, or the resource cpus_per_task, instead.",
    "cpus-per-gpu": _resource("cpus_per_gpu"),
    "time": _resource("runtime"),
    "tmp": _resource("disk_mb"),
    "constraint": _resource("constraint"),
    "qos": _resource("qos"),
    "reservation": _resource("reservation"),
    "nodes": _resource("nodes"),
    "clusters": _resource("clusters"),
    "gres": _resource("gres"),
    "gpus": _resource("gpu", "gpus"),
}
"""Long options that are refused, each with what to do."""

_SHORT = {
    **{"J": "job-name", "o": "output", "e": "error", "i": "input", "a": "array", "D": "chdir"},
    **{"A": "account", "p": "partition", "n": "ntasks", "c": "cpus-per-task", "t": "time"},
    **{"C": "constraint", "q": "qos", "N": "nodes", "M": "clusters", "G": "gpus", "W": "wait"},
    **{"h": "help", "V": "version"},
}
_SWITCHES = "HIkKOQsv"
"""Short options without a value, which others may follow in the same word."""

_ALLOWED = ("nice", "mem-bind", "time-min", "no-requeue", "exclusive", "exclude")
"""Options of which a shorter form must not be taken for a refused one's."""


def extra_options(text: str, rule: str) -> tuple[str, ...]:
    """The words of ``text``, split as a shell does; a second pair of quotes around all is dropped.

    Raises:
        SettingsError: a quote is not closed, or there is an option that is not for the user to set;
            the message names ``rule``.
    """
    words = _split(text, rule)
    if len(words) == 1 and words[0].startswith("-") and any(c.isspace() for c in words[0]):
        words = _split(words[0], rule)
    for word in words:
        name = _refused(word)
        if name is not None:
            raise SettingsError(
                f"Rule {rule} has {word!r} in slurm_extra; --{name} is not possible there.",
                remedy=_REFUSED[name],
            )
    return tuple(words)


def _split(text: str, rule: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise SettingsError(
            f"Rule {rule} has slurm_extra={text!r}, which cannot be split into words: {error}.",
            remedy="Close the quote.",
        ) from error


def _refused(word: str) -> str | None:
    """The long name of the refused option that ``word`` is, if it is one."""
    if word.startswith("--"):
        name = word[2:].partition("=")[0]
        if name in _REFUSED:
            return name
        # sbatch takes the beginning of an option's name for the option.
        if len(name) < 2 or any(each.startswith(name) for each in _ALLOWED):
            return None
        return next((each for each in _REFUSED if each.startswith(name)), None)
    if word.startswith("-") and len(word) > 1:
        return _SHORT.get(word[1:].lstrip(_SWITCHES)[:1])
    return None
