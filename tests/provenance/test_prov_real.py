"""A run of real Snakemake, from its journal to answers."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rdflib import Graph

from snakemake_renku.journal import RunHistory, find_run, read_run

from .prov_journals import Told, told, written

WORKFLOW = """
rule all:
    input: "end.txt", "of pipe.txt"
rule a:
    input: "data/source 1.txt"
    output: "a/{w}.txt"
    group: "together"
    shell: "cat {input:q} > {output:q}; echo {wildcards.w:q} >> {output:q}"
rule b:
    input: "a/{w}.txt"
    output: temp("b/{w}.txt")
    group: "together"
    shell: "cat {input:q} {input:q} > {output:q}"
rule c:
    input: "b/x y.txt"
    output: directory("c")
    retries: 1
    resources: tries=lambda wildcards, attempt: attempt
    shell: "test {resources.tries} -eq 2 && mkdir -p c && cp {input:q} c/copy.txt"
rule d:
    input: "c", text="data/source 2.txt"
    output: "end.txt"
    log: "d.log"
    script: "d.py"
rule make_pipe:
    input: "data/source 2.txt"
    output: pipe("pipe")
    shell: "cat {input:q} > {output}"
rule read_pipe:
    input: "pipe"
    output: "of pipe.txt"
    shell: "cat {input} > {output:q}"
"""

SCRIPT = """
text = open("c/copy.txt").read() + open(snakemake.input.text).read()
open(snakemake.output[0], "w").write(text)
open(snakemake.log[0], "w").write("done")
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunHistory:
    folder = tmp_path_factory.mktemp("real")
    (folder / "data").mkdir()
    (folder / "data" / "source 1.txt").write_text("one\n")
    (folder / "data" / "source 2.txt").write_text("two\n")
    (folder / "Snakefile").write_text(WORKFLOW)
    (folder / "d.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "snakemake", "--executor", "renku", "--jobs", "2"]
    done = subprocess.run(
        [*command, "--scheduler", "greedy"],
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return read_run(find_run(folder))


@pytest.fixture(scope="module")
def doc(run: RunHistory) -> Told:
    return told(run)


@pytest.fixture(scope="module")
def graph(run: RunHistory) -> Graph:
    return Graph().parse(data=written([run], "turtle"), format="turtle")


def answers(graph: Graph, query: str) -> set[str]:
    return {str(row[0]) for row in graph.query(query)}  # type: ignore[index]


def test_what_the_result_comes_from_leads_through_groups_and_folders(graph: Graph) -> None:
    sources = """
        SELECT DISTINCT ?path {
            ?end renku:path "end.txt" ; prov:wasDerivedFrom+ ?file . ?file renku:path ?path
        }
    """
    assert answers(graph, sources) == {
        *("c", "b/x y.txt", "a/x y.txt"),
        *("data/source 1.txt", "data/source 2.txt"),
    }


def test_the_code_behind_the_result_is_found(graph: Graph, run: RunHistory) -> None:
    code = """
        SELECT ?digest {
            ?end renku:path "end.txt" ; prov:wasGeneratedBy ?attempt .
            ?attempt prov:qualifiedAssociation/prov:hadPlan ?rule .
            ?rule renku:scriptPath "d.py" ; renku:codeDigest ?digest
        }
    """
    script = Path(run.info.workdir, "d.py").read_bytes()
    assert answers(graph, code) == {f"sha256:{hashlib.sha256(script).hexdigest()}"}


def test_an_attempt_that_failed_is_told_before_the_one_that_did_not(doc: Told) -> None:
    attempts = doc.all("Activity", type="Attempt", rule="c")
    assert [doc.value(one, "status") for one in attempts] == ["failed", "success"]
    informed = doc.one("Communication", informant=doc.id(attempts[0]))
    assert doc.value(informed, "informed") == doc.id(attempts[1])


def test_steps_of_a_group_share_an_activity(doc: Told) -> None:
    (attempt,) = [
        one for one in doc.all("Activity", type="Attempt") if doc.values(one, "rule") == ["a", "b"]
    ]
    made = {doc.value(one, "entity") for one in doc.all("Generation", activity=doc.id(attempt))}
    assert made == {
        doc.id(doc.one("Entity", type="Version", path=path)) for path in ("a/x y.txt", "b/x y.txt")
    }


def test_a_pipe_has_no_digest(doc: Told) -> None:
    pipe = doc.one("Entity", path="pipe")
    assert doc.value(pipe, "kind") == "pipe"
    assert len(doc.all("Usage", entity=doc.id(pipe))) == 1


@pytest.mark.parametrize("name", ["prov", "rdflib", "lxml"])
def test_nothing_heavy_is_imported_before_it_is_needed(name: str) -> None:
    code = (
        "import sys, snakemake_renku.provenance.prov, snakemake_renku.cli.export;"
        f"print({name!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
