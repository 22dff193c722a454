"""The client on pyslurm, where it can be imported: see tests/clusters/pyslurm.sh."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import pytest

from snakemake_renku.backends.slurm import library_data
from snakemake_renku.backends.slurm.client import Request, Submission, TaskState
from snakemake_renku.backends.slurm.library import PyslurmClient
from snakemake_renku.errors import BackendUnavailable, SubmissionRefused

T = TypeVar("T")

INSTALLED = importlib.util.find_spec("pyslurm") is not None


@pytest.fixture(scope="module")
def library() -> PyslurmClient:
    if not INSTALLED:
        pytest.skip("pyslurm cannot be imported: run tests/clusters/pyslurm.sh, and these there")
    # The one that can be had is of another version than the Slurm that can be had.
    return PyslurmClient(any_version=True)


@pytest.fixture
def name() -> str:
    return f"library-{uuid.uuid4().hex[:12]}"


def until(ask: Callable[[], T], seconds: float = 30.0) -> T:
    """The first answer that is not false."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end
        time.sleep(0.3)
    return answer


def job(name: str, script: str, folder: Path, **further: object) -> Submission:
    fields: dict[str, object] = {"request": Request(mem_mb=60, time_min=2), **further}
    return Submission(name, f"#!/bin/sh\n{script}\n", str(folder), f"{folder}/%A_%a.out", **fields)  # type: ignore[arg-type]


def over(found: list[TaskState], count: int) -> list[TaskState]:
    going = ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING")
    return found if len(found) == count and all(s.state not in going for s in found) else []


def test_a_pyslurm_that_is_not_there_or_of_another_version_is_told() -> None:
    with pytest.raises(BackendUnavailable, match="pyslurm") as caught:
        PyslurmClient()
    assert caught.value.remedy
    assert ("not made for this cluster" in str(caught.value)) == INSTALLED


def test_nothing_imports_pyslurm_until_it_is_asked_for() -> None:
    code = "import sys, snakemake_renku.backends.slurm.library; sys.exit('pyslurm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_is_asked_for_is_said_in_pyslurms_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JWT", "secret")
    asked = Request(cpus=2, time_min=90, gpus="1", extra=("--hold", "-x", "n2"), requeue=False)
    said = library_data.description(
        job("run", "true", Path("/data"), request=asked, tasks=3, throttle=2, exclude=("n1",))
    )
    assert (said["array"], said["time_limit"], said["gpus"]) == ("1-3%2", "01:30:00", "1")
    assert (said["excluded_nodes"], said["priority"]) == (["n1", "n2"], 0)
    assert said["is_requeueable"] is False
    assert said["environment"]["SLURM_JWT"] == ""
    assert "memory_per_node" not in said
    with pytest.raises(SubmissionRefused, match="--bb"):
        library_data.description(job("run", "", Path("/"), request=Request(extra=("--bb=x",))))


def test_all_denied_means_that_none_is() -> None:
    unlimited = dict.fromkeys(("max_time", "max_memory_per_node", "max_cpus_per_node"), "UNLIMITED")
    everyone = {key: ["ALL"] for key in ("allowed_accounts", "denied_accounts", "allowed_qos")}
    flags = dict.fromkeys(("is_default", "is_hidden", "is_root_only"), False)
    said = SimpleNamespace(
        **{"name": "a", "state": "UP", "nodes": "n[1-2]", "default_time": 10, "min_nodes": 0},
        **{"max_nodes": 4, "max_memory_per_cpu": None, "priority_tier": 2, "allowed_groups": ["a"]},
        **{**unlimited, **everyone, **flags},
    )
    part = library_data._partition(said)
    assert (part.nodes, part.max_nodes, part.max_time_min) == (("n1", "n2"), 4, None)
    assert (part.allow_accounts, part.deny_accounts, part.allow_groups) == ((), (), ("a",))


def test_a_job_runs_in_our_environment_without_the_token(
    library: PyslurmClient, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_WORDS", "two words, ünlike")
    monkeypatch.setenv("SLURM_JWT", "secret")
    number = library.submit(job(name, "env", tmp_path, environment={"MORE": "1"}))
    (state,) = until(lambda: over(library.tasks(name), 1))
    assert (state.job, state.task, state.state) == (number, None, "COMPLETED")
    (output,) = tmp_path.glob("*.out")
    assert {"OUR_WORDS=two words, ünlike", "MORE=1"} <= {*output.read_text().splitlines()}
    assert "secret" not in output.read_text()


def test_each_task_of_an_array_is_followed_to_its_end(
    library: PyslurmClient, name: str, tmp_path: Path
) -> None:
    script = "case $SLURM_ARRAY_TASK_ID in 2) exit 3;; 3) kill -9 $$;; 4|5) exec sleep 60;; esac"
    number = library.submit(job(name, script, tmp_path, tasks=5))
    until(lambda: Counter(s.state for s in library.tasks(name))["RUNNING"] == 2)
    # The last task has the number of the array: it alone must end.
    library.cancel([(number, 5), (number, 400), (10**8, None)])
    until(lambda: {s.task: s.state for s in library.tasks(name)}[5] == "CANCELLED")
    assert {s.task: s.state for s in library.tasks(name)}[4] == "RUNNING"
    library.cancel([(number, 4)])
    found = {state.task: state for state in until(lambda: over(library.tasks(name), 5))}
    expected = {1: "COMPLETED", 2: "FAILED", 3: "FAILED", 4: "CANCELLED", 5: "CANCELLED"}
    assert {task: state.state for task, state in found.items()} == expected
    assert (found[2].exit_code, found[3].signal) == (3, 9)
    assert library.describe((number, 2)) == found[2]

    stored = {state.task: state for state in until(lambda: over(library.history([number]), 5))}
    assert {task: state.state for task, state in stored.items()} == expected
    assert (stored[4].by, stored[1].by) == ("root", None)
    assert [step.step for step in stored[3].steps][:1] == ["batch"]


def test_all_tasks_that_wait_are_known_however_they_are_scattered(
    library: PyslurmClient, name: str, tmp_path: Path
) -> None:
    held = Request(mem_mb=60, extra=("--hold",))
    number = library.submit(job(name, "sleep 60", tmp_path, tasks=160, request=held))
    library.cancel([(number, task) for task in range(20, 160, 2)])
    left = [*range(1, 20), *range(21, 160, 2), 160]
    until(lambda: sorted(state.task or 0 for state in library.tasks(name)) == left)
    library.cancel([(number, None)])
    until(lambda: all(state.state == "CANCELLED" for state in library.tasks(name)))


def test_a_job_that_slurm_does_not_take_is_refused_in_its_words(
    library: PyslurmClient, name: str, tmp_path: Path
) -> None:
    with pytest.raises(SubmissionRefused, match="nvalid partition name"):
        library.submit(job(name, "true", tmp_path, request=Request(partition="nowhere")))


def test_what_slurm_does_not_know_is_none_or_empty(library: PyslurmClient, name: str) -> None:
    assert library.tasks(name) == []
    assert library.history([10**8]) == []
    assert library.history([]) == []
    assert library.describe((10**8, None)) is None


def test_the_cluster_says_what_it_has(library: PyslurmClient) -> None:
    cluster = library.cluster()
    assert cluster.accounting
    assert cluster.max_array_size == 2001
    part = cluster.partition("all")
    assert part is not None
    assert part.default
    assert [node.name for node in cluster.nodes] == list(part.nodes)
    assert os.environ.get("SLURM_BITSTR_LEN") == "0"
