"""The supervisor as it is: a process of its own, spoken to over its socket."""

from __future__ import annotations

import asyncio
import itertools
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from snakemake_renku.backends import BackendEvent, JobEnded, JobPrinted, JobRuns, Lost, Said
from snakemake_renku.backends.base import Closed, FilesHashed
from snakemake_renku.backends.local import LocalBackend
from snakemake_renku.model import FileSpec, JobRecord, JobSpec
from snakemake_renku.runner.cgroup_support import find_cgroups
from snakemake_renku.runner.kill import GRACE
from snakemake_renku.runner.wire import Configure

from .samples import shell_job


class Heard:
    """What a supervisor said, by kind."""

    def __init__(self, events: Sequence[BackendEvent]) -> None:
        self.events = events
        self.records = {e.record.id: e.record for e in events if isinstance(e, JobEnded)}
        self.started = [event.id for event in events if isinstance(event, JobRuns)]
        self.said = [(event.id, event.message) for event in events if isinstance(event, Said)]

    @property
    def only(self) -> JobRecord:
        (record,) = self.records.values()
        return record

    def printed(self, job: str, stream: int) -> bytes:
        pieces = (e for e in self.events if isinstance(e, JobPrinted))
        return b"".join(e.data for e in pieces if (e.id, e.stream) == (job, stream))


Meanwhile = Callable[[LocalBackend, BackendEvent], object]


