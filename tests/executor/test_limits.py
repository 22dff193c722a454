"""Jobs that go beyond what they asked for, in real runs."""

from __future__ import annotations

import pytest

from ..faults.conftest import Project

HUNGRY = """
    rule hungry:
        output: "a.txt"
        resources: mem_mb=50
        {directive}
"""
EAT = 'python3 -c "import time; x = bytearray(200_000_000); time.sleep({seconds})"'
SHELL = f"shell: '{EAT.format(seconds=1)}; touch {{output}}'"
RUN = """run:
            import pathlib, time
            x = bytearray(200_000_000)
            time.sleep(1)
            pathlib.Path(output[0]).touch()
"""


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    yield project
    project.end_all()


@pytest.mark.parametrize("directive", [SHELL, RUN], ids=["direct", "warm"])
def test_without_enforcement_an_excess_is_told_and_recorded(project, directive) -> None:
    project.write("Snakefile", HUNGRY.replace("{directive}", directive))
    code, output = project.run()
    assert code == 0, output
    assert "would have been killed on a cluster" in output
    (job,) = (j for j in project.runs()[0].jobs.values() if j.spec.rule == "hungry")
    assert job.record.ok
    assert job.record.exceeded == ("mem_mb",)
    assert job.record.usage.max_rss > 150_000_000
    assert any("mem_mb" in notice.message for notice in job.notices)


@pytest.mark.parametrize("directive", [SHELL, RUN], ids=["direct", "warm"])
def test_with_enforcement_a_job_out_of_memory_is_stopped_and_named_so(project, directive) -> None:
    project.write("Snakefile", HUNGRY.replace("{directive}", directive))
    code, output = project.run("--renku-enforce")
    assert code == 1
    assert "out_of_memory" in output
    (job,) = project.runs()[0].jobs.values()
    assert job.record.failure.kind == "out_of_memory"
    assert "raise mem_mb" in job.record.failure.message


def test_memory_that_grows_with_the_attempt_gets_there_in_the_end(project) -> None:
    project.write(
        "Snakefile",
        """
        rule hungry:
            output: "a.txt"
            retries: 3
            resources: mem_mb=lambda wildcards, attempt: 150 * attempt
            shell: 'EAT; touch {output}'
        """.replace("EAT", EAT.format(seconds=0.5)),
    )
    code, output = project.run("--renku-enforce")
    assert code == 0, output
    kinds = [
        j.record.failure.kind if j.record.failure else "ok" for j in project.runs()[0].jobs.values()
    ]
    assert kinds == ["out_of_memory", "ok"]


def test_a_runtime_is_counted_in_minutes_and_told(project) -> None:
    project.write(
        "Snakefile",
        """
        rule short:
            output: "a.txt"
            resources: runtime=1
            shell: "touch {output}"
        """,
    )
    assert project.run()[0] == 0
    (job,) = project.runs()[0].jobs.values()
    assert job.spec.runtime_s == 60.0
    assert job.record.exceeded == ()
