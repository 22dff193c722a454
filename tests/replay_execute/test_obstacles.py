"""Recorded jobs of which it is known before they start that they cannot be executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from snakemake_renku.errors import ReplayError
from snakemake_renku.journal import JobHistory, RunGraph, RunHistory, find_run, read_run
from snakemake_renku.model import Environment, FileSpec
from snakemake_renku.replay.execute import execute

from .conftest import Project

SNAKEFILE = """
rule all:
    input: "new.txt"
rule new:
    output: "new.txt"
    shell: "echo new > {output}"
"""


@pytest.fixture(scope="module")
def project(scratch: Callable[[str], Path]) -> Project:
    project = Project(scratch("obstacles"))
    project.write("Snakefile", SNAKEFILE)
    project.begin()
    project.run()
    project.commit()
    return project


@pytest.fixture
def run(project: Project) -> RunHistory:
    return read_run(find_run(project.workdir))


def jobs_of(run: RunHistory, rule: str, **changes: Any) -> Sequence[JobHistory]:
    """The job of a rule, with its first step changed."""
    (job,) = (job for job in RunGraph(run).jobs if job.spec.rule == rule)
    job.spec = replace(job.spec, steps=(replace(job.spec.steps[0], **changes),))
    return [job]


def reason(run: RunHistory, jobs: Sequence[JobHistory], clone: Path) -> str:
    (executed,) = execute(run, jobs, clone, cores=1).values()
    assert executed.not_replayable is not None
    return executed.not_replayable


@pytest.mark.parametrize("path", ["/elsewhere/new.txt", "../new.txt", ".git/config", ".", "a/.."])
def test_a_job_may_write_only_within_the_repository(
    project: Project, run: RunHistory, tmp_path: Path, path: str
) -> None:
    clone = project.clone(tmp_path / "clone")
    jobs = jobs_of(run, "new", output=(FileSpec(path),))
    assert reason(run, jobs, clone) == f"it writes to {path}, which is not within the repository"
    assert (clone / "Snakefile").exists()


def test_files_of_a_storage_need_the_network(
    project: Project, run: RunHistory, tmp_path: Path
) -> None:
    jobs = jobs_of(run, "new", input=(FileSpec("s3/a.txt", flags=("storage",)),))
    assert reason(run, jobs, project.clone(tmp_path / "clone")).startswith("network needed: s3/a")


@pytest.mark.parametrize("url", ["https://example.org/x.py", "v3.0/bio/tool"])
def test_code_of_another_place_needs_the_network(
    project: Project, run: RunHistory, tmp_path: Path, url: str
) -> None:
    kind = "script" if "://" in url else "wrapper"
    jobs = jobs_of(run, "new", kind=kind, script=url)
    jobs[0].spec = replace(jobs[0].spec, mode="warm")
    why = f"network needed: its code {url} is not in the repository"
    assert reason(run, jobs, project.clone(tmp_path / "clone")) == why


def test_a_conda_environment_needs_conda(
    project: Project, run: RunHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    jobs = jobs_of(run, "new", environment=Environment(conda="/envs/x", conda_hash="x"))
    jobs[0].spec = replace(jobs[0].spec, mode="warm")
    assert "needs conda" in reason(run, jobs, project.clone(tmp_path / "clone"))


def test_an_updated_file_must_be_known_as_it_was_before(
    project: Project, run: RunHistory, tmp_path: Path
) -> None:
    clone = project.clone(tmp_path / "clone")
    jobs = jobs_of(run, "new", output=(FileSpec("new.txt", flags=("update",)),))
    why = "it updates new.txt, of which only the later content is recorded"
    assert reason(run, jobs, clone) == why
    assert (clone / "new.txt").read_text() == "new\n"


def test_there_is_no_other_backend(project: Project, run: RunHistory, tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="no backend 'moon'"):
        execute(run, jobs_of(run, "new"), tmp_path, cores=1, backend="moon")


def test_what_a_job_read_before_it_was_overwritten_is_not_there(
    scratch: Callable[[str], Path], tmp_path: Path
) -> None:
    project = Project(scratch("overwritten"))
    project.write("Snakefile", """
        rule reads:
            input: "state.txt"
            output: "copy.txt"
            shell: "cp {input} {output}"
        rule writes:
            input: "copy.txt"
            output: "state.txt"
            shell: "echo later >> {output}"
        """)  # fmt: skip
    project.write("state.txt", "first\n")
    project.begin()
    project.run("copy.txt", "--allowed-rules", "reads")
    first = project.history()
    project.run("state.txt", "--allowed-rules", "writes", "--force")
    project.commit()
    run = read_run(find_run(project.workdir))
    run.jobs = {"1.1": next(iter(first.jobs.values())), **run.jobs}
    executed = execute(run, list(run.jobs.values()), project.clone(tmp_path / "c"), cores=1)
    print(executed)
    assert 0
