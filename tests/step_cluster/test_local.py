"""Workers on this machine."""

from __future__ import annotations

import ast
import os
import signal

import pytest

from tests.step_cluster.conftest import Step, family, gone, read_up, wait_until

SMALL = {"dask_worker_mem_mb": 500}
WAIT = "print('up', flush=True); time.sleep(600)"


@pytest.mark.parametrize("executor", ["local", "renku"])
def test_a_script_has_its_workers_and_imports_what_stands_beside_it(
    step: Step, executor: str
) -> None:
    work = """
    import helper
    client.wait_for_workers(2)
    with open(snakemake.output[0], "w") as out:
        out.write(repr((client.gather(client.map(helper.cube, range(5))),
                        sorted(set(client.nthreads().values())))))
    """
    arguments = ("--executor", executor, *(["--cores", "1"] if executor == "local" else ["-j1"]))
    work = "\n".join(line[4:] for line in work.splitlines())
    resources = "dask_workers=2, dask_worker_threads=2, dask_worker_mem_mb=500"
    status, out = step.snakemake(work, resources, *arguments)
    assert status == 0, out
    cubes, threads = ast.literal_eval((step.folder / "out.txt").read_text())
    assert cubes == [0, 1, 8, 27, 64]
    assert threads == [2]
    assert step.logs() == []


def test_when_the_step_is_killed_nothing_of_its_cluster_is_left(step: Step) -> None:
    process = step.start("client.wait_for_workers(2)\n" + WAIT, dask_workers=2, **SMALL)
    read_up(process)
    workers = family(process.pid)
    assert len(workers) >= 5  # the guard, and two nannies with a worker each
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: gone(workers), "the workers to end", 20)
    assert all(name.endswith(".log") for name in step.logs()), "keys are left"


def test_when_the_guard_is_killed_too_nothing_is_left(step: Step) -> None:
    process = step.start(WAIT, dask_workers=1, **SMALL)
    read_up(process)
    workers = family(process.pid)
    (guard,) = [p for p in workers if p.ppid() == process.pid and "guard" in " ".join(p.cmdline())]
    os.kill(process.pid, signal.SIGSTOP)
    guard.kill()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: gone(workers), "the workers to end", 20)


def test_a_step_that_fails_leaves_the_logs_of_its_workers_and_nothing_else(step: Step) -> None:
    status, out = step.run("raise RuntimeError('no')", dask_workers=1, **SMALL)
    assert status == 1
    assert "RuntimeError: no" in out
    assert [name.partition("/")[2] for name in step.logs()] == ["workers.log"]


def test_workers_that_cannot_start_are_told_with_what_they_said(step: Step) -> None:
    (step.folder / "bad").mkdir()
    (step.folder / "bad" / "sitecustomize.py").write_text(
        "import sys\nif 'dask_worker' in ' '.join(sys.orig_argv): sys.exit('broken here')\n"
    )
    os.environ["PYTHONPATH"] = str(step.folder / "bad")
    try:
        status, out = step.run("pass", dask_workers=1, **SMALL)
    finally:
        del os.environ["PYTHONPATH"]
    assert status == 1
    assert "The dask workers of rule fit ended at once" in out
    assert "broken here" in out


def test_strangers_on_the_machine_are_not_let_in(step: Step) -> None:
    pytest.importorskip("cryptography")
    work = """
import subprocess
code = "from distributed import Client; Client(%r, timeout=3)" % (
    client.scheduler.address.replace("tls", "tcp"))
done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
print("refused", done.returncode)
"""
    status, out = step.run(work, dask_workers=1, **SMALL)
    assert status == 0, out
    assert "refused 1" in out
