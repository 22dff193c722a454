"""What works: jobs of all kinds, their resources, records and logs."""

from __future__ import annotations

import os

import pytest

from .conftest import SlurmProject, pytestmark  # noqa: F401

SHELL = """
    rule all:
        input: expand("out/{i}.txt", i=range(int(config.get("n", 5))))
    rule job:
        output: "out/{i}.txt"
        resources: mem_mb=50
        shell: "echo {wildcards.i} $SLURM_ARRAY_TASK_ID > {output}; echo said >&2"
"""


def test_shell_jobs_go_as_one_array_beside_our_runner_alone(project: SlurmProject) -> None:
    project.write("Snakefile", SHELL)
    code, output = project.run()
    assert code == 0, output
    jobs = project.histories("job")
    assert len(jobs) == 5
    assert {(project.folder / f"out/{i}.txt").read_text().split()[0] for i in range(5)} == set(
        "01234"
    )
    assert all(job.record is not None and job.record.ok for job in jobs)
    assert {job.record.mode for job in jobs} == {"direct"}
    assert {job.record.host for job in jobs} <= {"n1", "n2", "n3", "n4"}
    assert all(job.started is not None for job in jobs)
    outputs = [ref for job in jobs for ref in job.record.steps[0].output]
    assert all(ref.digest is not None and ref.digest.startswith("sha256:") for ref in outputs)
    assert not (project.folder / ".snakemake/renku/slurm").exists() or not any(
        (project.folder / ".snakemake/renku/slurm").iterdir()
    )
    again, output = project.run("--dry-run")
    assert again == 0
    assert "Nothing to be done" in output


def test_a_job_that_needs_snakemake_is_started_cold(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        """
        rule all:
            input: "a.txt", "b.txt"
        rule script:
            output: "a.txt"
            params: word="hello"
            threads: 3
            resources: mem_mb=300
            script: "write.py"
        rule run:
            input: "a.txt"
            output: "b.txt"
            run:
                open(output[0], "w").write(open(input[0]).read() + config.get("more", ""))
        """,
    )
    project.write(
        "write.py",
        "open(snakemake.output[0], 'w').write(f'{snakemake.params.word} {snakemake.threads}')\n",
    )
    code, output = project.run("--config", "more=more")
    assert code == 0, output
    assert (project.folder / "b.txt").read_text() == "hello 3more"
    assert [job.record.mode for job in project.histories("script")] == ["cold"]


def test_a_failed_job_shows_what_it_printed_and_why(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        """
        rule fails:
            output: "a.txt"
            shell: "echo partial > {output}; echo the reason >&2; exit 3"
        """,
    )
    code, output = project.run()
    assert code == 1
    assert "the reason" in output
    assert "returned non-zero exit status 3" in output
    (job,) = project.histories("fails")
    assert (job.record.failure.kind, job.record.exit_code) == ("error", 3)
    assert not (project.folder / "a.txt").exists()


def test_retries_are_the_users(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        """
        rule flaky:
            output: "a.txt"
            retries: 2
            resources: mem_mb=lambda w, attempt: 50 * attempt
            shell: "[ {resources.mem_mb} -ge 150 ] && touch {output}"
        """,
    )
    code, output = project.run()
    assert code == 0, output
    assert [job.spec.mem_mb for job in project.histories("flaky")] == [50, 100, 150]


def test_tmpdir_is_the_nodes(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        """
        rule all:
            input: "a.txt", "b.txt"
        rule direct:
            output: "a.txt"
            shell: "echo $TMPDIR > {output}; [ -d $TMPDIR ]"
        rule nested:
            output: "b.txt"
            shell: "echo {resources.tmpdir} > {output}; [ -d {resources.tmpdir} ]"
        """,
    )
    scratch = project.folder / "scratch"
    project.write("renku.toml", f'[slurm]\nscratch = "{scratch}/$SLURM_JOB_ID"\n')
    code, output = project.run()
    assert code == 0, output
    for name in ("a", "b"):
        assert (project.folder / f"{name}.txt").read_text().startswith(str(scratch))
    assert [p for p in scratch.rglob("*") if p.name.startswith("renku-")] == []


def test_a_rule_may_stay_on_this_machine(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        """
        rule here:
            output: "a.txt"
            resources: backend="local"
            shell: "echo in:${{SLURM_JOB_ID:-}} > {output}"
        """,
    )
    code, output = project.run()
    assert code == 0, output
    assert (project.folder / "a.txt").read_text() == f"in:{os.environ.get('SLURM_JOB_ID', '')}\n"


def test_a_group_of_jobs_is_one_slurm_job(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        """
        rule a:
            output: "a.txt"
            group: "g"
            shell: "echo $SLURM_JOB_ID > {output}"
        rule b:
            input: "a.txt"
            output: "b.txt"
            group: "g"
            shell: "cat {input} > {output}; echo $SLURM_JOB_ID >> {output}"
        """,
    )
    code, output = project.run("b.txt")
    assert code == 0, output
    assert len(set((project.folder / "b.txt").read_text().split())) == 1


def test_hostile_names(project: SlurmProject) -> None:
    inner = SlurmProject(project.folder / "it's ünïcödé in $HOME %A%j")
    inner.folder.mkdir()
    inner.write(
        "Snakefile",
        """
        rule a:
            output: "out put/{n}.txt"
            shell: "echo x > {output:q}"
        """,
    )
    code, output = inner.run("out put/é '1.txt")
    assert code == 0, output


def test_rules_with_different_needs_are_submitted_together(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        """
        rule all:
            input: expand("{r}{i}.txt", r=["a", "b"], i=range(3)), "c.txt"
        rule a:
            output: "a{i}.txt"
            resources: mem_mb=50, runtime=2
            shell: "echo $SLURM_ARRAY_JOB_ID > {output}"
        rule b:
            output: "b{i}.txt"
            resources: mem_mb=50, runtime=2
            shell: "echo $SLURM_ARRAY_JOB_ID > {output}"
        rule c:
            output: "c.txt"
            threads: 2
            resources: constraint="fast", runtime=2
            shell: "echo $SLURMD_NODENAME $SLURM_CPUS_PER_TASK > {output}"
        """,
    )
    code, output = project.run()
    assert code == 0, output
    arrays = {(project.folder / f"{r}{i}.txt").read_text() for r in "ab" for i in range(3)}
    assert len(arrays) == 1
    node, cpus = (project.folder / "c.txt").read_text().split()
    assert node in ("n1", "n2")
    assert cpus == "2"


def test_a_container_is_used_by_many_tasks_at_once(project: SlurmProject) -> None:
    image = os.environ.get("RENKU_TEST_IMAGE")
    if image is None:
        pytest.skip("needs images (make clusters)")
    project.write(
        "Snakefile",
        f"""
        rule all:
            input: expand("{{i}}.txt", i=range(4))
        rule a:
            output: "{{i}}.txt"
            container: "{image}"
            resources: runtime=5
            shell: "cat /etc/os-release > {{output}} || echo in > {{output}}"
        """,
    )
    code, output = project.run("--sdm", "apptainer")
    assert code == 0, output
    (first, *_) = project.histories("a")
    assert first.record.steps[0].environment.image_digest is not None
