"""Snakemake imports every plugin at every start, for every user: ours must weigh nothing.

How much CPU they cost is measured by ``benchmarks/import_cost.py``; here is what keeps it low.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from .conftest import PLUGINS, run

PROGRAM = """
import importlib, json, sys
import snakemake_interface_executor_plugins.executors.real
import snakemake_interface_executor_plugins.settings
import snakemake_interface_logger_plugins.base
import snakemake_interface_logger_plugins.settings
import snakemake_interface_report_plugins.reporter
import snakemake_interface_report_plugins.settings
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""

HEAVY = {"asyncio", "concurrent", "email", "http", "multiprocessing", "sqlite3", "ssl", "unittest"}


def imported_by(plugin: str, folder: Path) -> list[str]:
    """The modules that a plugin brings, beyond the interfaces that Snakemake loads anyway."""
    modules: list[str] = json.loads(run(sys.executable, "-c", PROGRAM, plugin, cwd=folder))
    return modules


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_imports_nothing_of_others(plugin: str, tmp_path: Path) -> None:
    modules = imported_by(plugin, tmp_path)
    assert plugin in modules
    allowed = {"snakemake_renku", *PLUGINS, *sys.stdlib_module_names}
    assert {name.split(".")[0] for name in modules} - allowed == set()


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_leaves_the_rest_of_the_package_unimported(plugin: str, tmp_path: Path) -> None:
    ours = [name for name in imported_by(plugin, tmp_path) if name.startswith("snakemake_renku.")]
    assert ours == []


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_imports_no_heavy_part_of_the_standard_library(
    plugin: str, tmp_path: Path
) -> None:
    assert HEAVY & {name.split(".")[0] for name in imported_by(plugin, tmp_path)} == set()
