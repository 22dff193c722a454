"""Snakemake's records as text: which ones are shown, and how each reads."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snakemake_renku.progress import joblogs
from snakemake_renku.progress.shown import Shown, quiet_name
from snakemake_renku.progress.text import clean, indent

_NOISE = re.compile(
    r"Select jobs to execute|Using shell:|Provided (cores|remote nodes|resources):"
    r"|Rules claiming more threads|Elapsed time:"
    r"|Assuming unrestricted shared filesystem|Removing temporary output|host: "
)
"""What Snakemake says of every run, and the display says better or nobody asks for."""

_HIDDEN_RESOURCES = ("_cores", "_nodes")


@dataclass(frozen=True, slots=True)
class Message:
    """A text to show, and the level (of :mod:`logging`) that it was said at."""

    text: str
    level: int = logging.INFO


class Wording:
    """Turns a record into a message, or None if it is not to be shown."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def message(self, record: logging.LogRecord) -> Message | None:
        """The message of ``record``; every error has one, whatever was switched off."""
        if record.levelno < logging.ERROR and not self._wanted(record):
            return None
        text = self._text(record).strip("\n")
        return Message(text, record.levelno) if text else None

    def _wanted(self, record: logging.LogRecord) -> bool:
        shown, event = self._shown, getattr(record, "event", None)
        if shown.silent and not (shown.dryrun and event == "run_info"):
            return False
        if event == "debug_dag":
            return shown.debug_dag
        if record.levelno < logging.INFO and not shown.verbose:
            return False
        if quiet_name(getattr(record, "quietness", "")) in shown.quiet:
            return False
        if record.levelno >= logging.WARNING or shown.verbose:
            return True
        return self._wanted_event(event, record)

    def _wanted_event(self, event: str | None, record: logging.LogRecord) -> bool:
        shown = self._shown
        match event:
            case "job_info":
                own_words = bool(getattr(record, "rule_msg", None))
                return shown.about("rules") and (shown.dryrun or shown.printshellcmds or own_words)
            case "shellcmd":
                return shown.about("rules") and shown.printshellcmds
            case "run_info":
                return shown.dryrun
            case "workflow_started":
                return shown.about("host")
            case None:
                return _NOISE.match(_plain(record)) is None
            case "error":
                return True
            case _:
                return False

    def _text(self, record: logging.LogRecord) -> str:
        fields = record.__dict__
        match getattr(record, "event", None):
            case "job_info":
                return "\n".join(self._job_info(fields))
            case "job_error":
                return "\n".join(self._job_error(fields))
            case "group_error":
                return "\n".join(self._group_error(fields))
            case "shellcmd":
                return _shell_command(fields)
            case "debug_dag":
                return _debug_dag(fields, record)
            case "workflow_started":
                return _workflow_started(fields, self._shown.verbose)
            case "run_info" if not self._shown.dryrun:
                return ""
            case _:
                return _plain(record)

    def _job_info(self, fields: Mapping[str, Any]) -> Iterator[str]:
        if fields.get("rule_msg"):
            yield f"Job {fields.get('jobid')}: {clean(str(fields['rule_msg']))}"
        else:
            yield job_title(fields)
        if not (self._shown.dryrun or self._shown.verbose):
            return
        yield from _files(fields, "input", "output", "log")
        if fields.get("benchmark"):
            yield f"    benchmark: {fields['benchmark']}"
        if self._shown.about("reason") and fields.get("reason"):
            yield f"    reason: {fields['reason']}"
        resources = _pairs(fields.get("resources"), omit=_HIDDEN_RESOURCES)
        if resources:
            yield f"    resources: {resources}"

    def _job_error(self, fields: Mapping[str, Any]) -> Iterator[str]:
        yield f"Error in rule {fields.get('rule_name')}:"
        said = fields.get("rule_msg")
        if said:
            yield f"    message: {_hanging(said)}"
        yield f"    jobid: {fields.get('jobid')}"
        yield from _files(fields, "input", "output")
        logs = _listed(fields.get("log"))
        if logs:
            yield f"    log: {', '.join(logs)} (check log file(s) for error details)"
        if fields.get("conda_env"):
            yield f"    conda-env: {fields['conda_env']}"
        if fields.get("container_img"):
            yield f"    container: {fields['container_img']}"
        if fields.get("shellcmd"):
            yield f"    shell:\n{indent(clean(str(fields['shellcmd'])), 8)}"
            # The message knows better, where there is one.
            if not said:
                yield "        (command exited with non-zero exit code)"
        yield from _aux(fields.get("aux"))
        if self._shown.failed_logs and logs:
            yield from joblogs.failed_logs(logs)

    def _group_error(self, fields: Mapping[str, Any]) -> Iterator[str]:
        yield f"Error in group {fields.get('groupid')}:"
        logs = _listed(fields.get("aux_logs"))
        if logs:
            yield f"    log: {', '.join(logs)} (check log file(s) for error details)"
        yield "    jobs:"
        for info in fields.get("job_error_info") or ():
            yield f"        rule {info.get('rule_name')} (jobid {info.get('jobid')}):"
            for line in _files(info, "output", "log"):
                yield f"        {line}"
        # Each member's own log files are shown with its own error, which follows.
        if self._shown.failed_logs and logs:
            yield from joblogs.failed_logs(logs)


