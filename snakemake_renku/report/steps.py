"""The steps of a run's jobs, by columns: what each did, with which files, in which environment."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from snakemake_renku.model import (
    Environment,
    FileRef,
    FileSpec,
    JobRecord,
    JobSpec,
    ResolvedEnvironment,
    Role,
    Step,
    StepFiles,
)
from snakemake_renku.report.files import Files
from snakemake_renku.report.tables import Lists, Table, Texts, column


class Use(NamedTuple):
    """A file of a step: the number of its version, and what the step calls it."""

    file: int
    role: Role
    name: str | None = None
    flags: tuple[str, ...] = ()


class Around(NamedTuple):
    """What a step ran in: as it was found, and where nobody found out, as it was asked for."""

    container: str | None
    image_digest: str | None
    image_digest_of: str | None
    conda: str | None
    conda_hash: str | None
    modules: tuple[str, ...]


_COLUMNS = (
    "rule",
    "kind",
    "keys",
    "wildcards",
    "inputs",
    "reads",
    "outputs",
    "makes",
    "command",
    "params",
    "script",
    "code",
    "environment",
)


class Steps:
    """Collects steps, one after the other, and numbers them so.

    ``rules`` and ``inputs`` hold the rule of each, and the versions of the files that it reads.
    """

    def __init__(self, files: Files, strings: Table[str], lists: Lists, texts: Texts) -> None:
        self._files, self._strings, self._lists, self._texts = files, strings, lists, texts
        self._shapes: Table[tuple[tuple[Any, ...], ...]] = Table()
        self._environments: Table[Around] = Table()
        self._rows: list[tuple[Any, ...]] = []
        self.rules: list[str] = []
        self.inputs: list[tuple[int, ...]] = []

    def add(self, spec: JobSpec, record: JobRecord | None) -> None:
        """Take the steps of an attempt."""
        found = record.steps if record is not None else ()
        for place, step in enumerate(spec.steps):
            files = found[place] if place < len(found) else None
            inputs = list(self._inputs(step, files))
            outputs = list(self._outputs(step, files))
            self._rows.append(self._row(step, files, inputs, outputs))
            self.rules.append(step.rule)
            self.inputs.append(tuple(use.file for use in inputs))

    def document(self) -> dict[str, Any]:
        """The steps by columns, with the tables that these refer to."""
        columns = zip(*self._rows, strict=True) if self._rows else ((),) * len(_COLUMNS)
        return {
            **{name: column(values) for name, values in zip(_COLUMNS, columns, strict=True)},
            "shapes": self._shapes.values,
            "environments": [around._asdict() for around in self._environments.values],
        }

    def _row(
        self, step: Step, files: StepFiles | None, inputs: list[Use], outputs: list[Use]
    ) -> tuple[Any, ...]:
        text = self._strings.number
        return (
            text(step.rule),
            text(step.kind),
            self._lists.number(map(text, step.wildcards)),
            self._lists.number(map(text, step.wildcards.values())),
            *self._uses(inputs),
            *self._uses(outputs),
            self._texts.number(step.rule, step.command),
            self._texts.number(f"params {step.rule}", _json(step.params)),
            None if step.script is None else text(self._script(step.script)),
            None if step.code_digest is None else text(step.code_digest),
            self._environments.number(_around(step.environment, files)),
        )

    def _script(self, script: str) -> str:
        """A path as the report shows it; a URL as it is."""
        return self._files.path(script) if script.startswith("/") else script

    def _uses(self, uses: list[Use]) -> tuple[int, int]:
        files = self._lists.number(use.file for use in uses)
        return files, self._shapes.number(tuple(_shape(uses)))

    def _inputs(self, step: Step, files: StepFiles | None) -> Iterator[Use]:
        flags = {self._files.path(file.path): file.flags for file in step.input if file.flags}
        if files is not None and files.input:
            yield from (self._found(ref, flags) for ref in files.input)
            return
        for file in step.input:
            yield Use(self._files.declared(file.path), "input", file.name, file.flags)

    def _outputs(self, step: Step, files: StepFiles | None) -> Iterator[Use]:
        flags = {self._files.path(file.path): file.flags for file in step.output if file.flags}
        seen = set()
        for ref in files.output if files is not None else ():
            seen.add(self._files.path(ref.path))
            self._files.made(ref.path, len(self._rows))
            yield self._found(ref, flags)
        for file, role in _to_be_made(step):
            if self._files.path(file.path) not in seen:
                number = self._files.declared(file.path)
                self._files.made(file.path, len(self._rows))
                yield Use(number, role, file.name, file.flags)

    def _found(self, ref: FileRef, flags: dict[str, tuple[str, ...]]) -> Use:
        path = self._files.path(ref.path)
        return Use(self._files.found(ref), ref.role, ref.name, flags.get(path, ()))


def _to_be_made(step: Step) -> Iterator[tuple[FileSpec, Role]]:
    yield from ((file, "output") for file in step.output)
    if step.benchmark is not None:
        yield FileSpec(step.benchmark), "benchmark"
    yield from ((file, "log") for file in step.log)


def _shape(uses: list[Use]) -> Iterator[tuple[Any, ...]]:
    """Role, name and flags of files, one after the other, with how often each follows itself."""
    for (role, name, flags), same in groupby(uses, key=lambda use: use[1:]):
        yield role, name, flags, sum(1 for _ in same)


def _json(params: dict[str, Any]) -> str | None:
    return msgspec.json.encode(params).decode() if params else None


def _around(asked: Environment, files: StepFiles | None) -> Around:
    found = files.environment if files is not None else ResolvedEnvironment()
    return Around(
        container=found.container or asked.container,
        image_digest=found.image_digest,
        image_digest_of=found.image_digest_of,
        conda=found.conda or asked.conda,
        conda_hash=found.conda_hash or asked.conda_hash,
        modules=found.modules or asked.modules,
    )
