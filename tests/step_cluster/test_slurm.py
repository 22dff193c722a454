"""Workers as Slurm jobs of their own, and in the step's own allocation, on a real Slurm."""

from __future__ import annotations

import ast
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.step_cluster.conftest import Step, read_up, wait_until

pytestmark = pytest.mark.skipif(
    "RENKU_TEST_SLURM" not in os.environ or shutil.which("sbatch") is None,
    reason="needs a Slurm: tests/clusters/slurm.sh up, then source tests/clusters/.env",
)

TWO = {"dask_workers": 2, "dask_worker_threads": 2, "dask_worker_mem_mb": 400}
ON_SLURM = {**TWO, "dask_where": "slurm", "dask_worker_runtime": 5}
PLACES = "print(sorted(set(client.gather(client.map(where, range(8))))))"
HANG = "print('up', flush=True); time.sleep(600)"


def jobs_of(step: Step) -> list[str]:
    """The Slurm jobs of the step's workers that are not over: ``state reason``."""
    root = step.folder / ".snakemake" / "renku" / "step_clusters"
    names = ",".join(path.name for path in root.iterdir()) if root.exists() else ""
    if not names:
        return []
    command = ["squeue", "--noheader", "--name", names, "--format=%T %r"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_workers_are_slurm_jobs_and_go_with_the_step(step: Step) -> None:
    step_names = "print(os.listdir('.snakemake/renku/step_clusters')[0]);"
    work = f"client.wait_for_workers(2); {step_names} {PLACES}"
    status, out = step.run(work, **ON_SLURM)
    assert status == 0, out
    name, found = out.strip().splitlines()[-2:]
    places = ast.literal_eval(found)
    assert len(places) == 2
    assert all(job is not None for _, job, _ in places)
    command = ["squeue", "--noheader", "--name", name, "--states=PENDING,RUNNING"]
    left = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert left == ""
    assert step.logs() == []


def test_when_the_step_is_killed_its_slurm_jobs_are_cancelled(step: Step) -> None:
    process = step.start(HANG, **{**ON_SLURM, "dask_workers": 1})
    read_up(process)
    assert any("RUNNING" in job for job in jobs_of(step))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not jobs_of(step), "the jobs to end", 30)
    assert not [name for name in step.logs() if name.endswith(".pem")], "keys are left"


def test_when_the_step_is_killed_jobs_that_still_wait_are_cancelled(step: Step) -> None:
    process = step.start(HANG, **ON_SLURM, slurm_extra="--begin=now+1hour")
    wait_until(lambda: len(jobs_of(step)) == 2, "the jobs to be submitted", 30)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not jobs_of(step), "the jobs to end", 30)


def test_the_group_of_the_step_is_killed_and_the_guard_stays(step: Step) -> None:
    process = step.start(HANG, **ON_SLURM, slurm_extra="--begin=now+1hour")
    wait_until(lambda: len(jobs_of(step)) == 2, "the jobs to be submitted", 30)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not jobs_of(step), "the jobs to end", 30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_when_snakemake_ends_so_do_the_slurm_jobs_of_its_steps(
    step: Step, number: signal.Signals
) -> None:
    resources = "dask_workers=2, dask_where='slurm', slurm_extra='--begin=now+1hour'"
    command = step.write_workflow(HANG, resources)
    process = step.spawn([*command, "--executor", "renku", "--jobs", "1"])
    wait_until(lambda: len(jobs_of(step)) == 2, "the jobs to be submitted", 40)
    process.send_signal(number)
    wait_until(lambda: not jobs_of(step), "the jobs to end", 30)
    process.wait(30)


