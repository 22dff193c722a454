"""What goes wrong on a cluster, caused for real, and told apart."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
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


@contextlib.contextmanager
def without(*daemon: str, number: int = signal.SIGTERM) -> Iterator[None]:
    """A time without a daemon of the cluster, or (``slurmd``, NODE) without that of a node."""
    if number == signal.SIGKILL:
        pid = Path(os.environ["RENKU_TEST_SLURM"], "run", f"{'-'.join(daemon)}.pid")
        os.kill(int(pid.read_text()), signal.SIGKILL)
    else:
        subprocess.run([str(SLURM_SH), "stop", *daemon], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run([str(SLURM_SH), "start", *daemon], check=True, capture_output=True)
        until(nodes_answer, "the nodes to be back")


def nodes_answer() -> bool:
    """Whether all nodes take jobs; one whose job could not be killed at once is drained."""
    command = ["sinfo", "--noheader", "--Node", "--partition=all", "--format=%N %T"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    states = dict(line.split() for line in said.splitlines())
    for name, state in states.items():
        if state.startswith(("drained", "draining")):
            node(name, "resume")
    return not any(
        word in state for state in states.values() for word in ("down", "unk", "*", "drain")
    )


def node(name: str, state: str) -> None:
    """Set a node's state."""
    words = [f"nodename={name}", f"state={state}", "reason=test"]
    subprocess.run(["scontrol", "update", *words], check=True)


def kill_job(job: str) -> None:
    """Kill a job's processes and Slurm's beside them, as when a node loses its power."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            title = " ".join(process.cmdline())
            if f"slurmstepd: [{job}." in title or process.environ().get("SLURM_JOB_ID") == job:
                process.kill()


def notices(project: SlurmProject) -> list[str]:
    """What the user has been told, by the journals."""
    found = []
    for run in project.runs():
        found += [notice for job in run.jobs.values() for notice in job.notices] + run.notices
    return [notice.message for notice in found]


def begun(project: SlurmProject) -> list[str]:
    file = project.folder / "begun"
    return file.read_text().split() if file.exists() else []


def kinds(project: SlurmProject, rule: str = "job") -> list[str | None]:
    records = [job.record for job in project.histories(rule)]
    return [None if r is None or r.failure is None else r.failure.kind for r in records]


# --- the job's own faults ---------------------------------------------------------------------


def test_out_of_memory_in_a_job_and_in_a_step_of_it(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        f"""
        rule all:
            input: "job", "step"
        rule job:
            output: "job"
            resources: mem_mb=60
            shell: '{EAT.format(mb=300, s=2)}; touch {{output}}'
        rule step:
            output: "step"
            resources: mem_mb=100
            shell:
                "srun --mem=60 python3 -c 'x = bytearray(90000000); y = bytes(x)'"
                " && touch {{output}}"
        """,
    )
    code, output = project.run("--keep-going")
    assert code == 1, output
    assert kinds(project) == ["out_of_memory"], output
    assert kinds(project, "step") == ["out_of_memory"], output
    assert output.count("raise mem_mb") >= 2


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


def test_preempted_jobs_make_room_and_are_started_again(project: SlurmProject) -> None:
    """By Slurm where the rule says ``requeue``, else by us."""
    sleeping(
        project,
        n=2,
        seconds=8,
        resources='slurm_partition="low", mem_mb=3000, constraint="fast",'
        " requeue=lambda wildcards: int(wildcards.i == '0')",
    )
    process = project.start()
    until(lambda: len(begun(project)) == 2, "the jobs to run")
    urgent = ["sbatch", "--parsable", "-p", "short", "--nodes=2", "--exclusive", "--mem=900"]
    other = subprocess.run(
        [*urgent, "-t", "1", "-o", "/dev/null", "--wrap", "sleep 3"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    try:
        until(lambda: any("put back" in words for words in notices(project)), "the requeue")
        # Slurm puts off the start by two minutes.
        for line in project.in_slurm("PENDING"):
            subprocess.run(["scontrol", "update", f"jobid={line.split()[0]}", "starttime=now"])
        output, _ = process.communicate(timeout=120)
    finally:
        subprocess.run(["scancel", other], check=False)
    assert process.returncode == 0, output
    assert sorted(begun(project)) == ["0", "0", "1", "1"]
    ends = {"0": [], "1": []}
    for job in project.histories("job"):
        ends[job.spec.steps[0].wildcards["i"]].append(job.record.failure)
    assert ends["0"] == [None], output
    assert [f and f.kind for f in ends["1"]] == ["preempted", None], output


def test_a_drained_node_is_told_of_by_jobs_that_need_it(project: SlurmProject) -> None:
    sleeping(project, n=4, seconds=1)
    text = (project.folder / "Snakefile").read_text()
    text = text.replace("rule all:\n    input:", "rule all:\n    input: 'gpu.txt',")
    project.write(
        "Snakefile",
        text + '\nrule gpu:\n    output: "gpu.txt"\n    resources: constraint="gpu"\n'
        '    shell: "echo $SLURMD_NODENAME > {output}"\n',
    )
    node("n3", "drain")
    try:
        process = project.start()
        until(lambda: len(list(project.folder.glob("[0-9].txt"))) == 4, "the other jobs")
        until(lambda: any("drained" in words for words in notices(project)), "the reason")
    finally:
        node("n3", "resume")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert (project.folder / "gpu.txt").read_text() == "n3\n"
    assert {job.record.host for job in project.histories("job")} <= {"n1", "n2", "n4"}


# --- what Slurm does not take -----------------------------------------------------------------


def test_refusals_are_told_and_cost_the_other_jobs_nothing(project: SlurmProject) -> None:
    project.write(
        "Snakefile",
        """
        rule all:
            input: "big", "nowhere", "pends", "fine"
        rule big:
            output: "big"
            resources: mem_mb=999999
            shell: "touch {output}"
        rule nowhere:
            output: "nowhere"
            resources: slurm_partition="nonesuch"
            shell: "touch {output}"
        rule pends:
            output: "pends"
            resources: slurm_partition="short", runtime=60, slurm_extra="--no-kill"
            shell: "touch {output}"
        rule fine:
            output: "fine"
            shell: "touch {output}"
        """,
    )
    code, output = project.run("--keep-going")
    assert code == 1
    for rule in ("big", "nowhere", "pends"):
        assert kinds(project, rule) == ["rejected"], output
    assert kinds(project, "fine") == [None], output
    assert "nonesuch" in output
    assert project.in_slurm("PENDING") == []


# --- coming back ------------------------------------------------------------------------------


GATED = """
    rule all:
        input: expand("{i}.txt", i=range(200))
    rule job:
        output: "{i}.txt"
        resources: mem_mb=10
        shell:
            "echo {wildcards.i} >> begun; echo half > {output};"
            " [ {wildcards.i} -lt 40 ] || while [ ! -e go ]; do sleep 2; done;"
            " [ {wildcards.i} -lt 160 ] || sleep 8;"
            " echo done > {output}"
