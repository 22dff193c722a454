"""Which calls of Snakemake stand for which jobs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from snakemake_renku.model import FileSpec, JobSpec, RunInfo, Step, WorkflowOptions
from snakemake_renku.provenance.datalad.places import Places
from snakemake_renku.provenance.datalad.snakemake_call import snakemake_call

INFO = RunInfo(
    run="run",
    started=0.0,
    workdir="/old/wf",
    snakefile="/old/wf/workflow/Snakefile",
    backend="local",
    host="host",
    user="me",
    pid=1,
    snakemake_version="",
    renku_version="",
    cores=4,
)


def spec(*output: str, kind: str = "script", rule: str = "plot", **fields: Any) -> JobSpec:
    flags = fields.pop("flags", ())
    files = tuple(FileSpec(path, None, flags) for path in output)
    wildcards = fields.pop("wildcards", {})
    step = Step(rule, kind, wildcards, output=files)  # type: ignore[arg-type]
    known = {"attempt": 1, "steps": (step,)} | fields
    return JobSpec(id="1.1", run="run", jobid="1", mode="warm", **known)


def call(tmp_path: Path, job: JobSpec, **fields: Any) -> list[str]:
    info = msgspec.structs.replace(INFO, **fields)
    places = Places(tmp_path, tmp_path, "/old/wf")
    return shlex.split(snakemake_call(info, job, places))


def test_a_job_is_named_by_its_output_and_its_rule_alone_is_allowed(tmp_path: Path) -> None:
    assert call(tmp_path, spec("out/a.png", "out/b.png")) == shlex.split(
        "snakemake --snakefile workflow/Snakefile --directory . --workflow-profile none --cores 4 "
        "--nolock --notemp --force --allowed-rules plot -- out/a.png"
    )


@pytest.mark.parametrize("name", ["plot", "-x"])
def test_an_output_is_told_from_a_rule_and_from_an_option(name: str, tmp_path: Path) -> None:
    assert call(tmp_path, spec(name))[-1] == f"./{name}"


def test_a_group_names_all_its_rules(tmp_path: Path) -> None:
    steps = (*spec("a", rule="first").steps, *spec("d/b", rule="second").steps)
    words = call(tmp_path, spec(steps=steps, group="g"))
    assert words[words.index("--allowed-rules") :] == [
        *("--allowed-rules", "first", "second", "--", "./a", "d/b")
    ]


def test_a_job_without_output_is_named_by_its_wildcards(tmp_path: Path) -> None:
    words = call(tmp_path, spec(wildcards={"n": "it's", "m": "2"}))
    assert words[-2:] == ["--target-jobs", "plot:n=it's,m=2"]


def test_what_the_command_line_said_is_said_again(tmp_path: Path) -> None:
    options = WorkflowOptions(
        configfiles=("/old/wf/config/more.yaml", "/etc/site.yaml"),
        config={"name": "it's", "deep": {"a": ["1"]}, "number": 5},
        deployment=("apptainer",),
        apptainer_args="--bind /old/wf/data",
        default_resources=("tmpdir=system_tmpdir", "mem_mb=100"),
        set_resources={"plot": ("mem_mb=7",), "other": ("mem_mb=8",)},
        set_threads={"plot": "3", "other": "2"},
        set_scatter={"split": 5},
    )
    words = call(tmp_path, spec("out/a", attempt=2), options=options)
    text = " ".join(words)
    assert "--configfile config/more.yaml /etc/site.yaml" in text
    assert {"name=it's", 'deep={"a": ["1"]}', "number=5"} <= set(words)
    assert "--software-deployment-method apptainer --apptainer-args=--bind data" in text
    assert "--default-resources mem_mb=100 --set-resources plot:mem_mb=7" in text
    assert "--set-threads plot=3 --attempt 2" in text
    assert "--set-scatter split=5" in text
    assert "other" not in text


def test_python_code_of_a_rule_runs_in_the_process_itself(tmp_path: Path) -> None:
    assert "--force-use-threads" in call(tmp_path, spec("a", kind="run"))


def test_protected_outputs_are_removed_before(tmp_path: Path) -> None:
    assert call(tmp_path, spec("a", flags=("protected",)))[:5] == ["rm", "-rf", "--", "a", "&&"]


@pytest.mark.parametrize(
    ("line", "command", "expected"),
    [
        ('workdir: "out/dir"', (), "(cd ../.. && snakemake --snakefile workflow/Snakefile "),
        ('workdir: config["d"]', (), "(cd ../.. && snakemake --snakefile workflow/Snakefile "),
        ('workdir: "out/dir"', ("--directory", "out/dir"), "snakemake --snakefile ../../workflow/"),
        ("# workdir", (), "snakemake --snakefile ../../workflow/Snakefile --directory . "),
    ],
)
def test_snakemake_is_started_where_it_was_before_the_snakefile_went_elsewhere(
    line: str, command: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow" / "Snakefile").write_text(f"rule all:\n  input: []\n{line}\n")
    places = Places(tmp_path, tmp_path / "out" / "dir", "/old/wf/out/dir")
    info = msgspec.structs.replace(INFO, workdir="/old/wf/out/dir", command=command)
    assert snakemake_call(info, spec("a"), places).startswith(expected)
