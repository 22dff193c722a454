"""Commands are executed by the shell that DataLad uses, after the formatting that it does."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from snakemake_renku.model import (
    Environment,
    FileSpec,
    JobSpec,
    ResolvedEnvironment,
    RunInfo,
    Step,
    WorkflowOptions,
)
from snakemake_renku.provenance.datalad.command import braced, image_to_run, shell_command
from snakemake_renku.provenance.datalad.places import Places
from tests.datalad.lab import Lab

NAMES = ["two words", "it's", 'quo"te', "br{ace}s", "gl*b[1]?", "-dash", "ünï—code", "$HOME", "`a`"]


def info(**options: Any) -> RunInfo:
    text = dict.fromkeys(("run", "workdir", "snakefile", "backend", "host", "user"), "/w")
    return RunInfo(
        **text,
        started=0.0,
        pid=1,
        snakemake_version="",
        renku_version="",
        options=WorkflowOptions(**options),
    )


def spec(command: str, *output: FileSpec, direct: bool = True, **step: Any) -> JobSpec:
    one = Step("r", "shell", output=output, command=command, **step)
    shell = f"set -euo pipefail;  {command}" if direct else None
    executable = "/usr/bin/bash" if direct else None
    mode = "direct" if direct else "warm"
    return JobSpec("1.1", "run", "1", 1, mode, (one,), 3, {}, 0, None, shell, executable)  # type: ignore[arg-type]


def made(job: JobSpec, folder: Path, *, care: bool = False) -> str | None:
    places = Places(folder, folder, "/w")
    return shell_command(info(), job, ResolvedEnvironment(), places, care=care)


def execute(command: str | None, folder: Path) -> subprocess.CompletedProcess[str]:
    assert command is not None
    return subprocess.run(
        braced(command).format(inputs=[]),
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", NAMES)
def test_names_pass_the_shell_and_the_formatting_unharmed(name: str, tmp_path: Path) -> None:
    from shlex import quote

    path = f"out/{name}/x"
    job = spec(f"echo {quote(name)} > {quote(path)}", FileSpec(path))
    done = execute(made(job, tmp_path), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / path).read_text() == f"{name}\n"


def test_a_failure_in_a_pipe_fails_the_command_as_it_does_for_snakemake(tmp_path: Path) -> None:
    job = spec("false | cat > out.txt", FileSpec("out.txt"))
    assert execute(made(job, tmp_path), tmp_path).returncode == 1


def test_commands_that_snakemake_ran_get_its_strict_mode(tmp_path: Path) -> None:
    job = spec("false | cat > out.txt", FileSpec("out.txt"), direct=False)
    assert execute(made(job, tmp_path), tmp_path).returncode == 1


def test_a_command_of_several_lines_with_a_heredoc_is_executed_as_it_was(tmp_path: Path) -> None:
    job = spec("x=1 # why\ncat <<EOF > out\n{$x} 'y'\nEOF\n", FileSpec("out"))
    assert execute(made(job, tmp_path), tmp_path).returncode == 0
    assert (tmp_path / "out").read_text() == "{1} 'y'\n"


def test_bash_means_bash_whatever_bin_sh_is(tmp_path: Path) -> None:
    job = spec("[[ a == a ]] && diff <(echo a) <(echo a) && echo ok > out", FileSpec("out"))
    assert execute(made(job, tmp_path), tmp_path).returncode == 0


def test_old_outputs_are_removed_as_snakemake_does(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old\n")
    execute(made(spec("echo new >> out", FileSpec("out")), tmp_path), tmp_path)
    assert (tmp_path / "out").read_text() == "new\n"


def test_outputs_marked_as_updated_are_kept(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old\n")
    job = spec("echo new >> out", FileSpec("out", None, ("update",)))
    execute(made(job, tmp_path), tmp_path)
    assert (tmp_path / "out").read_text() == "old\nnew\n"


def test_folders_are_made_anew_and_stamped(tmp_path: Path) -> None:
    (tmp_path / "d" / "old").mkdir(parents=True)
    job = spec("mkdir d; echo > d/new", FileSpec("d", None, ("directory",)))
    assert execute(made(job, tmp_path), tmp_path).returncode == 0
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == [".snakemake_timestamp", "new"]


def test_the_working_directory_itself_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    job = spec("true", FileSpec(".", None, ("directory",)))
    execute(made(job, tmp_path), tmp_path)
    assert (tmp_path / "mine").exists()


def test_touched_outputs_appear(tmp_path: Path) -> None:
    job = spec("true", FileSpec("done/flag", None, ("touch",)))
    assert execute(made(job, tmp_path), tmp_path).returncode == 0
    assert (tmp_path / "done" / "flag").exists()


def test_the_number_of_threads_is_that_of_the_job(tmp_path: Path) -> None:
    job = spec("echo $OMP_NUM_THREADS > out", FileSpec("out"))
    execute(made(job, tmp_path), tmp_path)
    assert (tmp_path / "out").read_text() == "3\n"


@pytest.mark.parametrize(
    "step",
    [
        {"environment": Environment(conda="/envs/x")},
        {"environment": Environment(modules=("gcc",))},
        {"input": (FileSpec("x", None, ("storage",)),)},
        {"input": (FileSpec("x", None, ("pipe",)),)},
    ],
)
def test_what_only_snakemake_can_set_up_is_left_to_it(step: Any, tmp_path: Path) -> None:
    assert made(spec("true", **step), tmp_path) is None


def test_a_rule_that_may_have_more_to_it_is_left_to_snakemake(tmp_path: Path) -> None:
    assert made(spec("true", direct=False), tmp_path, care=True) is None
    assert made(spec("true"), tmp_path, care=True) is not None


def test_a_command_too_long_for_one_argument_is_left_to_snakemake(tmp_path: Path) -> None:
    assert made(spec("echo " + "x" * 130_000), tmp_path) is None


def test_a_container_is_called_by_the_digest_of_its_image(tmp_path: Path) -> None:
    asked = Environment(container="docker://ghcr.io/lab/tool:1.2")
    found = ResolvedEnvironment("docker://ghcr.io/lab/tool:1.2", "sha256:ab12", "manifest")
    job = spec("tool > out", FileSpec("out"), direct=False, environment=asked)
    places = Places(tmp_path, tmp_path, "/w")
    command = shell_command(info(apptainer_args="--cleanenv"), job, found, places, care=False)
    assert command is not None
    assert (
        'apptainer exec --home "$PWD" --cleanenv docker://ghcr.io/lab/tool@sha256:ab12 '
        "bash -c 'set -euo pipefail; tool > out'" in command
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("docker://a", "docker://a@sha256:1"),
        ("docker://h:5000/a", "docker://h:5000/a@sha256:1"),
        ("docker://h:5000/a:tag", "docker://h:5000/a@sha256:1"),
        ("docker://a:t@sha256:22", "docker://a@sha256:1"),
    ],
)
def test_tags_and_ports_are_told_apart(url: str, expected: str) -> None:
    found = ResolvedEnvironment(url, "sha256:1", "manifest")
    assert image_to_run(Environment(url), found) == expected


def test_an_image_whose_digest_no_registry_knows_keeps_its_name() -> None:
    found = ResolvedEnvironment("docker://a:t", "sha256:1", "file")
    assert image_to_run(Environment("docker://a:t"), found) == "docker://a:t"


def test_an_image_in_the_repository_is_called_by_its_place_there(lab: Lab) -> None:
    asked = Environment(container="/w/images/tool.sif")
    found = ResolvedEnvironment("/w/images/tool.sif", "sha256:1", "file")
    job = spec("tool", direct=False, environment=asked)
    command = shell_command(info(), job, found, Places(lab.root, lab.root, "/w"), care=False)
    assert command is not None
    assert " images/tool.sif bash -c " in command