"""


def test_killed_with_200_jobs_and_started_again(project: SlurmProject) -> None:
    """Of which 40 are over, 120 end before it is started again, and 40 afterwards."""
    project.write("Snakefile", GATED)
    process = project.start(jobs=300)
    until(lambda: len(begun(project)) == 200, "all jobs to run", 90)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (project.folder / "go").touch()
    project.run("--unlock")
    code, output = project.run("--rerun-incomplete", jobs=300)
    assert code == 0, output
    assert sorted(begun(project), key=int) == [str(i) for i in range(200)], "a job ran twice"
    assert all((project.folder / f"{i}.txt").read_text() == "done\n" for i in range(200))
    first, second = project.runs()
    assert first.status != "succeeded"
    over = sum(job.record is not None and job.record.ok for job in first.jobs.values())
    again = [job for job in second.jobs.values() if job.spec.rule == "job"]
    assert len(again) >= 200 - over
    assert all("is taken up" in job.notices[0].message for job in again)
    assert all(job.record is not None and job.record.ok for job in again)


def test_killed_before_a_submission_was_noted(project: SlurmProject) -> None:
    sleeping(project, n=3, seconds=7)
    process = project.start()
    until(lambda: len(begun(project)) == 3, "jobs to run")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (note,) = project.folder.glob(".snakemake/renku/slurm/*/*/submitted")
    note.unlink()
    project.run("--unlock")
    code, output = project.run("--rerun-incomplete")
    assert code == 0, output
    assert output.count("is taken up") == 3
    assert len(begun(project)) == 3


def test_detached_jobs_are_taken_up_and_other_work_on_the_same_file_is_ended(
    project: SlurmProject,
) -> None:
    command = "echo {wildcards.i} >> begun; [ {wildcards.i} -lt 3 ] || sleep 60; sleep 9"
    sleeping(project, n=4)
    snakefile = project.folder / "Snakefile"
    text = snakefile.read_text()
    kept = text.replace("echo {wildcards.i} >> begun; sleep 5", command)
    snakefile.write_text(kept)
    process = project.start("--renku-detach")
    until(lambda: len(begun(project)) == 4, "jobs to run")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert "4 jobs go on in Slurm" in output
    assert len(project.in_slurm("RUNNING")) == 4
    snakefile.write_text(
        kept + '\nrule three:\n    output: "3.txt"\n    shell: "echo 3 >> begun; echo new > 3.txt"'
        "\nruleorder: three > job\n"
    )
    code, output = project.run("--rerun-incomplete")
    assert code == 0, output
    assert sorted(begun(project)) == ["0", "1", "2", "3", "3"]
    assert (project.folder / "3.txt").read_text() == "new\n"
    assert project.in_slurm("RUNNING") == []


# --- a full disk ------------------------------------------------------------------------------


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path], Path]]:
    """Mounts disks of 4 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mounted: list[Path] = []

    def mount(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=False)


