"""Secrets stay out of the journal, of what is printed about jobs, and of command lines."""

from __future__ import annotations

import pytest

from ..faults.conftest import Project, wait_until

SECRET = "hunter2-correct-horse"


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    yield project
    project.end_all()


def test_a_declared_secret_never_enters_the_journal(project) -> None:
    project.write(
        "Snakefile",
        """
        envvars: "API_TOKEN"
        rule all:
            input: "a.txt", "b.txt"
        rule a:
            output: "a.txt"
            params: token=os.environ["API_TOKEN"], url="https://me:pw12345@example.org/x"
            shell: "echo token {params.token} >&2; echo $API_TOKEN > {output}"
        rule b:
            output: "b.txt"
            run:
                print("in run", os.environ["API_TOKEN"])
                open(output[0], "w").write("x")
        """,
    )
    code, output = project.run(API_TOKEN=SECRET)
    assert code == 0, output
    assert (project.folder / "a.txt").read_text().strip() == SECRET
    (journal,) = (project.folder / ".snakemake" / "renku" / "runs").iterdir()
    text = journal.read_text()
    assert SECRET not in text
    assert "pw12345" not in text
    assert "[redacted:API_TOKEN]" in text


def test_a_secret_is_on_no_command_line_of_ours(project) -> None:
    project.write(
        "Snakefile",
        """
        envvars: "API_TOKEN"
        rule a:
            output: "a.txt"
            run:
                import pathlib, time
                pathlib.Path("started").touch()
                while not os.path.exists("go"): time.sleep(0.05)
                pathlib.Path(output[0]).write_text("x")
        """,
    )
    main = project.start("--config", "some=thing", API_TOKEN=SECRET)
    wait_until(lambda: (project.folder / "started").exists(), "the job to start")
    lines = [" ".join(p.cmdline()) for p in project.helpers(main, "snakemake_renku")]
    project.write("go", "")
    main.communicate(timeout=30)
    assert lines
    assert not any(SECRET in line or "thing" in line for line in lines)
