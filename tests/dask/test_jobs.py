"""Jobs on a cluster that is made on this machine."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakemake_renku.backends import BackendEvent, JobEnded, JobPrinted, JobRuns
from snakemake_renku.backends.dask import Local
from snakemake_renku.engine.reopen import reopen
from snakemake_renku.errors import BackendError
from snakemake_renku.model import JobSpec, RunInfo, Step
from tests.runner.samples import shell_job

from .conftest import Running, Start, processes, python, wait_until


@pytest.fixture(scope="module", autouse=True)
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A cluster with a job that takes longer than it asked for, from before the first test on."""
    running = Running(Local(workers=1, cores=1), tmp_path_factory.mktemp("slow"))
    running.backend.submit([shell_job("slow", "sleep 1000", resources={"runtime": 1})])
    yield running
    running.close()


def test_a_job_that_succeeds_has_a_record_as_on_this_machine(small: Running) -> None:
    (small.folder / "in").write_text("abc")
    record = small.run(shell_job("good", "cat in > out", input=("in",), output=("out",)))["good"]
    assert record.ok
    assert record.usage is not None
    (step,) = record.steps
    assert [file.path for file in (*step.input, *step.output)] == ["in", "out"]
    assert all(str(file.digest).startswith("sha256:") for file in (*step.input, *step.output))


def test_a_job_that_fails_has_its_exit_status(small: Running) -> None:
    record = small.run(shell_job("bad", "echo oops >&2; exit 7"))["bad"]
    assert record.failure is not None
    assert (record.failure.kind, record.exit_code, record.stderr_tail) == ("error", 7, "oops\n")


def test_events_come_in_the_order_of_things(small: Running) -> None:
    small.run(shell_job("order", "echo one; echo two"))

    def of_job(event: BackendEvent) -> bool:
        return getattr(event, "id", None) == "order" or (
            isinstance(event, JobEnded) and event.record.id == "order"
        )

    kinds = [type(event) for event in small.events if of_job(event)]
    assert (kinds[0], kinds[-1]) == (JobRuns, JobEnded)
    assert set(kinds[1:-1]) == {JobPrinted}
    assert small.printed("order") == b"one\ntwo\n"


def test_of_much_output_only_some_passes_and_the_tail_is_kept(small: Running) -> None:
    record = small.run(shell_job("loud", "seq 1 100000"))["loud"]
    assert len(small.printed("loud")) == 65_536
    assert record.stdout_tail.endswith("99999\n100000\n")
    assert any("only its last lines" in message for message in small.said)


def test_a_job_beyond_its_memory_is_stopped_and_not_its_worker(small: Running) -> None:
    greedy = python("import time; held = b'x' * 300_000_000; time.sleep(20)")
    neighbour = shell_job("neighbour", "sleep 1", resources={"mem_mb": 400})
    ended = small.run(shell_job("greedy", greedy, resources={"mem_mb": 100}), neighbour)
    assert ended["greedy"].failure is not None
    assert ended["greedy"].failure.kind == "out_of_memory"
    assert ended["neighbour"].ok


def test_no_more_cores_and_memory_are_used_than_a_worker_has(small: Running) -> None:
    sizes = [(1, 300), (2, 100), (1, 900), (1, 600), (2, 500), (1, 100), (1, 800), (1, 300)]
    jobs = [
        shell_job(f"pack{n}", "sleep 0.3", threads=threads, resources={"mem_mb": mem})
        for n, (threads, mem) in enumerate(sizes)
    ]
    records = small.run(*jobs)
    assert all(record.ok for record in records.values())
    changes = sorted(
        change
        for job in jobs
        for change in (
            (records[job.id].finished, -job.threads, -(job.mem_mb or 0)),
            (records[job.id].started, job.threads, job.mem_mb or 0),
        )
    )
    assert max(itertools.accumulate(threads for _, threads, _ in changes)) <= 4
    assert max(itertools.accumulate(mem for _, _, mem in changes)) <= 2000


@pytest.mark.parametrize(("threads", "mem_mb"), [(3, 10), (1, 1001)])
def test_a_job_that_no_worker_could_hold_is_rejected_at_once(
    small: Running, threads: int, mem_mb: int
) -> None:
    job = f"large{threads}"
    record = small.run(shell_job(job, "true", threads=threads, resources={"mem_mb": mem_mb}))[job]
    assert record.failure is not None
    assert record.failure.kind == "rejected"
    assert "2 cores and 1000 MB" in record.failure.message


def test_a_job_is_cancelled_with_all_its_processes(small: Running) -> None:
    small.backend.submit([shell_job("endless", "sleep 1000.25 & echo $! > pid; wait")])
    pid = small.folder / "pid"
    wait_until(lambda: pid.exists() and pid.read_text(), "the job")
    small.backend.cancel(["endless"])
    failure = small.wait("endless")["endless"].failure
    assert failure is not None
    assert failure.kind == "cancelled"
    wait_until(lambda: not processes("1000.25"), "the end of its child")


def test_all_are_cancelled_those_that_run_and_those_that_wait(small: Running) -> None:
    jobs = [shell_job(f"many{n}", "sleep 1000") for n in range(40)]
    small.backend.submit(jobs)
    small.wait_for_start("many0")
    began = time.monotonic()
    small.backend.cancel()
    records = small.wait(*(job.id for job in jobs))
    assert time.monotonic() - began < 8
    assert {r.failure.kind for r in records.values() if r.failure} == {"cancelled"}
    assert small.run(shell_job("after", "true"))["after"].ok


def test_files_are_not_hashed_here(small: Running) -> None:
    with pytest.raises(BackendError, match="digests no files"):
        small.backend.hash_files(1, (), ())


def test_hundreds_of_small_jobs_are_quick(small: Running) -> None:
    jobs = [shell_job(f"tiny{n}", "true") for n in range(300)]
    began = time.monotonic()
    records = small.run(*jobs)
    assert all(record.ok for record in records.values())
    assert len(jobs) / (time.monotonic() - began) > 25


def test_jobs_with_snakemakes_code_are_warm(start: Start, tmp_path: Path) -> None:
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(
        "rule a:\n    output: '{n}.txt'\n    run: open(output[0], 'w').write('x')\n"
    )
    info = RunInfo(
        "test-run", time.time(), str(tmp_path), str(snakefile), "dask", "", "", 0, "9", "0"
    )
    snapshot = reopen(
        info, cores=2, max_threads=None, runtime_cache=tmp_path / "cache", images=tmp_path / "i"
    ).dump()
    running = start(Local(workers=1, cores=2), snapshot=snapshot)
    jobs = [
        JobSpec(str(n), "test-run", str(n), 1, "warm", (Step("a", "run", {"n": str(n)}),))
        for n in range(4)
    ]
    records = running.run(*jobs)
    assert [r.failure for r in records.values()] == [None] * 4
    assert {r.mode for r in records.values()} == {"warm"}
    assert (tmp_path / "3.txt").read_text() == "x"
    assert len(running.supervisors()) == 1


def test_importing_it_imports_nothing_of_dask() -> None:
    code = (
        "import sys, snakemake_renku.backends.dask; print({'dask', 'distributed'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_job_beyond_its_time_is_stopped(slow: Running) -> None:
    # The last test, since the shortest time that a job can ask for is a minute.
    failure = slow.wait("slow", deadline_s=90)["slow"].failure
    assert failure is not None
    assert failure.kind == "timeout"
