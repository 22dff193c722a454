"""Who may import whom. An arrow against these rules is a decision, to be made here first."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import snakemake_renku

ROOT = Path(snakemake_renku.__file__).parent

BASE = {"model", "errors"}
"""What every part may use."""

MAY_IMPORT = {
    "model": {"model"},
    "errors": set(),
    "observe": set(),
    "printing": set(),
    "drawing": BASE,
    "project": BASE,
    "escalation": BASE,
    "settings": BASE | {"escalation", "project"},
    "journal": BASE,
    "runner": BASE,
    "backends": BASE | {"runner"},
    "engine": BASE | {"runner", "settings"},
    "places": BASE | {"backends", "runner", "settings"},
    "provenance": BASE | {"journal", "project", "runner"},
    "lineage": BASE | {"drawing", "journal", "provenance", "runner"},
    "verify": BASE | {"journal", "lineage", "provenance", "runner"},
    "replay": BASE | {"backends", "engine", "journal", "provenance", "runner"},
    "report": BASE | {"drawing", "journal"},
    "recording": BASE | {"engine", "journal", "provenance", "settings"},
    "local_jobs": BASE | {"backends", "engine", "journal", "observe"},
    "leftovers": BASE | {"journal"},
    "repeats": BASE | {"engine", "escalation"},
    "session": BASE
    | {"backends", "engine", "journal", "leftovers", "local_jobs", "places", "printing"}
    | {"recording", "repeats", "settings"},
    "progress": set(),
    "doctor": BASE | {"backends", "settings"},
    "efficiency": BASE | {"journal", "report"},
    "step_cluster": BASE | {"backends"},
    "cli": BASE
    | {"doctor", "drawing", "efficiency", "journal", "lineage", "progress", "provenance"}
    | {"replay", "report", "verify"},
    "plugins": BASE | {"observe", "progress", "report", "session"},
    "__init__": {"step_cluster"},
    "__main__": {"cli"},
}
"""The parts (packages and modules) that each part may import, beside itself."""

RUN_SNAKEMAKE = {"runner/zygote.py", "runner/cold.py"}
"""The processes that run Snakemake's code: the only ones in ``runner`` that import ``engine``."""

INTERFACES = ("snakemake_interface_", "snakemake_executor_plugin_", "snakemake_logger_plugin_")


def imports() -> Iterator[tuple[str, str]]:
    """Each file (relative to the package) with each dotted name that it imports, lazily or not."""
    for path in sorted(ROOT.rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((file, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file} has a relative import"
                module = str(node.module)
                if module == "snakemake_renku":
                    yield from ((file, f"{module}.{alias.name}") for alias in node.names)
                else:
                    yield file, module


IMPORTS = tuple(imports())


def part_of(file: str) -> str:
    return file.split("/")[0].removesuffix(".py")


def ours() -> Iterator[tuple[str, str]]:
    """Each file with the part of ours that it imports."""
    for file, name in IMPORTS:
        top, _, rest = name.partition(".")
        if top == "snakemake_renku" and rest not in ("", "__version__"):
            yield file, rest.split(".")[0]


def test_every_part_is_in_the_rules() -> None:
    assert {part_of(file) for file, _ in IMPORTS} <= MAY_IMPORT.keys()


def test_no_part_imports_what_it_must_not() -> None:
    wrong = [
        f"{file} imports {part}"
        for file, part in ours()
        if part not in MAY_IMPORT[part_of(file)] | {part_of(file)}
        and not (file in RUN_SNAKEMAKE and part == "engine")
    ]
    assert wrong == []


def test_no_rule_is_there_without_need() -> None:
    used = {part: set[str]() for part in MAY_IMPORT}
    for file, part in ours():
        used[part_of(file)].add(part)
    unused = {part: may - used[part] - BASE - {part} for part, may in MAY_IMPORT.items()}
    assert {part: names for part, names in unused.items() if names} == {}
    assert {file for file, part in ours() if part == "engine"} >= RUN_SNAKEMAKE


def test_only_the_engine_imports_snakemake() -> None:
    wrong = [
        f"{file} imports {name}"
        for file, name in IMPORTS
        if name.split(".")[0] == "snakemake" and part_of(file) != "engine"
    ]
    assert wrong == []


def test_only_plugins_and_the_engine_import_snakemakes_interfaces() -> None:
    wrong = [
        f"{file} imports {name}"
        for file, name in IMPORTS
        if name.startswith(INTERFACES) and part_of(file) not in ("engine", "plugins")
    ]
    assert wrong == []


def test_the_seam_of_the_backends_knows_the_model_alone() -> None:
    seam = ("backends/base.py", "backends/memory.py")
    found = {part for file, part in ours() if file in seam}
    assert found == {"backends", "model"}


def test_the_journal_can_be_read_without_snakemake_and_without_the_runner() -> None:
    assert {part for file, part in ours() if part_of(file) == "journal"} == BASE | {"journal"}


def test_the_supervisor_starts_without_snakemake() -> None:
    code = "import sys, snakemake_renku.runner.supervisor; print('snakemake' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
