"""Workflows and working directories at other places than the root of the repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from snakemake_renku.journal import RunGraph, find_run, read_run
from snakemake_renku.model import WorkflowOptions
from snakemake_renku.replay.execute import execute

from .conftest import Project, Replay, replay

SNAKEFILE = """
import os
configfile: "config.yaml"
ROOT = os.path.dirname(os.path.dirname(workflow.basedir))
rule all:
    input: "out/word.txt", "out/shell.txt"
rule word:
    output: "out/word.txt"
    params: word=config["word"]
    shadow: "minimal"
    shell: "echo {params.word} > {output}"
rule shell:
    input: f"{ROOT}/data/in.txt"
    output: "out/shell.txt"
    shell: "cat {input} > {output}; cat {ROOT}/data/in.txt >> {output}; basename $PWD >> {output}"
"""


def check_all_as_recorded(replayed: Replay) -> None:
    bad = [executed for executed in replayed.executed.values() if not executed.ok]
    assert bad == []
    for rule in ("word", "shell"):
        assert replayed.replayed(rule) == replayed.recorded(rule)


@pytest.fixture(scope="module")
def deep(scratch: Callable[[str], Path]) -> Project:
    """The workflow in one folder, the working directory in another that ``--directory`` names."""
    project = Project(scratch("deep"), below="runs/first")
    project.write("code/workflow/Snakefile", SNAKEFILE)
    project.write("runs/first/config.yaml", "word: found\n")
    project.write("data/in.txt", "in\n")
    project.begin()
    workflow = ["--snakefile", "code/workflow/Snakefile", "--directory", str(project.workdir)]
    project.run(*workflow, "--config", "word=given", cwd=".")
    project.commit()
    return project


def test_workflow_and_working_directory_may_be_in_folders_of_their_own(
    deep: Project, tmp_path: Path
) -> None:
    check_all_as_recorded(replay(deep, deep.clone(tmp_path / "clone")))


def test_a_command_is_not_given_a_folder_that_would_have_to_be_quoted(
    deep: Project, tmp_path: Path
) -> None:
    executed = replay(deep, deep.clone(tmp_path / "a clone"), "shell").one("shell")
    assert executed.not_replayable is not None
    assert "choose a folder without blanks and quotes" in executed.not_replayable


def test_a_workflow_that_goes_to_its_working_directory_by_itself(
    scratch: Callable[[str], Path], tmp_path: Path
) -> None:
    project = Project(scratch("itself"), below="work")
    text = SNAKEFILE.replace(
        'configfile: "config.yaml"', 'configfile: "config.yaml"\nworkdir: "work"'
    )
    project.write("Snakefile", text.replace('"out/word.txt", "out/shell.txt"', '"out/word.txt"'))
    project.write("config.yaml", "word: found\n")
    project.begin()
    project.run(cwd=".")
    project.commit()
    replayed = replay(project, project.clone(tmp_path / "clone"))
    assert replayed.one("word").ok
    assert replayed.replayed("word") == replayed.recorded("word")


def test_the_whole_configuration_of_an_old_journal_is_used(deep: Project, tmp_path: Path) -> None:
    run = read_run(find_run(deep.workdir))
    old = msgspec.structs.replace(run.info, options=WorkflowOptions())
    run.info = old
    clone = deep.clone(tmp_path / "clone")
    jobs = [job for job in RunGraph(run).jobs if job.spec.rule == "word"]
    (executed,) = execute(run, jobs, clone, cores=1).values()
    assert executed.ok
    assert (clone / "out/word.txt").read_text() == "given\n"
