from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from snakemake_renku.errors import ExportError, SettingsError
from snakemake_renku.journal import RunHistory, encode_verdict, find_run, read_run
from snakemake_renku.model import Place, Tolerance, Verdict
from snakemake_renku.project import load_project
from snakemake_renku.provenance import rocrate
from snakemake_renku.provenance.rocrate.actions import image_parts
from tests.provenance.crate_validator import make_cache, validate

SNAKEFILE = r"""
configfile: "config.yaml"

rule all:
    input: "results/end.txt", "results/folder", "results/Käse & 'q'.txt"

rule first:
    input: "data in.txt"
    output: temp("results/first.txt")
    log: "logs/first.log"
    benchmark: "benchmarks/first.tsv"
    params: factor=config["factor"], words=["a", "b"]
    shell: "cat {input:q} {input:q} > {output} 2> {log}"

rule flaky:
    output: "results/flaky.txt"
    retries: 1
    resources: mem_mb=200, attempt=lambda wildcards, attempt: attempt
    shell: "[ {resources.attempt} = 2 ] && echo ok > {output}"

rule end:
    input: a="results/first.txt", b="results/flaky.txt"
    output: "results/end.txt"
    script: "scripts/end.py"

rule folder:
    output: directory("results/folder")
    shell: "mkdir -p {output}/sub && echo 1 > {output}/sub/one && echo 2 > {output}/two"

rule strange:
    output: "results/Käse & 'q'.txt"
    shell: "echo strange > {output:q}"
"""


def make_project(folder: Path) -> Path:
    (folder / "scripts").mkdir(parents=True)
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "config.yaml").write_text("factor: 2\n")
    (folder / "data in.txt").write_text("1\n2\n")
    (folder / "scripts/end.py").write_text(
        "open(snakemake.output[0], 'w').write(open(snakemake.input.a).read())\n"
    )
    (folder / "renku.toml").write_text(
        '[project]\ntitle = "A test"\nlicense = "CC-BY-4.0"\n'
        '[[project.authors]]\nname = "Ada L."\norcid = "0000-0002-1825-0097"\naffiliation = "Uni"\n'
    )
    return folder


