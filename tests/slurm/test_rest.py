"""The REST client with a real slurmrestd: of Slurm 22.05, and of 26.05 if pyslurm.sh is up."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TypeVar

import pytest

from snakemake_renku.backends.slurm.client import Request, Submission, TaskState
from snakemake_renku.backends.slurm.rest import RestClient
from snakemake_renku.errors import (
    AccountingUnavailable,
    BackendError,
    BackendUnavailable,
    SlurmUnavailable,
    SubmissionRefused,
)

T = TypeVar("T")


@dataclass
class Place:
    """A cluster with slurmrestd; ``prefix`` leads to its commands, ``root`` to its files."""

    url: str
    prefix: tuple[str, ...]
    root: str
    version: int

    def says(self, *command: str) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
        done = subprocess.run(
            [*self.prefix, *command], capture_output=True, text=True, check=True, env=environment
        )
        return done.stdout

    def token(self, seconds: int = 3600) -> str:
        words = self.says("scontrol", "token", "username=root", f"lifespan={seconds}")
        return words.strip().partition("=")[2]


@pytest.fixture(scope="module", params=["22.05", "26.05", "26.05 by v0.0.42"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "22.05":
        url = os.environ.get("RENKU_TEST_SLURMREST")
        if not url or not os.environ.get("RENKU_TEST_SLURM"):
            pytest.skip("no Slurm: run tests/clusters/slurm.sh up, and source tests/clusters/.env")
        return Place(url, (), "", 38)
    root = os.environ.get("RENKU_TEST_PYSLURM")
    if not root:
        pytest.skip("no newer Slurm: run tests/clusters/pyslurm.sh, and set RENKU_TEST_PYSLURM")
    version = 42 if request.param.endswith("42") else 45
    return Place("http://127.0.0.1:27820", ("chroot", root), root, version)


@pytest.fixture(scope="module")
def rest(place: Place) -> RestClient:
    chosen = 42 if place.version == 42 else None
    return RestClient(place.url, "root", place.token(), version=chosen)


@pytest.fixture
def name() -> str:
    return f"rest-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def folder(place: Place) -> Iterator[Path]:
    """A folder that jobs and tests see at the same path below their roots."""
    path = Path(f"/tmp/rest-{uuid.uuid4().hex[:12]}")
    there = Path(f"{place.root}{path}")
    there.mkdir()
    yield path
    shutil.rmtree(there)


def until(ask: Callable[[], T], seconds: float = 30.0) -> T:
    """The first answer that is not false."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer or time.monotonic() > end:
            assert answer
            return answer
        time.sleep(0.3)


def job(name: str, script: str, folder: Path, **further: object) -> Submission:
    fields: dict[str, object] = {"request": Request(mem_mb=60, time_min=2), **further}
    return Submission(name, f"#!/bin/sh\n{script}\n", str(folder), f"{folder}/%A_%a.out", **fields)  # type: ignore[arg-type]


def over(rest: RestClient, name: str, count: int) -> list[TaskState]:
    states = [each for each in rest.tasks(name) if each.state not in ("COMPLETING", "RUNNING")]
    return states if len(states) == count and all(s.state != "PENDING" for s in states) else []


def all_stored(rest: RestClient, jobs: list[int], count: int) -> list[TaskState]:
    """What accounting has, once that is so many that ended."""
    going = ("PENDING", "RUNNING", "COMPLETING")
    states = [state for state in rest.history(jobs) if state.state not in going]
    return states if len(states) == count else []


def test_the_version_that_server_and_client_know_is_found(place: Place, rest: RestClient) -> None:
    assert rest._api() == place.version


