"""What the journal says of a run, checked against what can be known otherwise."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest

from ..faults.conftest import Project

WORKFLOW = """
    configfile: "config.yaml"
    rule all:
        input: "c.txt"
    rule a:
        output: "a file.txt"
        shell: "echo hello > {output:q}; echo to stdout; echo to stderr >&2"
    rule b:
        input: first="a file.txt"
        output: directory("b")
        params: number=7, names=["x", "y"], table={"k": 1.5}
        threads: 2
        resources: mem_mb=100
        log: "logs/b.log"
        shell: "mkdir {output}; cp {input.first:q} {output}/copy; echo logged > {log}"
    rule c:
        input: "b"
        output: "c.txt"
        script: "c.py"
"""


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.write("Snakefile", WORKFLOW)
    project.write("config.yaml", "greeting: hello\n")
    project.write("c.py", "open(snakemake.output[0], 'w').write('c')\n")
    yield project
    project.end_all()


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def by_rule(project: Project):
    (run,) = project.runs()
    return run, {job.spec.rule: job for job in run.jobs.values()}


def test_every_job_is_recorded_with_the_digests_of_its_files(project) -> None:
    code, output = project.run("--logger", "renku")
    assert code == 0, output
    run, jobs = by_rule(project)
    assert run.status == "success"
    assert set(jobs) == {"all", "a", "b", "c"}
    made = jobs["a"].record.steps[0].output[0]
    assert (made.path, made.digest, made.size) == ("a file.txt", sha256(b"hello\n"), 6)
    read = jobs["b"].record.steps[0].input[0]
    assert (read.name, read.digest) == ("first", made.digest)
    roles = {ref.path: ref.role for ref in jobs["b"].record.steps[0].output}
    assert roles == {"b": "output", "logs/b.log": "log"}
    tree = jobs["b"].record.steps[0].output[0]
    assert tree.digest.startswith("sha256-tree:")
    assert jobs["c"].record.steps[0].input[0].digest == tree.digest
    assert jobs["all"].record.mode == "snakemake"


def test_a_record_holds_the_job_as_it_was_asked(project) -> None:
    assert project.run()[0] == 0
    _, jobs = by_rule(project)
    step = jobs["b"].spec.steps[0]
    assert step.params == {"number": 7, "names": ["x", "y"], "table": {"k": 1.5}}
    assert step.command == "mkdir b; cp 'a file.txt' b/copy; echo logged > logs/b.log"
    assert jobs["b"].spec.threads == 2
    assert jobs["b"].spec.resources["mem_mb"] == 100
    script = jobs["c"].spec.steps[0]
    assert script.script == str(project.folder / "c.py")
    assert script.code_digest == sha256((project.folder / "c.py").read_bytes())


def test_what_a_job_prints_is_passed_on_and_its_end_kept(project) -> None:
    _, output = project.run()
    assert "to stdout" in output
    _, jobs = by_rule(project)
    assert jobs["a"].record.stdout_tail == "to stdout\n"
    assert jobs["a"].record.stderr_tail == "to stderr\n"


def test_the_head_names_versions_sources_and_configuration(project) -> None:
    project.run("--config", "extra=né 1 $HOME")
    (run,) = project.runs()
    assert run.info.config == {"greeting": "hello", "extra": "né 1 $HOME"}
    sources = {os.path.basename(source.path): source.digest for source in run.info.sources}
    assert sources["Snakefile"] == sha256((project.folder / "Snakefile").read_bytes())
    assert "config.yaml" in sources
    assert run.info.snakemake_version.startswith("9.")
    assert "snakemake" in run.info.software.packages
    assert run.info.git is None


def test_the_commit_is_recorded_and_whether_it_was_dirty(project) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        command = ["git", *identity, *arguments]
        return subprocess.run(
            command, cwd=project.folder, check=True, capture_output=True, text=True
        ).stdout

    git("init", "-q")
    git("add", "Snakefile", "config.yaml", "c.py")
    git("commit", "-qm", "first")
    project.run("a file.txt")
    project.write("Snakefile", WORKFLOW + "\n    # changed\n")
    project.run()
    first, second = project.runs()
    assert first.info.git.commit == git("rev-parse", "HEAD").strip()
    assert (first.info.git.dirty, second.info.git.dirty) == (False, True)


def test_a_failed_job_is_recorded_with_its_exit_code(project) -> None:
    project.write("Snakefile", 'rule a:\n    output: "a"\n    shell: "echo why >&2; exit 7"\n')
    code, output = project.run()
    assert code == 1
    assert "returned non-zero exit status 7" in output
    run, jobs = by_rule(project)
    assert run.status == "failed"
    record = jobs["a"].record
    assert (record.exit_code, record.failure.kind, record.stderr_tail) == (7, "error", "why\n")


def test_a_job_that_does_not_make_its_output_is_recorded_as_failed(project) -> None:
    project.write("Snakefile", 'rule a:\n    output: "a"\n    shell: "true"\n')
    code, output = project.run("--latency-wait", "1")
    assert code == 1
    assert "MissingOutputException" in output
    _, jobs = by_rule(project)
    assert jobs["a"].record.failure.kind == "missing_output"


def test_a_run_that_ends_by_an_error_in_the_snakefile_is_recorded_as_failed(project) -> None:
    project.write(
        "Snakefile",
        """
        rule b:
            input: "a.txt"
            output: "b.txt"
            params: x=lambda wildcards, input: open(input[0]).read()[5]
            shell: "echo {params.x} > {output}"
        rule a:
            output: "a.txt"
            shell: "touch {output}"
        """,
    )
    code, output = project.run("b.txt")
    assert code == 1
    assert "string index out of range" in output
    run, jobs = by_rule(project)
    assert run.status == "failed"
    assert jobs["a"].record.ok