class Machine:
    """Starts supervisors in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.backends: list[LocalBackend] = []

    def run(
        self,
        *specs: JobSpec,
        cores: int = 2,
        enforce: bool = False,
        meanwhile: Meanwhile = lambda *_: None,
    ) -> Heard:
        """Run the jobs to their end, calling ``meanwhile`` with each event as it comes."""
        backend = LocalBackend(
            Configure(
                run="test-run",
                run_started=time.time(),
                workdir=str(self.folder),
                cores=cores,
                enforce=enforce,
                cold=False,
                warm=False,
                no_snapshot="there is none",
            )
        )
        self.backends.append(backend)
        backend.submit(specs)

        async def listen() -> list[BackendEvent]:
            events = []
            missing = {spec.id for spec in specs}
            async for event in backend.events():
                events.append(event)
                meanwhile(backend, event)
                if isinstance(event, JobEnded):
                    missing.discard(event.record.id)
                    if not missing:
                        backend.close()
            return events

        return Heard(asyncio.run(asyncio.wait_for(listen(), 30)))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    for backend in machine.backends:
        if psutil.pid_exists(backend.pid):
            os.kill(backend.pid, signal.SIGKILL)


def python(code: str) -> str:
    return f"exec {shlex.quote(sys.executable)} -S -c {shlex.quote(code)}"


def hold(megabytes: int, seconds: float) -> str:
    """A command that uses so much memory for so long."""
    return python(f"import time; held = b'x' * {megabytes}_000_000; time.sleep({seconds})")


# --- scheduling ----------------------------------------------------------------------------------


def test_no_more_cores_are_used_than_there_are(machine: Machine) -> None:
    threads = [1, 2, 1, 3, 1, 1, 2, 1, 3, 2, 1, 1, 1, 2]
    jobs = [shell_job(str(n), "sleep 0.05", threads=t) for n, t in enumerate(threads)]
    records = machine.run(*jobs, cores=3).records
    assert all(record.ok for record in records.values())
    changes = sorted(
        change
        for job in jobs
        for change in (
            (records[job.id].finished, -job.threads),
            (records[job.id].started, job.threads),
        )
    )
    used = list(itertools.accumulate(change for _, change in changes))
    assert max(used) == 3


def test_a_job_that_wants_more_cores_than_there_are_gets_all(machine: Machine) -> None:
    heard = machine.run(shell_job("1", "echo $OMP_NUM_THREADS", threads=8), cores=2)
    assert heard.only.ok


def test_jobs_of_higher_priority_begin_first(machine: Machine) -> None:
    priorities = {"a": 0, "b": 5, "c": -3, "d": 9, "e": 5}
    jobs = [shell_job(job, "true", priority=p) for job, p in priorities.items()]
    assert machine.run(*jobs, cores=1).started == ["d", "b", "e", "a", "c"]


def test_a_wide_job_is_not_starved_by_small_ones(machine: Machine) -> None:
    # Small jobs end one at a time, so that both cores are never free by themselves.
    small = [shell_job(f"s{number}", "true") for number in range(120)]
    first = shell_job("first", "sleep 0.2")
    started = machine.run(first, shell_job("wide", "true", threads=2), *small).started
    assert len(started) == 122
    assert 2 < started.index("wide") < 80


# --- what a job does -----------------------------------------------------------------------------


def test_the_output_of_jobs_is_forwarded_as_it_is(machine: Machine) -> None:
    heard = machine.run(
        shell_job("1", r"printf 'caf\351'; printf 'oops\n' >&2"), shell_job("2", "echo two")
    )
    assert heard.printed("1", 1) == b"caf\xe9"
    assert heard.printed("1", 2) == b"oops\n"
    assert heard.printed("2", 1) == b"two\n"
    assert heard.records["1"].stdout_tail == "caf\ufffd"
    assert heard.records["1"].stderr_tail == "oops\n"


def test_of_much_output_all_is_forwarded_and_the_tail_is_kept(machine: Machine) -> None:
    heard = machine.run(shell_job("1", "seq 1 100000"))
    everything = b"".join(b"%d\n" % number for number in range(1, 100_001))
    assert heard.printed("1", 1) == everything
    tail = heard.only.stdout_tail
    assert everything.decode().endswith("\n" + tail)
    assert 8000 < len(tail) <= 12288


def test_all_that_a_job_printed_comes_before_its_end(machine: Machine) -> None:
    heard = machine.run(shell_job("1", "seq 1 1000"))
    kinds = [type(event) for event in heard.events]
    assert kinds[0] is JobRuns
    assert set(kinds[1:-2]) == {JobPrinted}
    assert kinds[-2:] == [JobEnded, Closed]


def test_a_child_that_keeps_the_streams_open_does_not_hold_up_the_job(machine: Machine) -> None:
    began = time.monotonic()
    heard = machine.run(shell_job("1", "sleep 20 & echo done; echo $! > pid"))
    assert heard.only.ok
    assert heard.only.stdout_tail == "done\n"
    assert time.monotonic() - began < 15
    os.kill(int((machine.folder / "pid").read_text()), signal.SIGKILL)


def test_a_job_that_succeeds_has_a_record_of_what_it_used_and_made(machine: Machine) -> None:
    (machine.folder / "in").write_text("abc")
    before = time.time()
    heard = machine.run(shell_job("1", "cat in in > out", input=("in",), output=("out", "gone")))
    record = heard.only
    assert record.ok
    assert (record.exit_code, record.signal) == (0, None)
    assert before <= record.started <= record.finished <= time.time()
    assert record.usage is not None
    assert record.usage.wall_s == pytest.approx(record.finished - record.started)
    (step,) = record.steps
    assert [(ref.path, ref.kind, ref.size) for ref in (*step.input, *step.output)] == [
        ("in", "file", 3),
        ("out", "file", 6),
        ("gone", "missing", None),
    ]
    assert isinstance(heard.events[0], JobRuns)
    assert heard.events[0].pid == record.pid


def test_a_command_that_fails_is_told_with_its_exit_code(machine: Machine) -> None:
    record = machine.run(shell_job("1", "exit 3", output=("out",))).only
    assert (record.exit_code, record.signal) == (3, None)
    assert record.failure is not None
    assert record.failure.kind == "error"
    assert record.failure.message == "Command 'exit 3' returned non-zero exit status 3."
    assert record.failure.exit_code == 3
    assert record.steps[0].output == ()


def test_a_command_that_a_signal_ends_is_told_with_it(machine: Machine) -> None:
    record = machine.run(shell_job("1", "kill -SEGV $$")).only
    assert (record.exit_code, record.signal) == (None, signal.SIGSEGV)
    assert record.failure is not None
    assert record.failure.kind == "error"
    assert "died with <Signals.SIGSEGV: 11>." in record.failure.message


def test_a_kill_from_outside_is_not_called_out_of_memory(machine: Machine) -> None:
    record = machine.run(shell_job("1", "kill -9 $$"), enforce=True).only
    assert record.failure is not None
    assert record.failure.kind == "error"
    assert "Nothing here sent that signal" in record.failure.message


def test_a_shell_that_is_not_there_fails_its_job_alone(machine: Machine) -> None:
    heard = machine.run(
        shell_job("1", "true", shell_executable="/no/such/shell"), shell_job("2", "true")
    )
    failure = heard.records["1"].failure
    assert failure is not None
    assert failure.message.startswith("The job's process cannot be started: No such file")
    assert heard.records["2"].ok


def test_a_job_runs_in_the_working_directory_with_its_environment(machine: Machine) -> None:
    (machine.folder / "tmp").mkdir()
    spec = shell_job(
        "1",
        'pwd; echo "$OMP_NUM_THREADS $TMPDIR $RENKU_JOB"',
        threads=2,
        tmpdir=str(machine.folder / "tmp"),
    )
    printed = machine.run(spec).only.stdout_tail
    assert printed == f"{machine.folder}\n2 {machine.folder}/tmp test-run/1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_job_inherits_no_file_of_the_supervisor(machine: Machine) -> None:
    code = "import os\nprint(*sorted(map(int, os.listdir('/proc/self/fd'))))"
    printed = machine.run(shell_job("1", "true"), shell_job("2", python(code))).records["2"]
    assert printed.stdout_tail == "0 1 2 3\n", "3 is the listing itself"


def test_files_are_hashed_for_jobs_that_snakemake_ran_itself(machine: Machine) -> None:
    (machine.folder / "in").write_text("abc")

    def ask(backend: LocalBackend, event: BackendEvent) -> None:
        if isinstance(event, JobRuns):
            backend.hash_files(7, [FileSpec("in")], [FileSpec("gone")])

    heard = machine.run(shell_job("1", "sleep 0.2"), meanwhile=ask)
    (answer,) = [event for event in heard.events if isinstance(event, FilesHashed)]
    assert (answer.token, answer.problem) == (7, None)
    assert answer.input[0].digest == (
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert answer.output[0].kind == "missing"


# --- cancelling, and going -----------------------------------------------------------------------


def test_a_running_and_a_queued_job_are_cancelled_and_others_go_on(machine: Machine) -> None:
    def cancel(backend: LocalBackend, event: BackendEvent) -> None:
        if isinstance(event, JobRuns) and event.id == "1":
            backend.cancel(["2", "1", "unknown"])

    jobs = [shell_job("1", "sleep 60"), shell_job("2", "sleep 60"), shell_job("3", "true")]
    heard = machine.run(*jobs, cores=1, meanwhile=cancel)
    assert heard.started == ["1", "3"]
    kinds = {job: r.failure and r.failure.kind for job, r in heard.records.items()}
    assert kinds == {"1": "cancelled", "2": "cancelled", "3": None}
    assert heard.records["1"].signal == signal.SIGTERM
    assert (heard.records["2"].pid, heard.records["2"].exit_code) == (0, None)


def test_all_jobs_are_cancelled_with_what_they_started(machine: Machine) -> None:
    def cancel(backend: LocalBackend, event: BackendEvent) -> None:
        if isinstance(event, JobPrinted):
            backend.cancel()

    command = "setsid sleep 60 & echo $! >> pids; echo started; wait"
    heard = machine.run(*(shell_job(str(n), command) for n in range(4)), meanwhile=cancel)
    assert [r.failure and r.failure.kind for r in heard.records.values()] == ["cancelled"] * 4
    pids = [int(pid) for pid in (machine.folder / "pids").read_text().split()]
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []


def test_a_killed_supervisor_is_the_last_event_and_its_jobs_are_ended(machine: Machine) -> None:
    def kill(backend: LocalBackend, event: BackendEvent) -> None:
        if isinstance(event, JobRuns):
            os.kill(backend.pid, signal.SIGKILL)

    heard = machine.run(shell_job("1", "exec sleep 60"), meanwhile=kill)
    runs, *_, lost = heard.events
    assert lost == Lost("The supervisor of the jobs ended unexpectedly (signal 9).")
    assert isinstance(runs, JobRuns)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(runs.pid) and psutil.Process(runs.pid).status() != "zombie":
        assert time.monotonic() < deadline, "the job lives on"
        time.sleep(0.01)


# --- limits --------------------------------------------------------------------------------------


def test_a_job_beyond_its_memory_is_stopped(machine: Machine) -> None:
    spec = shell_job("1", hold(200, 60), resources={"mem_mb": 60})
    heard = machine.run(spec, shell_job("2", "true"), enforce=True)
    record = heard.records["1"]
    assert record.failure is not None
    assert record.failure.kind == "out_of_memory"
    assert "mem_mb=60" in record.failure.message
    assert "raise mem_mb" in record.failure.message
    assert record.exceeded == ("mem_mb",)
    assert [job for job, _ in heard.said if job is not None] == ["1"]
    assert heard.records["2"].ok


def test_the_kernel_stops_it_where_there_are_cgroups(machine: Machine) -> None:
    support = find_cgroups()
    if not support:
        pytest.skip(f"no writable memory cgroup here: {support.reason}")
    # Deaf to SIGTERM, so that the watchdog, which may look at the same moment, would need 5 s more.
    command = f"trap '' TERM; {hold(200, 60)}"
    record = machine.run(shell_job("1", command, resources={"mem_mb": 60}), enforce=True).only
    assert record.failure is not None
    assert (record.failure.kind, record.signal) == ("out_of_memory", signal.SIGKILL)
    assert record.finished - record.started < GRACE
    left = [path.name for path in support.files.children(support.parent)]
    assert not any(f"-{machine.backends[0].pid}." in name for name in left)


def test_a_job_within_its_memory_is_left_alone(machine: Machine) -> None:
    spec = shell_job("1", hold(20, 0.3), resources={"mem_mb": 200, "runtime": 1})
    heard = machine.run(spec, enforce=True)
    assert heard.only.ok
    assert heard.only.exceeded == ()
    assert [job for job, _ in heard.said if job is not None] == []


def test_without_enforcement_the_excess_is_told_and_recorded(machine: Machine) -> None:
    heard = machine.run(shell_job("1", hold(100, 0.5), resources={"mem_mb": 20}))
    assert heard.only.ok
    assert heard.only.exceeded == ("mem_mb",)
    ((job, message),) = heard.said
    assert job == "1"
    assert "asked for mem_mb=20: it would have been killed on a cluster" in message
    assert heard.only.usage is not None
    assert heard.only.usage.max_rss > 100_000_000
