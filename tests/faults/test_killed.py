"""Somebody kills a process: nothing is left running, the journal reads, the next run goes on."""

from __future__ import annotations

import os
import signal

import psutil

from .conftest import Project, wait_until

SLOW_SHELL = """
    rule all:
        input: expand("{i}.txt", i=range(4))
    rule slow:
        output: "{i}.txt"
        shell: "touch started.{wildcards.i}; [ -e go ] || sleep 1000; echo {wildcards.i} > {output}"
"""

SLOW_SCRIPT = """
    rule all:
        input: "s.txt"
    rule slow:
        output: "s.txt"
        script: "slow.py"
"""

SCRIPT = """
    import os, pathlib, subprocess
    pathlib.Path("started.s").touch()
    if not os.path.exists("go"):
        subprocess.run(["sleep", "1000"])
    pathlib.Path(snakemake.output[0]).write_text("done")
"""


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; one that nobody has waited for yet has ended all the same."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def started_jobs(project: Project) -> int:
    return len(list(project.folder.glob("started.*")))


def test_ctrl_c_ends_all_jobs_and_leaves_a_journal_that_reads(project: Project) -> None:
    project.write("Snakefile", SLOW_SHELL)
    main = project.start()
    wait_until(lambda: started_jobs(project) == 2, "two jobs to start")
    os.killpg(main.pid, signal.SIGINT)
    main.communicate(timeout=30)
    assert main.returncode != 0
    assert project.job_processes() == []
    run = project.runs()[0]
    assert run.status == "interrupted"
    assert not run.torn
    kinds = {job.record.failure.kind for job in run.jobs.values() if job.record}
    assert kinds == {"cancelled"}


def test_ctrl_c_ends_a_job_in_the_warm_server(project: Project) -> None:
    project.write("Snakefile", SLOW_SCRIPT)
    project.write("slow.py", SCRIPT)
    main = project.start()
    wait_until(lambda: started_jobs(project), "the job to start")
    os.killpg(main.pid, signal.SIGINT)
    main.communicate(timeout=30)
    assert project.job_processes() == []
    assert project.runs()[0].status == "interrupted"


def test_sigterm_lets_running_jobs_end_and_starts_no_more(project: Project) -> None:
    project.write(
        "Snakefile", SLOW_SHELL.replace("sleep 1000", "while [ ! -e go ]; do sleep 0.05; done")
    )
    main = project.start("--jobs", "1")
    wait_until(lambda: started_jobs(project), "a job to start")
    main.send_signal(signal.SIGTERM)
    project.write("go", "")
    main.communicate(timeout=30)
    assert project.job_processes() == []
    run = project.runs()[0]
    assert run.status == "interrupted"
    assert sum(job.record is not None and job.record.ok for job in run.jobs.values()) == 1


def test_kill_9_of_snakemake_ends_its_jobs_and_the_next_run_continues(project: Project) -> None:
    project.write("Snakefile", SLOW_SHELL)
    main = project.start()
    wait_until(lambda: started_jobs(project) == 2, "two jobs to start")
    main.kill()
    main.communicate()
    wait_until(lambda: not project.job_processes(), "the jobs to end")
    assert project.runs()[0].status == "interrupted"
    project.write("go", "")
    code, output = project.run("--unlock")
    assert code == 0, output
    code, output = project.run("--rerun-incomplete")
    assert code == 0, output
    first, second = project.runs()
    assert first.status == "interrupted"
    assert second.status == "success"
    assert [(project.folder / f"{i}.txt").read_text() for i in range(4)] == [
        "0\n",
        "1\n",
        "2\n",
        "3\n",
    ]


def test_a_killed_supervisor_is_replaced_and_no_job_is_lost(project: Project) -> None:
    project.write("Snakefile", SLOW_SHELL)
    main = project.start()
    wait_until(lambda: started_jobs(project) == 2, "two jobs to start")
    orphans = project.job_processes()
    project.write("go", "")
    (supervisor,) = project.helpers(main, "runner.supervisor")
    supervisor.kill()
    output, _ = main.communicate(timeout=60)
    assert main.returncode == 0, output
    assert "ended unexpectedly (signal 9)" in output
    wait_until(lambda: not any(map(is_alive, orphans)), "the orphans to end")
    (run,) = project.runs()
    assert run.status == "success"
    lost = [job for job in run.jobs.values() if job.record.failure]
    assert {job.record.failure.kind for job in lost} == {"node_lost"}
    assert len(lost) == 2
    assert {job.spec.attempt for job in run.jobs.values()} == {1}


def test_a_killed_warm_server_is_replaced_and_its_job_tried_again(project: Project) -> None:
    project.write("Snakefile", SLOW_SCRIPT)
    project.write("slow.py", SCRIPT)
    main = project.start()
    wait_until(lambda: started_jobs(project), "the job to start")
    project.write("go", "")
    for server in project.helpers(main, "runner.zygote"):
        if server.ppid() != main.pid and "runner.supervisor" in " ".join(server.parent().cmdline()):
            server.kill()
    output, _ = main.communicate(timeout=60)
    assert main.returncode == 0, output
    assert (project.folder / "s.txt").read_text() == "done"
    (run,) = project.runs()
    kinds = [job.record.failure.kind if job.record.failure else "" for job in run.jobs.values()]
    assert kinds.count("node_lost") == 1


def test_a_job_killed_by_somebody_else_fails_with_the_signal(project: Project) -> None:
    project.write("Snakefile", SLOW_SHELL)
    main = project.start("--jobs", "1")
    wait_until(lambda: started_jobs(project), "a job to start")
    run = project.runs()[0]
    pids = [job.started.pid for job in run.jobs.values() if job.started]
    os.killpg(pids[0], signal.SIGKILL)
    output, _ = main.communicate(timeout=60)
    assert main.returncode == 1
    record = next(job.record for job in project.runs()[0].jobs.values() if job.record)
    assert record.signal == signal.SIGKILL
    assert record.failure.kind == "error"
    assert "out of memory" in output


def test_two_snakemakes_in_one_folder_write_two_journals(project: Project) -> None:
    project.write("Snakefile", SLOW_SHELL)
    one = project.start("--nolock", "0.txt", "1.txt")
    two = project.start("--nolock", "2.txt", "3.txt")
    wait_until(lambda: started_jobs(project) == 4, "all jobs to start")
    project.write("go", "")
    for pid in {p.pid for p in project.job_processes() if p.name() == "sleep"}:
        os.kill(pid, signal.SIGTERM)
    for process in (one, two):
        process.communicate(timeout=60)
    first, second = project.runs()
    outputs = [
        {f.path for job in run.jobs.values() for step in job.spec.steps for f in step.output}
        for run in (first, second)
    ]
    assert sorted(map(sorted, outputs)) == [["0.txt", "1.txt"], ["2.txt", "3.txt"]]
    assert not first.damaged + second.damaged


def test_jobs_that_outlive_both_processes_are_ended_by_the_next_run(project: Project) -> None:
    project.write("Snakefile", SLOW_SHELL)
    main = project.start()
    wait_until(lambda: started_jobs(project) == 2, "two jobs to start")
    (supervisor,) = project.helpers(main, "runner.supervisor")
    supervisor.suspend()
    main.kill()
    supervisor.kill()
    main.communicate()
    orphans = [p for p in project.job_processes() if p.name() == "sleep"]
    assert orphans
    project.write("go", "")
    project.run("--unlock")
    code, output = project.run("--rerun-incomplete")
    assert code == 0, output
    assert "processes of its jobs still ran" in output
    wait_until(lambda: not any(map(is_alive, orphans)), "the orphans to end")