def job_title(fields: Mapping[str, Any]) -> str:
    """``rule align (job 3, sample=A, threads 4):``, from the fields of a ``job_info`` record."""
    kind = "checkpoint" if fields.get("is_checkpoint") else "rule"
    local = "local" if fields.get("local") else ""
    about = [f"job {fields.get('jobid')}", _pairs(fields.get("wildcards"))]
    if fields.get("threads", 1) != 1:
        about.append(f"threads {fields['threads']}")
    if fields.get("priority"):
        about.append(f"priority {fields['priority']}")
    return f"{local}{kind} {fields.get('rule_name')} ({', '.join(part for part in about if part)}):"


def _plain(record: logging.LogRecord) -> str:
    text = record.getMessage()
    # Snakemake logs None beside an event; the queue before us made text of it.
    return "" if text == "None" else clean(text)


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(item) for item in value] if isinstance(value, Sequence) else []


def _files(fields: Mapping[str, Any], *names: str) -> Iterator[str]:
    for name in names:
        files = _listed(fields.get(name))
        if files:
            yield f"    {name}: {clean(', '.join(files))}"


def _pairs(value: Any, omit: Sequence[str] = ()) -> str:
    if not hasattr(value, "items"):
        return ""
    return clean(", ".join(f"{name}={item}" for name, item in value.items() if name not in omit))


def _aux(aux: object) -> Iterator[str]:
    if isinstance(aux, Mapping):
        for name, value in aux.items():
            yield f"    {name}: {_hanging(value)}"


def _hanging(value: object) -> str:
    return indent(clean(str(value)), 8).lstrip(" ")


def _shell_command(fields: Mapping[str, Any]) -> str:
    command = fields.get("cmd") or fields.get("shellcmd")
    return f"    shell:\n{indent(clean(str(command)), 8)}" if command else ""


def _debug_dag(fields: Mapping[str, Any], record: logging.LogRecord) -> str:
    job = fields.get("job")
    if job is None:
        cause = indent(str(fields.get("exception") or ""))
        return f"file {fields.get('file')}:\n{indent(_plain(record))}\n{cause}"
    rule = getattr(getattr(job, "rule", None), "name", job)
    wildcards = _pairs(getattr(job, "wildcards", None))
    return f"{fields.get('status')} job {rule}\n    wildcards: {wildcards}"


def _workflow_started(fields: Mapping[str, Any], verbose: bool) -> str:
    if verbose:
        names = ("workflow_id", "platform", "host", "user", "python_version", "cmd")
        more = "".join(f"\n    {name}: {fields[name]}" for name in names if fields.get(name))
    else:
        more = ""
    config = ", ".join(_listed(fields.get("configfiles")))
    return (
        f"Snakemake {fields.get('snakemake_version', '')}: {fields.get('snakefile_main') or '?'}"
        f" in {fields.get('cwd') or '?'}{f' with {config}' if config else ''}{more}"
    )