def snakemake(folder: Path, *options: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--executor", "renku", "--jobs", "2", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("project") / "a place")
    snakemake(folder)
    return folder


@pytest.fixture(scope="module")
def run(project: Path) -> RunHistory:
    return read_run(find_run(project))


@pytest.fixture(scope="module")
def crate(project: Path, run: RunHistory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    destination = tmp_path_factory.mktemp("crate") / "crate"
    rocrate.write(run, destination, zip=False, workdir=project)
    return destination


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cache(tmp_path_factory.mktemp("cache") / "contexts")


@pytest.fixture(scope="module")
def graph(crate: Path) -> dict[str, dict[str, Any]]:
    document = json.loads((crate / "ro-crate-metadata.json").read_text())
    return {entity["@id"]: entity for entity in document["@graph"]}


def entities(graph: dict[str, dict[str, Any]], type: str) -> list[dict[str, Any]]:
    return [e for e in graph.values() if type in (e["@type"], *e["@type"])]


def linked(value: Any) -> list[str]:
    return [each["@id"] for each in (value if isinstance(value, list) else [value])]


def test_the_validator_finds_nothing_that_is_required(crate: Path, cache: Path) -> None:
    assert validate(crate, cache) == []


def test_the_validator_finds_what_is_broken(crate: Path, cache: Path, tmp_path: Path) -> None:
    document = json.loads((crate / "ro-crate-metadata.json").read_text())
    for entity in document["@graph"]:
        if entity["@type"] == "ControlAction":
            del entity["instrument"]
    (tmp_path / "ro-crate-metadata.json").write_text(json.dumps(document))
    messages = {issue["message"] for issue in validate(tmp_path, cache)}
    assert any("ControlAction must reference a HowToStep" in message for message in messages)


def test_another_reader_of_crates_reads_it(crate: Path) -> None:
    from rocrate.rocrate import ROCrate

    read = ROCrate(str(crate))
    assert read.mainEntity.id == "Snakefile"
    assert read.name == "A test"
    assert {e.id for e in read.data_entities} >= {"results/end.txt", "data%20in.txt"}


def test_every_reference_leads_somewhere(graph: dict[str, dict[str, Any]]) -> None:
    outside = ("https://w3id.org/ro/", "https://snakemake", "https://w3id.org/workflowhub")
    for entity in graph.values():
        for name, value in entity.items():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict) and name not in ("identifier", "url", "conformsTo"):
                    assert item["@id"] in graph or item["@id"].startswith(outside), (name, item)


def test_files_of_the_run_are_in_the_crate_with_their_digests(
    crate: Path, graph: dict[str, dict[str, Any]], project: Path
) -> None:
    import hashlib

    for id, path in (
        ("results/end.txt", "results/end.txt"),
        ("data%20in.txt", "data in.txt"),
        ("results/K%C3%A4se%20%26%20%27q%27.txt", "results/Käse & 'q'.txt"),
    ):
        content = (crate / path).read_bytes()
        assert content == (project / path).read_bytes()
        assert graph[id]["sha256"] == hashlib.sha256(content).hexdigest()
        assert graph[id]["contentSize"] == str(len(content))
    assert (crate / "results/folder/sub/one").read_text() == "1\n"
    assert graph["results/folder/"]["@type"] == "Dataset"


def test_a_temporary_file_is_named_but_not_claimed_to_be_there(
    graph: dict[str, dict[str, Any]], crate: Path
) -> None:
    (gone,) = [e for e in graph.values() if e.get("name") == "results/first.txt"]
    assert gone["@type"] == "CreativeWork"
    assert gone["@id"].startswith("#file/")
    assert len(gone["sha256"]) == 64
    assert not (crate / "results/first.txt").exists()


def test_a_job_is_an_action_of_its_tool_with_what_it_read_was_given_and_made(
    graph: dict[str, dict[str, Any]],
) -> None:
    (first,) = [a for a in entities(graph, "CreateAction") if a["name"].startswith("first ")]
    assert first["instrument"] == {"@id": "#rule/first"}
    values = {graph[i]["name"]: graph[i].get("value") for i in linked(first["object"])}
    assert values["factor"] == 2
    assert values["words"] == '["a","b"]'
    assert "data in.txt" in values
    made = {graph[i]["name"] for i in linked(first["result"])}
    assert made == {"results/first.txt", "logs/first.log", "benchmarks/first.tsv"}
    used = {graph[i]["name"] for i in linked(first["resourceUsage"])}
    assert {"wall time", "peak resident memory"} <= used


def test_both_attempts_of_a_retried_job_belong_to_one_control_action(
    graph: dict[str, dict[str, Any]],
) -> None:
    (control,) = [
        c for c in entities(graph, "ControlAction") if c["instrument"] == {"@id": "#step/flaky"}
    ]
    attempts = [graph[i] for i in linked(control["object"])]
    assert [a["actionStatus"].rpartition("/")[2] for a in attempts] == [
        "FailedActionStatus",
        "CompletedActionStatus",
    ]
    assert "error" in attempts[0]
    assert "result" not in attempts[0]


def test_the_project_says_who_and_under_which_licence(graph: dict[str, dict[str, Any]]) -> None:
    root = graph["./"]
    assert root["name"] == "A test"
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert root["author"] == {"@id": "https://orcid.org/0000-0002-1825-0097"}


def test_the_same_run_gives_the_same_bytes_from_another_folder(
    project: Path, crate: Path, tmp_path: Path
) -> None:
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(project, moved, symlinks=True)
    rocrate.write(read_run(find_run(moved)), tmp_path / "again", zip=False, workdir=moved)
    ours = (tmp_path / "again/ro-crate-metadata.json").read_bytes()
    assert ours == (crate / "ro-crate-metadata.json").read_bytes()


def test_a_zip_holds_the_same_and_is_the_same_each_time(
    project: Path, run: RunHistory, crate: Path, tmp_path: Path
) -> None:
    for name in ("one.zip", "two.zip"):
        rocrate.write(run, tmp_path / name, zip=True, workdir=project)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        inside = set(archive.namelist())
    there = {p.relative_to(crate).as_posix() for p in crate.rglob("*") if p.is_file()}
    assert inside == there


def test_a_crate_answers_the_commands_as_a_working_directory_does(crate: Path) -> None:
    command = [sys.executable, "-m", "snakemake_renku", "show", "results/end.txt", "--json"]
    done = subprocess.run(command, cwd=crate, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["job"]["spec"]["steps"][0]["rule"] == "end"


def test_verdicts_go_along(project: Path, run: RunHistory, tmp_path: Path, cache: Path) -> None:
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(project, moved, symlinks=True)
    verdict = Verdict(
        id="20260101T000000.000-0000",
        target="latest",
        runs=(run.info.run,),
        outcome="identical",
        started=1.0,
        finished=2.0,
        place=Place("host", "reviewer", "3.11"),
        tolerance=Tolerance(),
    )
    kept = moved / ".snakemake-renku/verdicts"
    kept.mkdir(parents=True)
    (kept / f"{verdict.id}.json").write_bytes(encode_verdict(verdict))
    rocrate.write(run, tmp_path / "crate", zip=False, workdir=moved)
    document = json.loads((tmp_path / "crate/ro-crate-metadata.json").read_text())
    (action,) = [e for e in document["@graph"] if e["@type"] == "AssessAction"]
    assert action["name"] == "Replay of latest: identical"
    assert validate(tmp_path / "crate", cache) == []


def test_a_changed_file_is_not_passed_off_as_the_one_of_the_run(
    project: Path, run: RunHistory, tmp_path: Path
) -> None:
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(project, moved, symlinks=True)
    (moved / "results/end.txt").write_text("something else\n")
    rocrate.write(run, tmp_path / "crate", zip=False, workdir=moved)
    assert not (tmp_path / "crate/results/end.txt").exists()


def test_a_snakefile_that_is_gone_is_taken_from_the_commit_of_the_run(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "repository")
    identity = {
        f"GIT_{who}_{what}": "x@y" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environment = {**os.environ, **identity}
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=folder, env=environment, check=True)
    snakemake(folder, "results/flaky.txt")
    recorded = (folder / "Snakefile").read_bytes()
    (folder / "Snakefile").write_text("rule other: output: 'x'\n")
    run = read_run(find_run(folder))
    rocrate.write(run, tmp_path / "crate", zip=False, workdir=folder)
    assert (tmp_path / "crate/Snakefile").read_bytes() == recorded


def test_without_the_workflow_there_is_no_crate(
    project: Path, run: RunHistory, tmp_path: Path
) -> None:
    info = msgspec.structs.replace(run.info, snakefile="/nowhere/Snakefile")
    lost = RunHistory(run.path, info, run.end, run.jobs)
    with pytest.raises(ExportError, match="is not here as it was, nor in git"):
        rocrate.write(lost, tmp_path / "crate", zip=False, workdir=project)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_is_not_overwritten(
    project: Path, run: RunHistory, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(ExportError, match="is there already"):
        rocrate.write(run, tmp_path, zip=False, workdir=project)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("container", "parts"),
    [
        ("docker://alpine", ("docker.io", "alpine", "latest")),
        ("docker://alpine:3.2", ("docker.io", "alpine", "3.2")),
        ("docker://quay.io/a/b:1", ("quay.io", "a/b", "1")),
        ("docker://127.0.0.1:5055/a/b@sha256:00", ("127.0.0.1:5055", "a/b", "latest")),
        ("images/tool.sif", (None, "images/tool.sif", None)),
    ],
)
def test_an_image_is_told_apart_into_registry_name_and_tag(
    container: str, parts: tuple[str | None, str, str | None]
) -> None:
    assert image_parts(container) == parts


def test_a_citation_file_fills_in_what_renku_toml_leaves_open(tmp_path: Path) -> None:
    (tmp_path / "renku.toml").write_text('[project]\ntitle = "Ours"\n')
    (tmp_path / "CITATION.cff").write_text(
        "title: Theirs\nlicense: MIT\nauthors:\n- given-names: Ada\n  family-names: Lovelace\n"
    )
    project = load_project(tmp_path)
    assert (project.title, project.license) == ("Ours", "MIT")
    assert [author.name for author in project.authors] == ["Ada Lovelace"]


def test_a_malformed_declaration_is_told(tmp_path: Path) -> None:
    (tmp_path / "renku.toml").write_text("[project]\nlicence = 'MIT'\n")
    with pytest.raises(SettingsError, match="table \\[project\\] may have title"):
        load_project(tmp_path)