@pytest.mark.parametrize("how", [[], ["--signal=KILL", "--full"]], ids=["cancelled", "killed"])
def test_when_slurm_ends_the_step_jobs_that_start_later_end_at_once(
    step: Step, how: list[str]
) -> None:
    # Slurm ends the guard with the step's job.
    step.write(HANG, **ON_SLURM, slurm_extra="--hold")
    command = ["sbatch", "--parsable", "--mem=600", "--chdir", str(step.folder), "--wrap"]
    script = f"{shlex.quote(sys.executable)} bare.py"
    done = subprocess.run([*command, script], capture_output=True, text=True, check=True)
    wait_until(lambda: len(jobs_of(step)) == 2, "the jobs to be submitted", 40)
    subprocess.run(["scancel", *how, done.stdout.strip()], check=True)
    (folder,) = (step.folder / ".snakemake" / "renku" / "step_clusters").iterdir()
    if jobs_of(step):
        time.sleep(1)
        subprocess.run(["scontrol", "release", f"jobname={folder.name}"], check=False)
    wait_until(lambda: not jobs_of(step), "the jobs to end", 40)
    said = [path.read_text() for path in folder.glob("*.err")]
    assert all("The step at" in text and "Nanny" not in text for text in said)


def test_a_step_goes_on_with_the_workers_that_are_there(step: Step) -> None:
    one_node = "--nodelist=n2 --exclusive"
    status, out = step.run(PLACES, **ON_SLURM, slurm_extra=one_node)
    assert status == 0, out
    assert len(ast.literal_eval(last_line(out))) == 1
    assert step.logs() == []


def test_a_refused_submission_is_told_in_slurms_words(step: Step) -> None:
    status, out = step.run("pass", **ON_SLURM, slurm_partition="nowhere")
    assert status == 1
    assert "SubmissionRefused: Slurm does not take the dask workers of rule fit" in out
    assert "invalid partition specified: nowhere" in out


def test_workers_that_will_never_start_are_told_at_once(step: Step) -> None:
    began = time.monotonic()
    beyond = {**ON_SLURM, "dask_worker_runtime": 600}
    status, out = step.run("pass", **beyond, slurm_partition="short")
    assert status == 1
    assert "will never start on Slurm: It asks for more time than its partition allows" in out
    assert time.monotonic() - began < 40
    assert not [job for job in jobs_of(step) if "COMPLETING" not in job]


def in_allocation(step: Step, script: str) -> str:
    """Run a batch script with room for two workers; what it printed."""
    out = step.folder / "batch.out"
    options = ["--ntasks=4", "--nodes=1", "--mem=1500", "--time=5", f"--output={out}"]
    command = ["sbatch", *options, "--chdir", str(step.folder)]
    # Not --wait: it looks ever more rarely.
    subprocess.run([*command, "--wrap", f"{script}\necho over"], check=True, capture_output=True)
    wait_until(lambda: out.exists() and "\nover" in out.read_text(), "the batch script to end")
    return out.read_text().removesuffix("over\n")


def test_workers_are_in_the_allocation_that_the_step_asked_for(step: Step) -> None:
    step.write(f"client.wait_for_workers(2); {PLACES}", **TWO, tasks=4)
    out = in_allocation(step, f"{shlex.quote(sys.executable)} bare.py")
    places = ast.literal_eval(last_line(out))
    assert len(places) == 2, out
    assert {(job is not None, number) for _, job, number in places} == {(True, "0")}


def test_when_the_step_in_an_allocation_is_killed_its_workers_end(step: Step) -> None:
    step.write(HANG, **TWO, dask_where="allocation")
    script = f"""
{shlex.quote(sys.executable)} bare.py > step.out & pid=$!
for i in $(seq 300); do grep -q up step.out && break; sleep 0.1; done
echo before $(squeue --steps --noheader -j $SLURM_JOB_ID --format=%i | grep -c '\\.[0-9]')
kill -9 $pid
for i in $(seq 100); do
    n=$(squeue --steps --noheader -j $SLURM_JOB_ID --format=%i | grep -c '\\.[0-9]')
    [ $n = 0 ] && break; sleep 0.2
done
echo after $n
"""
    out = in_allocation(step, script)
    assert "before 1" in out, out
    assert "after 0" in out, out
