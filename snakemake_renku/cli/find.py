"""Finding a job by its id, or by a file that it made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from snakemake_renku.errors import JournalError, NoSuchRun
from snakemake_renku.journal import JobHistory, RunHistory, find_run, list_runs, read_run


class _File(msgspec.Struct):
    path: str
    flags: tuple[str, ...] = ()


class _Step(msgspec.Struct):
    output: tuple[_File, ...] = ()


class _Spec(msgspec.Struct):
    id: str
    steps: tuple[_Step, ...] = ()


class _Submitted(msgspec.Struct):
    spec: _Spec | None = None


_decoder = msgspec.json.Decoder(_Submitted)


def find_job(workdir: Path, name: str, run: str | None) -> tuple[RunHistory, JobHistory]:
    """The job called ``name`` in the run ``run``, or in the latest one.

    ``name`` is the id of an attempt (``12.1``), of a job (``12``, its last attempt), or the path of
    an output: then the last job that made it, in ``run`` or over all runs.

    Raises:
        NoSuchRun: no run or no job is called so.
    """
    path = find_run(workdir, run)
    history = _read(path, strict=run is not None)
    job = _by_id(history, name) if history is not None else None
    if history is not None and job is not None:
        return history, job
    found = _by_output(workdir, name, [path] if run is not None else None)
    if found is None:
        where = "that run" if run is not None else "the latest run"
        raise NoSuchRun(
            f"{name!r} is neither a job of {where} nor a file that a recorded job made.",
            remedy="`snakemake-renku log latest` lists the jobs; --run names another run.",
        )
    return found


def _read(path: Path, *, strict: bool) -> RunHistory | None:
    try:
        return read_run(path)
    except JournalError:
        if strict:
            raise
        return None


def _by_id(history: RunHistory, name: str) -> JobHistory | None:
    if name in history.jobs:
        return history.jobs[name]
    attempts = [job for job in history.jobs.values() if job.spec.jobid == name]
    return max(attempts, key=lambda job: job.spec.attempt) if attempts else None


def _by_output(
    workdir: Path, name: str, paths: list[Path] | None
) -> tuple[RunHistory, JobHistory] | None:
    runs = list(reversed(list_runs(workdir))) if paths is None else paths
    for targets, inside in _targets(workdir, name):
        attempted = None
        for path in runs:
            for history, job in _makers(path, workdir, targets, inside):
                if job.record is not None and job.record.ok:
                    return history, job
                attempted = attempted or (history, job)
        if attempted is not None:
            return attempted
    return None


def _targets(workdir: Path, name: str) -> Iterator[tuple[set[str], bool]]:
    """Sets of names for the file, then for each folder that it is in."""
    root = os.path.abspath(workdir)
    targets = {name, os.path.abspath(name), os.path.abspath(os.path.join(root, name))}
    yield targets, False
    folder = os.path.dirname(os.path.abspath(os.path.join(root, name)))
    while folder.startswith(root + os.sep):
        yield {folder}, True
        folder = os.path.dirname(folder)


def _makers(
    path: Path, workdir: Path, targets: set[str], inside: bool
) -> Iterator[tuple[RunHistory, JobHistory]]:
    """The attempts in a journal that were to make one of ``targets``, the last one first."""
    try:
        data = path.read_bytes()
        ids = list(_claims(data, workdir, targets, inside))
    except OSError:
        return
    history = _read(path, strict=False) if ids else None
    if history is None:
        return
    for id in reversed(ids):
        if id in history.jobs:
            yield history, history.jobs[id]


def _encoded(name: str) -> bytes:
    # What is no UTF-8 in a name from the command line can stand in no journal either.
    return msgspec.json.encode(name.encode("utf-8", "replace").decode())[1:-1]


def _claims(data: bytes, workdir: Path, targets: set[str], inside: bool) -> Iterator[str]:
    # Most lines cannot name the file, and decoding is what takes time.
    names = {os.path.basename(target.rstrip("/")) for target in targets}
    needles = {_encoded(name) for name in names}
    root = os.path.abspath(workdir)
    for line in data.split(b"\n"):
        if not any(needle in line for needle in needles):
            continue
        try:
            spec = _decoder.decode(line).spec
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        files = [file for step in spec.steps for file in step.output] if spec is not None else []
        if spec is not None and any(
            (not inside or "directory" in file.flags)
            and (file.path in targets or os.path.abspath(os.path.join(root, file.path)) in targets)
            for file in files
        ):
            yield spec.id
