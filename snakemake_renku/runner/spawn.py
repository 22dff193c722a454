"""Starting a job's command without a fork of a large process."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping

import msgspec

from snakemake_renku.model import JobSpec
from snakemake_renku.runner.wire import frame

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_DEFAULT_SIGNALS = (
    signal.SIGPIPE,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGXFSZ,
)

_TMP_VARIABLES = ("TMPDIR", "TMP", "TEMPDIR", "TEMP")

_ENTER_CGROUP = 'echo $$ > "$1" && shift && exec "$@"'


def job_environment(spec: JobSpec, base: Mapping[str, str]) -> dict[str, str]:
    """The environment in which Snakemake runs a shell command, and what marks it as this job's."""
    environment = dict(base)
    environment.update(dict.fromkeys(_THREAD_VARIABLES, str(spec.threads)))
    if spec.tmpdir is not None:
        environment.update(dict.fromkeys(_TMP_VARIABLES, spec.tmpdir))
    environment["RENKU_RUN"] = spec.run
    environment["RENKU_JOB"] = spec.marker
    return environment


def spawn_shell(spec: JobSpec, stdout: int, stderr: int, cgroup_procs: str | None) -> int:
    """Start the shell command of a direct job as leader of a process group; its pid.

    Raises:
        OSError: the shell cannot be started.
    """
    assert spec.shell_command is not None
    shell = spec.shell_executable or "/bin/sh"
    command = [shell, "-c", spec.shell_command]
    if cgroup_procs is not None:
        command = ["/bin/sh", "-c", _ENTER_CGROUP, "sh", cgroup_procs, *command]
    # Looked up in PATH, as `shell_exec` may be a bare name.
    return os.posix_spawnp(
        command[0],
        command,
        job_environment(spec, os.environ),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, stdout, 1),
            (os.POSIX_SPAWN_DUP2, stderr, 2),
        ],
        setpgroup=0,
        setsigmask=[],
        setsigdef=_DEFAULT_SIGNALS,
    )


def spawn_module(module: str, sock: socket.socket) -> int:
    """Start ``python -m module FD`` with one end of a socket pair; its pid."""
    fd = os.dup(sock.fileno())
    os.set_inheritable(fd, True)
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, *_python_flags(), "-m", module, str(fd)],
            os.environ,
            setpgroup=0,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE],
        )
    finally:
        os.close(fd)


def spawn_cold(
    order: msgspec.Struct, snapshot: bytes, stdout: int, stderr: int, report: int
) -> int:
    """Start ``python -m snakemake_renku.runner.cold`` for one job; its pid.

    What it needs travels in an unnamed file that is its stdin, so nothing shows on a command line.
    """

    body = msgspec.msgpack.encode(snapshot)
    with tempfile.TemporaryFile() as file:
        file.write(frame(order))
        file.write(len(body).to_bytes(4, "big") + body)
        file.flush()
        file.seek(0)
        os.set_inheritable(report, True)
        return os.posix_spawn(
            sys.executable,
            [sys.executable, *_python_flags(), "-m", "snakemake_renku.runner.cold", str(report)],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, file.fileno(), 0),
                (os.POSIX_SPAWN_DUP2, stdout, 1),
                (os.POSIX_SPAWN_DUP2, stderr, 2),
            ],
            setpgroup=0,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE],
        )


def _python_flags() -> list[str]:
    """Keep the working directory out of the module path, where it might shadow a package."""
    return ["-P"]
