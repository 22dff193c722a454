from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakemake_renku.model import JobSpec
from snakemake_renku.runner.spawn import job_environment, spawn_shell

from .samples import shell_job

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def run(spec: JobSpec, cgroup_procs: str | None = None) -> tuple[int, bytes, bytes, int]:
    """The pid, what it printed on stdout and stderr, and its exit status."""
    (out, out_write), (err, err_write) = os.pipe(), os.pipe()
    pid = spawn_shell(spec, out_write, err_write, cgroup_procs)
    os.close(out_write)
    os.close(err_write)
    with open(out, "rb") as stdout, open(err, "rb") as stderr:
        printed, complained = stdout.read(), stderr.read()
    return pid, printed, complained, os.waitpid(pid, 0)[1]


def said(command: str) -> str:
    return run(shell_job("1", command))[1].decode()


def test_a_job_knows_its_threads_its_run_and_itself() -> None:
    base = {"PATH": "/bin", "OMP_NUM_THREADS": "64", "RENKU_JOB": "the one around it"}
    environment = job_environment(shell_job("3.1", "", threads=4), base)
    assert environment == {
        "PATH": "/bin",
        "OMP_NUM_THREADS": "4",
        "GOTO_NUM_THREADS": "4",
        "OPENBLAS_NUM_THREADS": "4",
        "MKL_NUM_THREADS": "4",
        "VECLIB_MAXIMUM_THREADS": "4",
        "NUMEXPR_NUM_THREADS": "4",
        "RENKU_RUN": "test-run",
        "RENKU_JOB": "test-run/3.1",
    }
    assert base["OMP_NUM_THREADS"] == "64"


def test_a_tmpdir_is_told_by_each_of_its_names() -> None:
    environment = job_environment(shell_job("1", "", tmpdir="/scratch"), {"TMPDIR": "/tmp"})
    names = ("TMPDIR", "TMP", "TEMPDIR", "TEMP")
    assert [environment[name] for name in names] == ["/scratch"] * 4


def test_without_a_tmpdir_that_of_the_environment_stays() -> None:
    environment = job_environment(shell_job("1", ""), {"TMPDIR": "/mine"})
    assert environment["TMPDIR"] == "/mine"
    assert "TMP" not in environment


def test_the_command_sees_this_environment() -> None:
    assert said('echo "$OMP_NUM_THREADS $RENKU_JOB"') == "1 test-run/1\n"


def test_stdout_and_stderr_are_kept_apart_and_the_exit_status_is_told() -> None:
    _, out, err, status = run(shell_job("1", "echo out; echo err >&2; exit 3"))
    assert (out, err, os.waitstatus_to_exitcode(status)) == (b"out\n", b"err\n", 3)


def test_stdin_is_empty() -> None:
    assert said("cat; readlink /proc/self/fd/0").removesuffix("\n") == "/dev/null"


@linux
def test_the_job_leads_a_process_group() -> None:
    pid, out, _, _ = run(shell_job("1", "cut -d' ' -f1,5 /proc/$$/stat"))
    assert out.decode().split() == [str(pid), str(pid)]


@pytest.fixture
def deaf() -> Iterator[None]:
    """Ignore and block signals in this process, as a supervisor may."""
    ignored = (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGCHLD})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for number, handler in before.items():
        signal.signal(number, handler)


@linux
@pytest.mark.usefixtures("deaf")
def test_the_job_gets_signals_as_by_default() -> None:
    # By a builtin: a shell that starts a process blocks signals for a moment.
    read = 'while IFS= read -r line; do echo "$line"; done < /proc/$$/status'
    status = dict(line.split(":\t") for line in said(read).splitlines())
    assert int(status["SigBlk"], 16) == 0
    ignored = int(status["SigIgn"], 16)
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ)
    assert [number for number in wanted if ignored >> (number - 1) & 1] == []


@linux
def test_the_job_inherits_no_file_but_its_streams(tmp_path: Path) -> None:
    script = (
        "import os\n"
        "for fd in os.listdir('/proc/self/fd'):\n"
        "    try: print(fd, os.readlink(f'/proc/self/fd/{fd}'))\n"
        "    except OSError: pass\n"
    )
    ours = {fd for fd in map(int, os.listdir("/proc/self/fd")) if is_inheritable(fd)}
    with open(tmp_path / "open", "w"):
        listed = said(f"exec {sys.executable} -S -c {shlex.quote(script)}").splitlines()
    assert {int(line.split()[0]) for line in listed} - ours == {0, 1, 2} - ours
    assert {"0", "1", "2"} <= {line.split()[0] for line in listed}


def is_inheritable(fd: int) -> bool:
    """Whether what started these tests left the file open for everybody."""
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False


def test_the_shell_may_be_another_one() -> None:
    spec = shell_job("1", "echo ${BASH_VERSION:+bash}", shell_executable="bash")
    assert run(spec)[1] == b"bash\n"


def test_a_shell_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        run(shell_job("1", "true", shell_executable="/no/such/shell"))


def test_the_job_enters_its_cgroup_before_the_command_begins(tmp_path: Path) -> None:
    procs = tmp_path / "cgroup.procs"
    procs.touch()
    spec = shell_job("1", f"cat {shlex.quote(str(procs))}; echo $$; echo \"$0\" 'a  b'")
    pid, out, _, _ = run(spec, str(procs))
    assert out.decode().splitlines() == [str(pid), str(pid), "/bin/sh a  b"]