def fill(disk: Path) -> Path:
    """Take all the room on a disk; the file that does."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


def test_jobs_end_right_once_there_is_room_again(
    project: SlurmProject, small_disk: Callable[[Path], Path]
) -> None:
    """The disk of the jobs' folder is full when some end, and when others are to be submitted."""
    disk = small_disk(project.folder / ".snakemake/renku/slurm")
    sleeping(project, n=3, seconds=3)
    text = (project.folder / "Snakefile").read_text()
    text = text.replace("rule all:\n    input:", "rule all:\n    input: 'late.txt',")
    project.write(
        "Snakefile",
        text + '\nrule late:\n    output: "late.txt"\n    input: "early.txt"\n'
        '    shell: "touch {output}"\n'
        'rule early:\n    output: "early.txt"\n    resources: backend="local"\n'
        '    shell: "sleep 6; touch {output}"\n',
    )
    process = project.start()
    until(lambda: len(begun(project)) == 3, "jobs to run")
    ballast = fill(disk)
    until(lambda: any("cannot be submitted" in words for words in notices(project)), "the news")
    assert len(list(project.folder.glob("[0-9].txt"))) == 3
    assert all(job.record is None for job in project.histories("job"))
    ballast.unlink()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert len(begun(project)) == 3


def test_jobs_that_find_the_disk_full_fail_in_words_and_leave_nothing_half_written(
    project: SlurmProject, small_disk: Callable[[Path], Path]
) -> None:
    disk = small_disk(project.folder / "small")
    inner = SlurmProject(disk)
    sleeping(inner, n=3, seconds=3)
    process = inner.start()
    try:
        until(lambda: len(begun(inner)) == 3, "jobs to run")
        ballast = fill(disk)
        time.sleep(4)
        ballast.unlink()
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1, output
        assert "No space left" in output, output
        # Cancelled where the journal found the disk full before the job did.
        assert set(kinds(inner)) <= {"error", "cancelled"}
        assert not list(disk.glob("*.txt"))
        code, output = inner.run("--rerun-incomplete")
        assert code == 0, output
        assert all((disk / f"{i}.txt").read_text() == "done\n" for i in range(3))
    finally:
        inner.end_all()


# --- the cluster's faults (these stop daemons that others may be using) ------------------------

DAEMONS = pytest.mark.skipif(
    "RENKU_TEST_SLURM_ALONE" not in os.environ and not os.environ.get("CI"),
    reason="stops daemons of the cluster; RENKU_TEST_SLURM_ALONE=1 says that nobody else uses it",
)


@DAEMONS
def test_slurmctld_down_for_a_minute(project: SlurmProject) -> None:
    """Jobs that run go on and their ends are heard of; those that become ready wait."""
    project.write(
        "Snakefile",
        """
        rule all:
            input: expand("{i}.txt", i=range(3)), "next.txt", "late.txt"
        rule job:
            output: "{i}.txt"
            shell: "echo {wildcards.i} >> begun; sleep 8; touch {output}"
        rule next:
            input: "0.txt"
            output: "next.txt"
            shell: "touch {output}"
        rule late:
            output: "late.txt"
            resources: runtime=1
            shell: "echo late >> begun; sleep 200; touch {output}"
        """,
    )
    process = project.start("--keep-going")
    until(lambda: len(begun(project)) == 4, "jobs to run")
    with without("slurmctld"):
        stopped = time.monotonic()
        until(
            lambda: (
                kinds(project) == [None] * 3 and all(j.record for j in project.histories("job"))
            ),
            "ends without Slurm",
            25,
        )
        until(lambda: any("has not answered" in words for words in notices(project)), "words", 40)
        until(lambda: kinds(project, "late") == ["timeout"], "the time limit", 70)
        time.sleep(max(0.0, stopped + 60 - time.monotonic()))
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1, output
    assert "raise runtime" in output
    assert kinds(project, "next") == [None]
    assert len(begun(project)) == 4


@DAEMONS
def test_slurmdbd_down(project: SlurmProject) -> None:
    sleeping(project, n=2, seconds=20)
    with without("slurmdbd"):
        process = project.start("--keep-going")
        until(lambda: len(begun(project)) == 2, "jobs to run")
        jobs = [line.split()[0] for line in project.in_slurm("RUNNING")]
        subprocess.run(["scancel", *jobs], check=True)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert kinds(project) == ["cancelled"] * 2
    assert "cancelled by somebody" in output


@DAEMONS
def test_a_job_outlives_the_slurmd_of_its_node_but_not_the_node(project: SlurmProject) -> None:
    """At first slurmd alone is killed; then all that runs there, which Slurm finds out after its
    ``SlurmdTimeout``."""
    sleeping(project, n=1, seconds=8)
    process = project.start()
    until(lambda: len(begun(project)) == 1, "the job to run")
    (job,) = project.in_slurm("RUNNING")
    number, _, name = job.split()
    with without("slurmd", name, number=signal.SIGKILL):
        pass
    assert project.in_slurm("RUNNING") == [job]
    with without("slurmd", name, number=signal.SIGKILL):
        kill_job(number.split("_")[0])
        output, _ = process.communicate(timeout=150)
    assert process.returncode == 0, output
    assert len(begun(project)) == 2
    assert kinds(project) == ["node_lost", None]
    assert project.histories("job")[1].record.host != name
    assert f"{name} is avoided" in output
