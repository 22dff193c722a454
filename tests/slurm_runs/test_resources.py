"""What a rule asks for is what its job gets."""

from __future__ import annotations

import os
import subprocess

import pytest

from .conftest import SlurmProject, pytestmark  # noqa: F401


def test_an_mpi_job_spans_nodes_beside_one_runner(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        """
        rule a:
            output: "a.txt"
            resources: mem_mb=200, tasks=2, nodes=2, mpi="srun", runtime=2
            shell:
                "{resources.mpi} --mem=50 -n {resources.tasks}"
                " bash -c 'echo $SLURM_PROCID $SLURMD_NODENAME' > {output}"
        """,
    )
    code, output = project.run()
    assert code == 0, output
    ranks = dict(line.split() for line in (project.folder / "a.txt").read_text().splitlines())
    assert set(ranks) == {"0", "1"}
    assert len(set(ranks.values())) == 2


def test_gpus_are_those_of_the_node_that_has_them(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        """
        rule all:
            input: "0.txt", "1.txt"
        rule a:
            output: "{i}.txt"
            resources: mem_mb=50, gpu=1, gpu_model="a100", runtime=2
            shell: "echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES > {output}; sleep 2"
        """,
    )
    code, output = project.run()
    assert code == 0, output
    found = sorted((project.folder / f"{i}.txt").read_text().split() for i in range(2))
    assert found == [["n3", "0"], ["n3", "1"]]


def test_inputs_are_staged_in_and_outputs_out_by_a_shadow_on_the_node(
    project: SlurmProject,
) -> None:
    project.write("in.txt", "hello\n")
    project.write(
        "Snakefile",
        """
        rule a:
            input: "in.txt"
            output: "a.txt"
            shadow: "copy-minimal"
            shell: "[ ! -L {input} ]; pwd > {output}; cat {input} >> {output}"
        """,
    )
    scratch = project.folder / "scratch"
    code, output = project.run("--shadow-prefix", str(scratch))
    assert code == 0, output
    where, said = (project.folder / "a.txt").read_text().splitlines()
    assert where.startswith(str(scratch))
    assert said == "hello"
    assert not any((scratch / "shadow").iterdir())


@pytest.mark.parametrize("client", ["commands", "rest"])
def test_each_way_to_talk_with_slurm_runs_a_workflow(
    project: SlurmProject, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if client == "rest":
        url = os.environ.get("RENKU_TEST_SLURMREST")
        if url is None:
            pytest.skip("needs slurmrestd (make clusters)")
        project.write("renku.toml", f'[slurm]\nrest_url = "{url}"\n')
        made = subprocess.run(["scontrol", "token"], check=True, capture_output=True, text=True)
        monkeypatch.setenv("SLURM_JWT", made.stdout.strip().removeprefix("SLURM_JWT="))
    project.write(
        "Snakefile",
        """
        rule all:
            input: expand("{i}.txt", i=range(3)), "s.txt"
        rule a:
            output: "{i}.txt"
            resources: mem_mb=50, runtime=2
            shell: "echo $HOME $SLURM_ARRAY_TASK_ID > {output}"
        rule s:
            output: "s.txt"
            resources: mem_mb=300, runtime=2
            run:
                open(output[0], "w").write("x")
        """,
    )
    code, output = project.run("--renku-slurm-client", client)
    assert code == 0, output
    assert {job.record.mode for job in project.histories("s")} == {"cold"}
