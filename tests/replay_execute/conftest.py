"""Real runs in git repositories, and clones of these in which they are executed again."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from snakemake_renku.journal import (
    JobHistory,
    RunGraph,
    RunHistory,
    find_run,
    normal_path,
    outputs,
    read_run,
)
from snakemake_renku.replay.execute import Event, Executed, execute

from . import samples

BIN = str(Path(sys.executable).parent)
NAMED = {"GIT_AUTHOR_NAME": "A Modeller", "GIT_AUTHOR_EMAIL": "modeller@example.org"}
ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    "PATH": f"{BIN}:{os.environ['PATH']}",
    "THE_PASSWORD": samples.PASSWORD,
    **NAMED,
    **{name.replace("AUTHOR", "COMMITTER"): value for name, value in NAMED.items()},
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Project:
    """A git repository in which Snakemake runs by our executor; ``below`` is the workdir in it."""

    root: Path
    below: str = "."

    @property
    def workdir(self) -> Path:
        return self.root / self.below

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def begin(self) -> None:
        """Make it a repository of what is there."""
        git(self.root, "init", "--quiet")
        (self.root / ".gitignore").write_text(".snakemake/\n__pycache__/\n")
        self.commit()

    def commit(self) -> None:
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--allow-empty", "--message", "what is there")

    def run(self, *arguments: str, cwd: str | None = None, fails: bool = False, **env: str) -> None:
        command = [sys.executable, "-m", "snakemake", "--executor", "renku", "--jobs", "2"]
        done = subprocess.run(
            [*command, "--scheduler", "greedy", "--logger", "renku", *arguments],
            cwd=self.workdir if cwd is None else self.root / cwd,
            env=ENVIRONMENT | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout

    def history(self) -> RunHistory:
        return read_run(find_run(self.workdir))

    def clone(self, place: Path) -> Path:
        """A clean clone in ``place``; the working directory in it."""
        git(self.root, "clone", "--quiet", str(self.root), str(place))
        return place / self.below


@dataclass
class Replay:
    """A run, what became of its jobs in a clone, and what was told meanwhile."""

    run: RunHistory
    clone: Path
    executed: Mapping[str, Executed]
    events: list[Event]

    def jobs(self, rule: str) -> list[JobHistory]:
        return [j for j in RunGraph(self.run).jobs if rule in {s.rule for s in j.spec.steps}]

    def of(self, rule: str) -> list[Executed]:
        return [self.executed[job.spec.id] for job in self.jobs(rule)]

    def one(self, rule: str) -> Executed:
        (executed,) = self.of(rule)
        return executed

    def recorded(self, rule: str) -> dict[str, str | None]:
        """Digests of all that the jobs of a rule made in the recorded run."""
        found = (ref for job in self.jobs(rule) for ref in outputs(job))
        return {normal_path(ref.path, self.run.info.workdir): ref.digest for ref in found}

    def replayed(self, rule: str) -> dict[str, str | None]:
        """The same in the replay."""
        records = (executed.record for executed in self.of(rule) if executed.record is not None)
        found = (ref for record in records for step in record.steps for ref in step.output)
        return {normal_path(ref.path, os.path.realpath(self.clone)): ref.digest for ref in found}


Replayer = Callable[..., Replay]


def replay(project: Project, clone: Path, *rules: str, cores: int = 2) -> Replay:
    """Execute the good jobs of the last run (of these rules only, if any are given) in a clone."""
    run = project.history()
    jobs = [job for job in RunGraph(run).jobs if not rules or job.spec.rule in rules]
    events: list[Event] = []
    executed = execute(run, jobs, clone, cores=cores, on_event=events.append)
    return Replay(run, clone, executed, events)


@pytest.fixture(scope="session", autouse=True)
def password() -> Iterator[None]:
    """What the workflow declares as a secret; Snakemake asks for it each time that it reads it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THE_PASSWORD", samples.PASSWORD)
        yield


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return lambda name: tmp_path_factory.mktemp(name) / "repository"


@pytest.fixture(scope="session")
def project(scratch: Callable[[str], Path], password: None) -> Project:
    """The workflow of :mod:`samples`, run once, with all that it made in git."""
    project = Project(scratch("project"))
    for name, text in samples.FILES.items():
        project.write(name, text)
    project.begin()
    project.run("--configfile", "config/more.yaml", "--config", "cc=3", "aa=given")
    project.commit()
    return project


@pytest.fixture
def clone(project: Project, tmp_path: Path) -> Path:
    return project.clone(tmp_path / "clone")