def test_a_job_runs_in_our_environment_without_the_token(
    place: Place, rest: RestClient, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_WORDS", "two words, ünlike")
    monkeypatch.setenv("SLURM_JWT", "a token")
    number = rest.submit(job(name, "umask; env", folder, environment={"MORE": "1"}))
    (state,) = until(lambda: over(rest, name, 1))
    assert (state.job, state.task, state.state, state.exit_code) == (number, None, "COMPLETED", 0)
    (output,) = Path(f"{place.root}{folder}").glob("*.out")
    lines = output.read_text().splitlines()
    assert {"OUR_WORDS=two words, ünlike", "MORE=1", f"SLURM_SUBMIT_DIR={folder}"} <= {*lines}
    assert not any(line.startswith("SLURM_JWT") for line in lines)
    assert int(lines[0], 8) == _umask()


def _umask() -> int:
    mask = os.umask(0o22)
    os.umask(mask)
    return mask


def test_what_is_asked_for_reaches_slurm(
    place: Place, rest: RestClient, name: str, folder: Path
) -> None:
    asked = Request(
        **{"cpus": 2, "mem_mb": 123, "time_min": 7, "nodes": 1, "tasks": 2, "tasks_per_node": 2},
        partition="all",
        account="lab",
        requeue=False,
        exclusive=True,
        extra=("--hold", "--nice=7"),
    )
    number = rest.submit(
        job(
            name,
            "true",
            folder,
            request=asked,
            exclude=("n1",),
            comment="rule a, ü",
            tasks=3,
            throttle=2,
        )
    )
    try:
        told = place.says("scontrol", "show", "job", str(number))
        for word in (
            *("CPUs/Task=2", "MinMemoryNode=123M", "TimeLimit=00:07:00", "NumNodes=1"),
            *("Partition=all", "Account=lab", "Requeue=0", "ExcNodeList=n1", "Comment=rule a, ü"),
            *("ArrayTaskId=1-3%2", "Reason=JobHeldUser", "Nice=7", f"JobName={name}"),
            *("OverSubscribe=NO", f"WorkDir={folder}"),
        ):
            assert word in told
    finally:
        rest.cancel([(number, None)])


def test_each_task_of_an_array_is_followed_to_its_end(
    rest: RestClient, name: str, folder: Path
) -> None:
    script = (
        "case $SLURM_ARRAY_TASK_ID in 2) exit 3;; 3) kill -9 $$;; 4) exec sleep 60;; esac;"
        " echo task $SLURM_ARRAY_TASK_ID"
    )
    number = rest.submit(job(name, script, folder, tasks=5))
    until(lambda: {s.task: s.state for s in rest.tasks(name)}.get(4) == "RUNNING")
    rest.cancel([(number, 4), (number, 400), (number + 10**6, None)])
    found = {state.task: state for state in until(lambda: over(rest, name, 5))}

    assert {task: state.state for task, state in found.items()} == {
        **{1: "COMPLETED", 2: "FAILED", 3: "FAILED", 4: "CANCELLED", 5: "COMPLETED"},
    }
    assert {state.job for state in found.values()} == {number}
    assert (found[2].exit_code, found[3].signal) == (3, 9)
    assert rest.describe((number, 2)) == found[2]

    stored = {state.task: state for state in until(lambda: all_stored(rest, [number], 5))}
    assert {task: state.state for task, state in stored.items()} == {
        task: state.state for task, state in found.items()
    }
    assert stored[4].by == "root"
    assert [step.step for step in stored[3].steps][:1] == ["batch"]


def test_all_tasks_that_wait_are_known_however_they_are_scattered(
    rest: RestClient, name: str, folder: Path
) -> None:
    number = rest.submit(
        job(name, "sleep 60", folder, tasks=160, request=Request(mem_mb=60, extra=("--hold",)))
    )
    try:
        assert sorted(s.task or 0 for s in rest.tasks(name)) == [*range(1, 161)]
        rest.cancel([(number, task) for task in range(20, 160, 2)])
        left = [*range(1, 20), *range(21, 160, 2), 160]
        until(lambda: sorted(s.task or 0 for s in rest.tasks(name)) == left)
        waits = rest.describe((number, 159))
        assert waits is not None
        assert (waits.state, waits.reason) == ("PENDING", "JobHeldUser")
    finally:
        rest.cancel([(number, None)])
    until(lambda: all(state.state == "CANCELLED" for state in rest.tasks(name)))


def test_one_question_tells_of_many_jobs_that_ended(
    rest: RestClient, name: str, folder: Path
) -> None:
    numbers = [rest.submit(job(name, f"exit {code}", folder)) for code in (0, 1)]
    until(lambda: over(rest, name, 2))
    asked = [*numbers, numbers[0], 10**8]
    found = until(lambda: all_stored(rest, asked, 2))
    assert {state.job: state.state for state in found} == dict(
        zip(numbers, ("COMPLETED", "FAILED"), strict=True)
    )


def test_a_job_that_slurm_does_not_take_is_refused_in_its_words(
    rest: RestClient, name: str, folder: Path
) -> None:
    with pytest.raises(SubmissionRefused, match=r"Invalid partition name.* slurm_partition"):
        rest.submit(job(name, "true", folder, request=Request(partition="nowhere")))
    with pytest.raises(SubmissionRefused, match="node configuration is not available"):
        rest.submit(job(name, "true", folder, request=Request(mem_mb=10**7)))


def test_what_slurm_does_not_know_is_none_or_empty(rest: RestClient, name: str) -> None:
    assert rest.tasks(name) == []
    assert rest.history([10**8]) == []
    assert rest.history([]) == []
    assert rest.describe((10**8, None)) is None
    assert rest.describe((10**8, 3)) is None
    rest.cancel([])


def test_the_cluster_says_what_it_has(place: Place, rest: RestClient) -> None:
    cluster = rest.cluster()
    assert cluster.version in place.says("scontrol", "--version")
    assert f"ClusterName             = {cluster.name}\n" in place.says("scontrol", "show", "config")
    assert cluster.accounting
    part = cluster.partition("all")
    assert part is not None
    assert part.default == (place.version != 42)  # which it does not tell
    assert [node.name for node in cluster.nodes] == list(part.nodes)
    assert all(node.mem_mb == 4096 for node in cluster.nodes)


@pytest.mark.parametrize("wrong", ["no token at all", "another's"])
def test_a_token_that_is_not_accepted_is_told_and_not_shown(
    place: Place, rest: RestClient, wrong: str
) -> None:
    token = "abcdefgh" if wrong == "no token at all" else place.token()[:-6] + "AAAAAA"
    client = RestClient(place.url, "root", token)
    with pytest.raises(BackendUnavailable, match="token") as caught:
        client.tasks("any")
    assert token not in f"{caught.value} {client!r} {caught.value.__cause__!r}"
    with pytest.raises(BackendError):
        client.history([1])


def test_an_expired_token_names_the_way_out(place: Place) -> None:
    client = RestClient(place.url, "root", place.token(seconds=1))
    time.sleep(1.1)
    with pytest.raises(BackendUnavailable, match=r"expired at .*scontrol token"):
        client.cluster()


def test_no_command_of_slurm_is_used(
    place: Place, rest: RestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert rest.cluster().partitions


def test_a_slurmrestd_of_ones_own_on_a_unix_socket_wants_no_token(tmp_path: Path) -> None:
    program = shutil.which("slurmrestd", path="/usr/sbin:/usr/bin")
    if not os.environ.get("RENKU_TEST_SLURM") or program is None or os.getuid() != 0:
        pytest.skip("no Slurm: run tests/clusters/slurm.sh up, and source tests/clusters/.env")
    user, folder = "renkutest", Path(f"/tmp/rest-{uuid.uuid4().hex[:12]}")
    folder.mkdir()
    shutil.chown(folder, user)
    command = ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups", program]
    server = subprocess.Popen(
        [*command, "-a", "rest_auth/local", f"unix:{folder}/socket"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until((folder / "socket").exists)
        client = RestClient(f"unix:{folder}/socket", user, "")
        client.submit(job(name := f"rest-{uuid.uuid4().hex[:12]}", "id -un", folder))
        (state,) = until(lambda: over(client, name, 1))
        assert state.state == "COMPLETED"
        (output,) = folder.glob("*.out")
        assert output.read_text() == f"{user}\n"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


# --- faults that a real slurmrestd cannot be made to show ----------------------------------------


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """A server that gives this one answer to everything, and the paths that it was asked for."""
    asked: list[str] = []

    class Always(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for each, value in headers.items():
                self.send_header(each, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Always)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_redirect_is_not_followed() -> None:
    with answering(200, b"{}") as (other, asked), answering(302, b"", Location=other) as (url, _):
        with pytest.raises(BackendUnavailable, match="redirects") as caught:
            RestClient(url, "root", "secret-token").cluster()
        assert asked == []
        assert not isinstance(caught.value, SlurmUnavailable)
        assert "secret-token" not in str(caught.value)


def test_an_error_of_a_gateway_may_pass() -> None:
    with answering(502, b"<html>Bad gateway</html>") as (url, _):
        client = RestClient(url, "root", "t", version=45)
        with pytest.raises(SlurmUnavailable, match="Bad gateway"):
            client.tasks("any")
        with pytest.raises(SlurmUnavailable):
            client.submit(job("any", "true", Path("/tmp")))
        with pytest.raises(AccountingUnavailable):
            client.history([1])


def test_a_server_that_is_no_slurmrestd_is_told() -> None:
    with (
        answering(404, b"Not found") as (url, _),
        pytest.raises(BackendUnavailable, match="Is this the address of a slurmrestd"),
    ):
        RestClient(url, "root", "t").cluster()


def test_nobody_who_answers_may_pass(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for url in (f"http://127.0.0.1:{port}", f"unix:{tmp_path}/nobody"):
            with pytest.raises(SlurmUnavailable, match="does not answer"):
                RestClient(url, "root", "t").cluster()
