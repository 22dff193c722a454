"""What is in a wheel and in a source distribution, and that Snakemake finds what is installed."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import snakemake_renku

from .conftest import PLUGINS, ROOT, Environment, build


def names_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def sources() -> set[str]:
    """The files of the package that a wheel must hold, without the plugins."""
    package = ROOT / "snakemake_renku"
    wanted = (".py", ".typed", ".js", ".css", ".html")
    files = {path for path in package.rglob("*") if path.suffix in wanted}
    return {
        str(path.relative_to(ROOT))
        for path in files
        if "plugins" not in path.relative_to(ROOT).parts
    }


def test_a_wheel_has_each_plugin_and_the_package_at_its_top_level(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in names_in(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"snakemake_renku", *PLUGINS}


def test_a_wheel_holds_every_module_once(wheel: Path) -> None:
    names = names_in(wheel)
    assert len(names) == len(set(names))
    assert {name for name in names if name.startswith("snakemake_renku/")} == sources()


def test_a_wheel_holds_no_tests(wheel: Path) -> None:
    assert [name for name in names_in(wheel) if "test" in name] == []


def test_a_wheel_carries_the_licence(wheel: Path) -> None:
    assert [name for name in names_in(wheel) if name.endswith("licenses/LICENSE")] != []


def test_a_source_distribution_makes_the_same_wheel(
    sdist: Path, wheel: Path, tmp_path: Path
) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    (tmp_path / "built").mkdir()
    again = build("wheel", source, tmp_path / "built")
    assert sorted(names_in(again)) == sorted(names_in(wheel))


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(
    request: pytest.FixtureRequest, new_environment: Callable[[], Environment], wheel: Path
) -> Environment:
    """An environment into which the project was installed in one of two ways."""
    environment = new_environment()
    environment.install(*([wheel] if request.param == "wheel" else ["--editable", ROOT]))
    return environment


def test_snakemake_offers_what_is_installed(installed: Environment) -> None:
    text = installed.output("python", "-m", "snakemake", "--help")
    for option in ("executor", "logger"):
        offered = re.search(rf"--{option}\b[^{{]*{{([^}}]*)}}", text)
        assert offered is not None, text
        assert "renku" in offered[1].split(",")
    assert "--renku-backend" in text


def test_the_command_tells_its_version(installed: Environment) -> None:
    version = installed.output("snakemake-renku", "--version")
    assert version == f"snakemake-renku {snakemake_renku.__version__}\n"


def test_nothing_is_found_before_it_is_installed(
    new_environment: Callable[[], Environment],
) -> None:
    text = new_environment().output("python", "-m", "snakemake", "--help")
    assert "renku" not in text
