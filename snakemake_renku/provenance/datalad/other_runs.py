"""What the other runs of a working directory made, read from their journals as far as needed."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec

from snakemake_renku.journal import RunHistory, list_runs, normal_path


class Made(NamedTuple):
    """A file as a job of another run left it."""

    run: str
    digest: str | None
    temp: bool


class _File(msgspec.Struct):
    path: str
    digest: str | None = None
    flags: tuple[str, ...] = ()


class _Step(msgspec.Struct):
    output: tuple[_File, ...] = ()


class _Job(msgspec.Struct):
    id: str
    steps: tuple[_Step, ...] = ()
    failure: msgspec.Raw = msgspec.Raw()


class _Info(msgspec.Struct):
    workdir: str


class _Line(msgspec.Struct):
    event: str
    info: _Info | None = None
    spec: _Job | None = None
    record: _Job | None = None


_decoder = msgspec.json.Decoder(_Line)


class OtherRuns:
    """The files that runs before and after ``run`` made, by path as :func:`normal_path` gives it.

    Journals that cannot be read are passed over.
    """

    def __init__(self, workdir: Path, run: RunHistory) -> None:
        name = run.info.run
        paths = list_runs(workdir)
        self._before = [path for path in paths if path.stem < name]
        self._after = [path for path in paths if path.stem > name]

    @cached_property
    def later(self) -> dict[str, list[Made]]:
        """What runs that began after this one made, the oldest first."""
        return _made_in(self._after)

    @cached_property
    def earlier(self) -> dict[str, list[Made]]:
        """What runs that began before this one made, the oldest first."""
        return _made_in(self._before)


def _made_in(journals: list[Path]) -> dict[str, list[Made]]:
    made: dict[str, list[Made]] = defaultdict(list)
    for journal in journals:
        for path, file in _files_of(journal):
            made[path].append(file)
    return dict(made)


def _files_of(journal: Path) -> list[tuple[str, Made]]:
    workdir = ""
    temporary: set[str] = set()
    found = []
    try:
        lines = journal.read_bytes().split(b"\n")
    except OSError:
        return []
    for raw in lines:
        try:
            line = _decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        if line.info is not None:
            workdir = line.info.workdir
        elif line.spec is not None:
            temporary |= {f.path for s in line.spec.steps for f in s.output if "temp" in f.flags}
        elif line.record is not None and not line.record.failure:
            files = (file for step in line.record.steps for file in step.output)
            found += [
                (normal_path(f.path, workdir), Made(journal.stem, f.digest, f.path in temporary))
                for f in files
            ]
    return found
