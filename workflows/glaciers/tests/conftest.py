"""A place to run the workflow in, away from the user's home and from the network."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
SNAKEFILE = HERE.parent / "workflow" / "Snakefile"
DATA = os.environ.get("GLACIERBATCH_DATA")

needs_data = pytest.mark.skipif(
    not DATA, reason="the environment variable GLACIERBATCH_DATA names no folder with the real data"
)


@dataclass(frozen=True)
class Project:
    """A folder with a config in which Snakemake runs as a user would run it."""

    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def configure(self, **config: object) -> "Project":
        self.home.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))
        return self

    def command(self, *arguments: str) -> list[str]:
        fixed = ["--snakefile", str(SNAKEFILE), "--configfile", "config.yaml", "--cores", "2"]
        return [sys.executable, "-m", "snakemake", *fixed, *arguments]

    def environment(self) -> dict[str, str]:
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if key != "GLACIERBATCH_DATA"}
        return {**kept, "HOME": str(self.home), "TMPDIR": str(scratch)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
        )

    def succeed(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout


FINAL = ["glaciers.nc", "numbers.json", "failed.csv", "summary.html", "outlines.geojson", "groups.json"]
PLOTS = [f"plots/{name}.png" for name in ("region", "glaciers", "map")]


def contents(results: Path) -> dict[str, bytes]:
    """Every final output of a run."""
    return {name: (results / name).read_bytes() for name in [*FINAL, *PLOTS]}


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    """Make a project with a config."""

    def make(**config: object) -> Project:
        return Project(tmp_path_factory.mktemp("project")).configure(**config)

    return make


IDEALISED = {"source": "idealised", "idealised": {"count": 4, "seed": 7}, "chunk_size": 2}


@pytest.fixture(scope="session")
def idealised(new_project: Callable[..., Project]) -> Project:
    """A finished run of idealised glaciers."""
    project = new_project(**IDEALISED)
    project.succeed()
    return project


@pytest.fixture(scope="session")
def oetztal(new_project: Callable[..., Project]) -> Project:
    """A finished run of the 18 real glaciers."""
    project = new_project(source="oetztal", data=DATA, chunk_size=6)
    project.succeed()
    return project


@pytest.fixture(scope="session")
def out_of_sight(new_project: Callable[..., Project]) -> Project:
    """Real data in place, but with one outline moved to where there is no terrain model."""
    import geopandas
    from shapely.affinity import translate

    project = new_project(data=DATA, glaciers=["RGI60-11.00787", "RGI60-11.00648"], chunk_size=2)
    target = "results/oggm-sample-data/test-workflow/rgi/rgi_oetztal.shp"
    project.succeed(target)
    table = geopandas.read_file(project.folder / target)
    moved = table.RGIId == "RGI50-11.00648"
    table.loc[moved, "geometry"] = table[moved].geometry.map(lambda shape: translate(shape, xoff=3))
    table.loc[moved, "CenLon"] += 3
    table.to_file(project.folder / target)
    return project


@pytest.fixture
def copied(out_of_sight: Project, tmp_path: Path) -> Project:
    """A copy of the project with the moved outline."""
    shutil.copytree(out_of_sight.folder / "results", tmp_path / "results")
    shutil.copytree(out_of_sight.folder / ".snakemake", tmp_path / ".snakemake")
    return Project(tmp_path)
