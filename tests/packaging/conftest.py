"""Distributions built from this checkout, and environments to install them into."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.name for path in (ROOT / "snakemake_renku" / "plugins").glob("snakemake_*"))
OURS = ("snakemake_renku", "_snakemake_renku", "glacierbatch", "_glacierbatch", *PLUGINS)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command as a user would who knows nothing of this checkout; what it printed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**kept, "COLUMNS": "200"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def build(kind: str, source: Path, destination: Path) -> Path:
    """Build a ``wheel`` or ``sdist`` without a network, and return its path."""
    python = sys.executable
    run(
        *(python, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", destination, source),
        cwd=destination,
    )
    (made,) = destination.iterdir()
    return made


@dataclass(frozen=True)
class Environment:
    """A virtual environment with all that we depend on, but nothing of ours."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, *what: str | Path) -> None:
        pip = (sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet")
        run(*pip, "--no-index", "--no-deps", "--no-build-isolation", *what, cwd=self.folder)

    def output(self, program: str, *arguments: str) -> str:
        return run(self.folder / "bin" / program, *arguments, cwd=self.folder)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution of this checkout."""
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of the running environment, without those of this repository."""
    links = tmp_path_factory.mktemp("dependencies")
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    for entry in (entry for place in places for entry in Path(place).iterdir()):
        if not entry.name.startswith(OURS) and entry.suffix != ".pth":
            (links / entry.name).symlink_to(entry)
    return links


@pytest.fixture(scope="session")
def new_environment(
    tmp_path_factory: pytest.TempPathFactory, dependencies: Path
) -> Callable[[], Environment]:
    """Make an environment."""

    def make() -> Environment:
        folder = tmp_path_factory.mktemp("environment")
        venv.create(folder, symlinks=True)
        (packages,) = folder.glob("lib/python*/site-packages")
        (packages / "dependencies.pth").write_text(f"{dependencies}\n")
        return Environment(folder)

    return make
