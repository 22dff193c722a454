"""What is wrong before anything runs: named, with the remedy, and nothing half done."""

from __future__ import annotations

from pathlib import Path

from .conftest import Project

ONE_JOB = """
    rule all:
        input: "a.txt"
    rule a:
        output: "a.txt"
        shell: "echo hello > {output}"
"""


def test_an_unknown_backend_is_refused_with_the_names_of_those_there_are(project: Project) -> None:
    project.write("Snakefile", ONE_JOB)
    code, output = project.run("--renku-backend", "moon")
    assert code == 1
    assert "Unknown backend 'moon' (--renku-backend). There are: local" in output
    assert not (project.folder / "a.txt").exists()
    assert not project.runs()


def test_a_malformed_renku_toml_is_named_with_the_place_of_the_mistake(project: Project) -> None:
    project.write("Snakefile", ONE_JOB)
    project.write("renku.toml", "[executor]\nbackend = 7\n")
    code, output = project.run()
    assert code == 1
    assert "renku.toml is malformed" in output
    assert "$.executor.backend" in output


def test_an_unknown_key_in_renku_toml_is_refused(project: Project) -> None:
    project.write("Snakefile", ONE_JOB)
    project.write("renku.toml", '[executor]\nbakend = "local"\n')
    code, output = project.run()
    assert code == 1
    assert "bakend" in output


def test_renku_toml_chooses_what_the_command_line_leaves_open(project: Project) -> None:
    project.write("Snakefile", ONE_JOB)
    project.write("renku.toml", '[executor]\nstart = "cold"\n')
    assert project.run()[0] == 0
    assert project.runs()[0].jobs["1.1"].record.mode == "cold"


def test_a_missing_container_runtime_is_named(project: Project, tmp_path: Path) -> None:
    project.write(
        "Snakefile",
        """
        rule a:
            output: "a.txt"
            container: "docker://ubuntu"
            shell: "echo > {output}"
        """,
    )
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for tool in ("bash", "sh", "env"):
        (bin_folder / tool).symlink_to(f"/bin/{tool}" if tool != "env" else "/usr/bin/env")
    code, output = project.run("--sdm", "apptainer", PATH=str(bin_folder))
    assert code == 1
    assert "apptainer" in output.lower()
    assert "install" in output.lower() or "available" in output.lower()


def test_a_journal_that_cannot_be_made_stops_the_run_before_any_job(project: Project) -> None:
    project.write("Snakefile", ONE_JOB)
    project.write(".snakemake/renku", "a file where a folder should be")
    code, output = project.run()
    assert code == 1
    assert "Cannot create the journal" in output
    assert not (project.folder / "a.txt").exists()
