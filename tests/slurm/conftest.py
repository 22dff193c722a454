"""A real Slurm for tests (``make clusters``), and the clients that can talk to it here."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from snakemake_renku.backends.slurm.client import Client, TaskState
from snakemake_renku.errors import BackendUnavailable

T = TypeVar("T")
OVER = {"COMPLETED", "FAILED", "OUT_OF_MEMORY", "TIMEOUT", "CANCELLED", "NODE_FAIL", "PREEMPTED"}


@pytest.fixture(scope="session")
def slurm() -> Path:
    """The folder of the cluster's state; a test with this is skipped where there is no cluster."""
    folder = os.environ.get("RENKU_TEST_SLURM")
    if not folder:
        pytest.skip("RENKU_TEST_SLURM is not set: `make clusters`, then source tests/clusters/.env")
    return Path(folder)


@pytest.fixture(scope="session")
def token(slurm: Path) -> str:
    """A token for the REST daemon, for the user of the tests."""
    done = subprocess.run(
        ["scontrol", "token", "lifespan=3600"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip().removeprefix("SLURM_JWT=")


@pytest.fixture
def name(slurm: Path) -> Iterator[str]:
    """A name for jobs that no other test has; jobs with it are cancelled afterwards."""
    name = f"test-{uuid.uuid4()}"
    yield name
    subprocess.run(["scancel", f"--name={name}"], check=False, capture_output=True)


@pytest.fixture
def shared(slurm: Path, tmp_path: Path) -> Path:
    """A folder that all nodes see: they are this machine."""
    return tmp_path


@pytest.fixture(params=["commands", "rest", "pyslurm"])
def client(request: pytest.FixtureRequest, slurm: Path) -> Client:
    """Each client in turn that can be opened here."""
    from snakemake_renku.backends.slurm.open import open_client

    url = None
    if request.param == "rest":
        url = os.environ.get("RENKU_TEST_SLURMREST")
        if not url:
            pytest.skip("RENKU_TEST_SLURMREST is not set")
        monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        monkeypatch.setenv("SLURM_JWT", request.getfixturevalue("token"))
    try:
        return open_client(request.param, url)
    except BackendUnavailable as error:
        if request.param != "pyslurm":
            raise
        pytest.skip(str(error))


def wait_until(what: Callable[[], T], seconds: float = 60.0) -> T:
    """Ask until the answer is true."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"not in {seconds} s"
        time.sleep(0.2)
    return found


def ended(client: Client, name: str, count: int, seconds: float = 30.0) -> list[TaskState]:
    """Wait until so many tasks with this name are over; their states by job and task."""

    def look() -> list[TaskState]:
        states = [state for state in client.tasks(name) if state.state in OVER]
        return states if len(states) >= count else []

    return sorted(wait_until(look, seconds), key=lambda state: (state.job, state.task or 0))
