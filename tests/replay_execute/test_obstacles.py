"""Recorded jobs of which it is known before they start that they cannot be executed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from snakemake_renku.errors import ReplayError
from snakemake_renku.journal import JobHistory, RunGraph, RunHistory, find_run, read_run
from snakemake_renku.model import (
    Environment,
    FileRef,
    FileSpec,
    JobRecord,
    JobSpec,
    SourceFile,
    Step,
    StepFiles,
)
from snakemake_renku.replay.execute import execute, image_files

from . import samples
from .conftest import Project


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


@pytest.mark.parametrize("path", ["/elsewhere/x.txt", "../x.txt", ".git/config", ".", "a/.."])
def test_a_job_may_write_only_within_the_repository(
    run: RunHistory, clone: Path, path: str
) -> None:
    jobs = jobs_of(run, "e", output=(FileSpec(path),))
    assert reason(run, jobs, clone) == f"it writes to {path}, which is not within the repository"
    assert (clone / "Snakefile").exists()


def test_files_of_a_storage_need_the_network(run: RunHistory, clone: Path) -> None:
    jobs = jobs_of(run, "e", input=(FileSpec("s3/a.txt", flags=("storage",)),))
    assert reason(run, jobs, clone).startswith("network needed: s3/a")


@pytest.mark.parametrize("url", ["https://example.org/x.py", "v3.0/bio/tool"])
def test_code_of_another_place_needs_the_network(run: RunHistory, clone: Path, url: str) -> None:
    kind = "script" if "://" in url else "wrapper"
    jobs = jobs_of(run, "e", kind=kind, script=url)
    jobs[0].spec = replace(jobs[0].spec, mode="warm")
    why = f"network needed: its code {url} is not in the repository"
    assert reason(run, jobs, clone) == why


def test_a_conda_environment_needs_conda(
    run: RunHistory, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    jobs = jobs_of(run, "e", environment=Environment(conda="/envs/x", conda_hash="x"))
    jobs[0].spec = replace(jobs[0].spec, mode="warm")
    assert "needs conda" in reason(run, jobs, clone)


def test_an_updated_file_must_be_known_as_it_was_before(run: RunHistory, clone: Path) -> None:
    jobs = jobs_of(run, "e", output=(FileSpec("out/d.txt", flags=("update",)),))
    why = "it updates out/d.txt, of which only the later content is recorded"
    assert reason(run, jobs, clone) == why
    assert (clone / "out/d.txt").read_text() == "d\n"


@pytest.fixture
def outside(run: RunHistory, tmp_path: Path) -> Path:
    """The run as if its Snakefile had been outside of the repository."""
    place = tmp_path / "Snakefile"
    place.write_text(samples.FILES["Snakefile"])
    digest = "sha256:" + hashlib.sha256(place.read_bytes()).hexdigest()
    sources = (SourceFile(str(place), digest), *run.info.sources[1:])
    run.info = replace(run.info, snakefile=str(place), sources=sources)
    return place


def test_a_workflow_outside_of_the_repository_is_used_as_it_was(
    run: RunHistory, clone: Path, outside: Path
) -> None:
    (executed,) = execute(run, jobs_of(run, "slow_b"), clone, cores=1).values()
    assert executed.ok


def test_a_workflow_outside_of_the_repository_that_has_changed_is_not_used(
    run: RunHistory, clone: Path, outside: Path
) -> None:
    outside.write_text(outside.read_text() + "\n")
    why = f"code not in git: {outside}, which is another one now"
    assert reason(run, jobs_of(run, "slow_b"), clone) == why


def test_a_workflow_that_names_the_recorded_folder_is_not_let_write_there(
    project: Project, run: RunHistory, clone: Path
) -> None:
    with (clone / "Snakefile").open("a") as file:
        file.write(f'# results go to "{project.root}"\n')
    jobs = jobs_of(run, "absolute")
    jobs[0].spec = replace(jobs[0].spec, mode="warm")
    assert "would write there rather than into the clone" in reason(run, jobs, clone)


def test_images_that_are_files_are_among_what_a_clone_needs(run: RunHistory) -> None:
    jobs = [
        *jobs_of(run, "d", environment=Environment(container="docker://debian:12")),
        *jobs_of(run, "e", environment=Environment(container="images/a.sif")),
        *jobs_of(run, "f", environment=Environment(container="file:///images/b.sif")),
    ]
    assert list(image_files(jobs)) == ["images/a.sif", "/images/b.sif"]


def test_there_is_no_other_backend(run: RunHistory, clone: Path) -> None:
    with pytest.raises(ReplayError, match="no backend 'moon'"):
        execute(run, jobs_of(run, "e"), clone, cores=1, backend="moon")


def plain_job(run: RunHistory, id: str, reads: str, writes: str, ended: float) -> JobHistory:
    """A job that copies a file, as a journal would tell of it."""
    step = Step("copy", "shell", input=(FileSpec(reads),), output=(FileSpec(writes),))
    files = (FileRef(reads, "input", "file"),), (FileRef(writes, "output", "file"),)
    command = f"cp {reads} {writes}"
    spec = JobSpec(id, run.info.run, id, 1, "direct", (step,), shell_command=command)
    record = JobRecord(id, "direct", ended - 1, ended, "host", 1, (StepFiles("copy", *files),))
    return JobHistory(spec, ended - 1, record=record)


def test_what_a_job_read_before_it_was_overwritten_is_not_there(
    run: RunHistory, clone: Path
) -> None:
    (clone / "state.txt").write_text("later")
    first = plain_job(run, "1.1", "state.txt", "copy.txt", 10.0)
    second = plain_job(run, "2.1", "copy.txt", "state.txt", 20.0)
    run.jobs = {"1.1": first, "2.1": second}
    executed = execute(run, [first, second], clone, cores=1)
    assert executed["1.1"].not_replayable == (
        "input state.txt is not there (job 2.1 (rule copy) made it anew later, and what was there"
        " before is not known)"
    )
    assert "copy.txt was not made" in str(executed["2.1"].not_replayable)
