"""What goes wrong on a cluster, caused for real, and told apart."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from .conftest import SlurmProject, pytestmark, until  # noqa: F401

SLURM_SH = Path(__file__).parents[1] / "clusters" / "slurm.sh"

SLEEP = """
    rule all:
        input: expand("{{i}}.txt", i=range({n}))
    rule job:
        output: "{{i}}.txt"
        resources: {resources}
        shell: "echo {{wildcards.i}} >> begun; sleep {seconds}; echo done > {{output}}"
"""

EAT = 'python3 -c "import time; x = bytearray({mb}000000); time.sleep({s})"'


def sleeping(project: SlurmProject, n: int = 1, seconds: float = 5, resources: str = "mem_mb=50"):
    text = SLEEP.replace("{n}", str(n)).replace("{seconds}", str(seconds))
    text = text.replace("{resources}", resources).replace("{{", "{").replace("}}", "}")
    project.write("Snakefile", text)


def daemon(*words: str) -> None:
    subprocess.run([str(SLURM_SH), *words], check=True, capture_output=True, text=True)


def begun(project: SlurmProject) -> list[str]:
    file = project.folder / "begun"
    return file.read_text().split() if file.exists() else []


def kinds(project: SlurmProject, rule: str = "job") -> list[str | None]:
    records = [job.record for job in project.histories(rule)]
    return [None if r is None or r.failure is None else r.failure.kind for r in records]


# --- the job's own faults ---------------------------------------------------------------------


def test_a_job_beyond_its_memory_is_out_of_memory(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        f"""
        rule job:
            output: "a"
            resources: mem_mb=60
            shell: '{EAT.format(mb=300, s=2)}; touch {{output}}'
        """,
    )
    code, output = project.run()
    assert code == 1
    assert kinds(project) == ["out_of_memory"]
    assert "raise mem_mb" in output


def test_a_step_beyond_its_memory_is_out_of_memory_too(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        """
        rule job:
            output: "a"
            resources: mem_mb=100
            shell:
                "srun --mem=60 python3 -c 'x = bytearray(90000000); y = bytes(x)'"
                " && touch {output}"
        """,
    )
    code, output = project.run()
    assert code == 1, output
    assert kinds(project) == ["out_of_memory"], output


def test_memory_grows_within_the_partition_and_uses_up_no_retries(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        f"""
        rule job:
            output: "a"
            resources: mem_mb=100
            shell: '{EAT.format(mb=300, s=1)}; echo {{resources.mem_mb}} > {{output}}'
        """,
    )
    code, output = project.run("--renku-escalate", "mem_mb=4")
    assert code == 0, output
    assert (project.folder / "a").read_text() == "400\n"
    assert kinds(project) == ["out_of_memory", None]
    assert "does not use up retries" in output


def test_a_job_beyond_its_time_is_a_timeout(project: SlurmProject) -> None:
    sleeping(project, seconds=200, resources="runtime=1")
    code, output = project.run()
    assert code == 1
    assert kinds(project) == ["timeout"]
    assert "raise runtime" in output


# --- somebody else ----------------------------------------------------------------------------


def test_cancelled_by_somebody_else_is_told_apart(project: SlurmProject) -> None:
    sleeping(project, n=2, seconds=30)
    process = project.start("--keep-going")
    until(lambda: len(begun(project)) == 2, "both to run")
    (first, _) = project.in_slurm("RUNNING")
    subprocess.run(["scancel", first.split()[0]], check=True)
    until(lambda: kinds(project).count("cancelled") == 1, "the news")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert "cancelled by" in output


def test_ctrl_c_cancels_all_at_once(project: SlurmProject) -> None:
    sleeping(project, n=20, seconds=60)
    process = project.start()
    until(lambda: len(begun(project)) >= 10, "jobs to run")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert project.in_slurm("PENDING", "RUNNING", "SUSPENDED") == [], output
    assert set(kinds(project)) == {"cancelled"}
    assert project.runs()[-1].status == "interrupted"


def test_a_preempted_job_makes_room_and_is_started_again(project: SlurmProject) -> None:
    sleeping(project, seconds=15, resources='slurm_partition="low", mem_mb=3000, constraint="fast"')
    process = project.start("--resources", "x=1")
    until(lambda: len(begun(project)) == 1, "the job to run")
    urgent = ["sbatch", "--parsable", "-p", "short", "--nodes=2", "--exclusive", "--mem=900"]
    other = subprocess.run(
        [*urgent, "-t", "1", "-o", "/dev/null", "--wrap", "sleep 5"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    try:
        output, _ = process.communicate(timeout=120)
    finally:
        subprocess.run(["scancel", other], check=False)
    assert process.returncode == 0, output
    assert kinds(project) == ["preempted", None], output


def test_a_requeued_job_begins_anew(project: SlurmProject) -> None:
    sleeping(project, seconds=8, resources="requeue=1, mem_mb=50")
    process = project.start()
    until(lambda: len(begun(project)) == 1, "the job to run")
    (job,) = project.in_slurm("RUNNING")
    subprocess.run(["scontrol", "requeue", job.split()[0]], check=True)
    until(lambda: project.in_slurm("PENDING"), "the requeue")
    subprocess.run(["scontrol", "update", f"jobid={job.split()[0]}", "starttime=now"], check=False)
    output, _ = process.communicate(timeout=150)
    assert process.returncode == 0, output
    assert len(begun(project)) == 2
    assert "put back into the queue" in output


# --- what can never start ---------------------------------------------------------------------


def test_a_job_that_no_partition_takes_is_refused_before_it_is_submitted(
    project: SlurmProject,
) -> None:
    sleeping(project, resources="mem_mb=999999")
    code, _ = project.run()
    assert code == 1
    assert kinds(project) == ["rejected"]


def test_a_job_that_pends_for_ever_is_ended_and_the_reason_told(project: SlurmProject) -> None:
    sleeping(project, resources='slurm_partition="short", runtime=60, slurm_extra="--no-kill"')
    code, output = project.run()
    assert code == 1
    assert kinds(project) == ["rejected"]
    assert "short" in output or "time" in output
    assert project.in_slurm() == [] or project.in_slurm("PENDING") == []


def test_a_bad_account_or_partition_is_refused_with_slurms_words(project: SlurmProject) -> None:
    sleeping(project, resources='slurm_partition="nonesuch"')
    code, output = project.run()
    assert code == 1
    assert "nonesuch" in output or "artition" in output
    assert kinds(project) == ["rejected"]


# --- coming back ------------------------------------------------------------------------------


def test_killed_with_200_jobs_and_started_again(project: SlurmProject) -> None:
    sleeping(project, n=200, seconds=10)
    process = project.start(jobs=300)
    until(lambda: len(begun(project)) >= 60, "jobs to run")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    project.run("--unlock")
    code, output = project.run("--rerun-incomplete", jobs=300)
    assert code == 0, output
    assert "is taken up" in output
    counts = sorted(begun(project))
    assert counts == sorted(set(counts)), "a job ran twice"
    assert len(counts) == 200
    assert all((project.folder / f"{i}.txt").read_text() == "done\n" for i in range(200))


def test_detached_jobs_go_on_and_are_taken_up(project: SlurmProject) -> None:
    sleeping(project, n=6, seconds=12)
    process = project.start("--renku-detach")
    until(lambda: len(begun(project)) == 6, "jobs to run")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert "go on in Slurm" in output
    assert len(project.in_slurm("RUNNING")) == 6
    code, output = project.run("--rerun-incomplete")
    assert code == 0, output
    assert len(begun(project)) == 6


def test_other_work_on_the_same_file_is_ended_first(project: SlurmProject) -> None:
    sleeping(project, n=1, seconds=60)
    process = project.start("--renku-detach")
    until(lambda: len(begun(project)) == 1, "the job to run")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    sleeping(project, n=1, seconds=1)
    code, output = project.run("--rerun-incomplete")
    assert code == 0, output
    assert len(begun(project)) == 2
    assert project.in_slurm("RUNNING") == []


# --- the cluster's faults (these stop daemons that others may be using) ------------------------

DAEMONS = pytest.mark.skipif(
    "RENKU_TEST_SLURM_ALONE" not in os.environ and not os.environ.get("CI"),
    reason="stops daemons of the cluster; RENKU_TEST_SLURM_ALONE=1 says that nobody else uses it",
)


@DAEMONS
def test_slurmctld_down_for_a_minute(project: SlurmProject) -> None:
    sleeping(project, n=3, seconds=20)
    process = project.start()
    until(lambda: len(begun(project)) == 3, "jobs to run")
    daemon("stop", "slurmctld")
    try:
        until(
            lambda: (
                kinds(project) == [None] * 3 and all(job.record for job in project.histories("job"))
            ),
            "records without Slurm",
            60,
        )
    finally:
        daemon("start", "slurmctld")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output


@DAEMONS
def test_jobs_wait_to_be_submitted_while_slurmctld_is_down(project: SlurmProject) -> None:
    sleeping(project, n=3, seconds=1)
    daemon("stop", "slurmctld")
    try:
        process = project.start()
        until(
            lambda: any(
                "cannot be submitted" in n.message for r in project.runs() for n in r.notices
            ),
            "the news",
            90,
        )
    finally:
        daemon("start", "slurmctld")
    output, _ = process.communicate(timeout=150)
    assert process.returncode == 0, output


@DAEMONS
def test_slurmdbd_down(project: SlurmProject) -> None:
    daemon("stop", "slurmdbd")
    try:
        sleeping(project, n=3, seconds=1)
        code, output = project.run()
    finally:
        daemon("start", "slurmdbd")
    assert code == 0, output


@DAEMONS
def test_a_node_that_dies_is_avoided_and_its_job_repeated(project: SlurmProject) -> None:
    sleeping(project, n=1, seconds=15)
    process = project.start()
    until(lambda: len(begun(project)) == 1, "the job to run")
    (job,) = project.in_slurm("RUNNING")
    node = job.split()[2]
    daemon("stop", "slurmd", node)
    subprocess.run(
        ["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], check=True
    )
    try:
        output, _ = process.communicate(timeout=150)
    finally:
        daemon("start", "slurmd", node)
        subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=False)
    assert process.returncode == 0, output
    assert kinds(project) == ["node_lost", None]
    hosts = [j.record.host for j in project.histories("job")]
    assert hosts[1] != node
