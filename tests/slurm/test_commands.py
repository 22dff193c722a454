"""Every client against a real Slurm; then what the commands alone have."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from snakemake_renku.backends.slurm.client import Client, Request, Submission
from snakemake_renku.backends.slurm.commands import CommandsClient, clean
from snakemake_renku.errors import (
    AccountingUnavailable,
    SlurmUnavailable,
    SubmissionRefused,
)
from tests.slurm.conftest import ended, wait_until

SMALL = Request(mem_mb=20, time_min=2)


def ask(name: str, folder: Path, script: str, **more: object) -> Submission:
    """A small job that runs ``script``."""
    return Submission(
        name=name,
        script=f"#!/bin/bash\n{script}\n",
        workdir=str(folder),
        output=str(folder / "%A_%a.out"),
        **{"request": SMALL, **more},  # type: ignore[arg-type]
    )


def test_a_job_runs_in_its_folder_with_its_environment(
    client: Client, name: str, shared: Path
) -> None:
    script = 'printf "%s|%s" "$PWD" "$GREETING" > said'
    odd = {"GREETING": "a b,c=d ü"}
    job = client.submit(ask(name, shared, script, environment=odd, comment="x|y State=z"))
    [state] = ended(client, name, 1)
    assert (state.job, state.task, state.state) == (job, None, "COMPLETED")
    assert (shared / "said").read_text() == f"{shared}|{odd['GREETING']}"


def test_each_task_of_an_array_ends_in_its_own_way(client: Client, name: str, shared: Path) -> None:
    script = "case $SLURM_ARRAY_TASK_ID in 2) exit 7;; 3) kill -9 $$;; esac"
    job = client.submit(ask(name, shared, script, tasks=3))
    states = ended(client, name, 3)
    assert [(state.job, state.task) for state in states] == [(job, 1), (job, 2), (job, 3)]
    assert [state.state for state in states] == ["COMPLETED", "FAILED", "FAILED"]
    assert len(states[0].nodes) == 1
    failed = client.describe((job, 2))
    assert failed is not None
    assert (failed.task, failed.state, failed.exit_code) == (2, "FAILED", 7)
    killed = client.describe((job, 3))
    assert killed is not None
    assert killed.signal == 9


def test_a_pending_array_is_told_task_by_task(client: Client, name: str, shared: Path) -> None:
    held = Request(mem_mb=20, extra=("--hold",))
    job = client.submit(ask(name, shared, "true", tasks=120, throttle=5, request=held))
    states = client.tasks(name)
    assert sorted((s.job, s.task or 0) for s in states) == [(job, n) for n in range(1, 121)]
    assert {state.state for state in states} == {"PENDING"}
    assert {state.reason for state in states} == {"JobHeldUser"}
    one = client.describe((job, 77))
    assert one is not None
    assert (one.task, one.state) == (77, "PENDING")


def test_others_jobs_are_not_told(client: Client, name: str, shared: Path) -> None:
    assert client.tasks(name) == []
    client.submit(ask(f"{name}x", shared, "true"))
    assert client.tasks(name) == []


def test_some_tasks_are_cancelled_and_ended_ones_passed_over(
    client: Client, name: str, shared: Path
) -> None:
    script = "[ $SLURM_ARRAY_TASK_ID = 1 ] || exec sleep 60"
    job = client.submit(ask(name, shared, script, tasks=4))

    def all_started() -> bool:
        return {s.task: s.state for s in client.tasks(name)} == {
            1: "COMPLETED",
            2: "RUNNING",
            3: "RUNNING",
            4: "RUNNING",
        }

    wait_until(all_started)
    client.cancel([(job, 1), (job, 2), (job, 4)])
    states = ended(client, name, 3)
    said = {state.task: state.state for state in client.tasks(name)}
    assert [state.task for state in states] == [1, 2, 4]
    assert said == {1: "COMPLETED", 2: "CANCELLED", 3: "RUNNING", 4: "CANCELLED"}
    client.cancel([(job, None)])
    assert [state.task for state in ended(client, name, 4)] == [1, 2, 3, 4]
    client.cancel([(job, None), (job, 3)])
    client.cancel([])


def test_accounting_tells_of_ends_steps_and_who_cancelled(
    client: Client, name: str, shared: Path
) -> None:
    failed = client.submit(ask(name, shared, "srun --mem=10 bash -c 'exit 3'; exit 1"))
    long = client.submit(ask(name, shared, "exec sleep 60", tasks=2))
    wait_until(lambda: len([s for s in client.tasks(name) if s.state == "RUNNING"]) >= 2)
    client.cancel([(long, 1)])
    ended(client, name, 2)

    def stored() -> bool:  # accounting lags, and tells of an end before it tells how
        found = {(s.job, s.task): s for s in client.history([failed, long])}
        first, second = found.get((failed, None)), found.get((long, 1))
        return (
            first is not None
            and second is not None
            and second.state == "CANCELLED"
            and second.by in {"root", str(os.getuid())}
            and (first.exit_code, first.derived_exit_code) == (1, 3)
            and any((s.step, s.state, s.exit_code) == ("0", "FAILED", 3) for s in first.steps)
        )

    wait_until(stored, 10)


def test_memory_that_runs_out_is_told(client: Client, name: str, shared: Path) -> None:
    script = "python3 -c 'x = bytearray(300 << 20)'"
    client.submit(ask(name, shared, script))
    [state] = ended(client, name, 1)
    assert state.state == "OUT_OF_MEMORY"


@pytest.mark.parametrize(
    ("request_", "said", "remedy"),
    [
        (Request(partition="no-such"), "partition", "slurm_partition"),
        (Request(account="no-such"), "account", "slurm_account"),
        (Request(mem_mb=99_999), "node configuration", "mem_mb"),
        (Request(qos="no-such"), "qos", "qos"),
        (Request(constraint="no-such"), "feature", "constraint"),
    ],
    ids=["partition", "account", "memory", "qos", "constraint"],
)
def test_a_refusal_holds_slurms_words_and_what_to_do(
    client: Client, name: str, shared: Path, request_: Request, said: str, remedy: str
) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        client.submit(ask(name, shared, "true", request=request_))
    assert said in refused.value.message.lower()
    if client.name == "commands":
        assert remedy in (refused.value.remedy or "")
    # Slurm keeps some that it refuses, as jobs that failed.
    assert {state.state for state in client.tasks(name)} <= {"FAILED"}


def test_what_slurm_does_not_know_is_none(client: Client, slurm: Path) -> None:
    assert client.describe((4_000_000, None)) is None
    assert client.describe((4_000_000, 3)) is None


def test_the_cluster_describes_itself(client: Client, slurm: Path) -> None:
    cluster = client.cluster()
    assert cluster.name == "renku"
    assert cluster.version.startswith("22.")
    assert cluster.accounting
    short = cluster.partition("short")
    assert short is not None
    assert (short.max_time_min, short.max_mem_per_node) == (5, 1024)
    assert short.nodes == ("n1", "n2")
    assert not short.default
    everything = cluster.partition("all")
    assert everything is not None
    assert everything.default
    assert everything.max_time_min is None
    nodes = {node.name: node for node in cluster.nodes}
    assert sorted(nodes) == ["n1", "n2", "n3", "n4"]
    assert (nodes["n1"].cpus, nodes["n1"].mem_mb) == (64, 4096)
    assert nodes["n1"].features == ("fast",)
    assert nodes["n3"].gres == {"gpu": 2, "gpu:a100": 2}


def test_commands_are_not_misled_by_the_environment(
    name: str, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As inside a job, for a user with tastes of their own.
    for variable, value in {
        "SQUEUE_FORMAT": "%i",
        "SQUEUE_SORT": "-i",
        "SLURM_TIME_FORMAT": "relative",
        "SACCT_FORMAT": "jobid",
        "SBATCH_ARRAY_INX": "1-9",
        "SBATCH_EXPORT": "NONE",
        "SLURM_JOB_ID": "1",
        "SLURM_ARRAY_TASK_ID": "8",
        "SLURM_MEM_PER_CPU": "99999",
        "SLURM_CPUS_PER_TASK": "9999",
        "SLURM_BITSTR_LEN": "8",
        "LC_ALL": "C.UTF-8",
        "PLAIN": "kept",
    }.items():
        monkeypatch.setenv(variable, value)
    client = CommandsClient()
    script = "echo $PLAIN ${SLURM_MEM_PER_CPU:-unset} ${SBATCH_EXPORT:-unset} $LC_ALL > said"
    client.submit(ask(name, shared, script))
    [state] = ended(client, name, 1)
    assert (state.task, state.state) == (None, "COMPLETED")
    assert (shared / "said").read_text().split() == ["kept", "unset", "unset", "C.UTF-8"]


def test_where_slurm_is_and_the_users_defaults_are_kept() -> None:
    asked = {"SLURM_CONF": "a", "SLURM_JWT": "b", "SBATCH_ACCOUNT": "c", "SLURM_NTASKS": "4"}
    assert clean({**asked, "HOME": "h"}) == {
        "SLURM_CONF": "a",
        "SLURM_JWT": "b",
        "SBATCH_ACCOUNT": "c",
        "HOME": "h",
    }


def test_one_run_uses_one_cluster(name: str, shared: Path) -> None:
    client = CommandsClient()
    with pytest.raises(SubmissionRefused, match="sacctmgr show cluster"):
        client.submit(ask(name, shared, "true", request=Request(clusters="no-such")))
    job = client.submit(ask(name, shared, "true", request=Request(mem_mb=20, clusters="renku")))
    assert [state.job for state in ended(client, name, 1)] == [job]
    assert client.describe((job, None)) is not None
    client.cancel([(job, None)])
    assert client.cluster().partition("short") is not None
    with pytest.raises(SubmissionRefused, match="one and the same"):
        client.submit(ask(name, shared, "true", request=Request(clusters="other")))


@pytest.fixture
def elsewhere(slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration whose ports nobody listens on: refused connections, without any stopping."""
    text = Path("/etc/slurm/slurm.conf").read_text()
    for line, other in {
        "SlurmctldPort=6817": "SlurmctldPort=6",
        "AccountingStoragePort=6819": "AccountingStoragePort=6",
        "MessageTimeout=60": "MessageTimeout=2",
        "SlurmctldTimeout=30": "SlurmctldTimeout=2",
    }.items():
        assert line in text
        text = text.replace(line, other)
    (tmp_path / "slurm.conf").write_text(text)
    for beside in ("gres.conf", "cgroup.conf"):
        shutil.copy(Path("/etc/slurm") / beside, tmp_path)
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))


@pytest.mark.usefixtures("elsewhere")
def test_a_controller_that_is_away_may_come_back(tmp_path: Path) -> None:
    client = CommandsClient()
    with pytest.raises(SlurmUnavailable, match="scontrol ping"):
        client.tasks("any")
    with pytest.raises(SlurmUnavailable):
        client.submit(ask("any", tmp_path, "true"))
    with pytest.raises(SlurmUnavailable):
        client.describe((1, None))
    with pytest.raises(SlurmUnavailable):
        client.cancel([(1, None)])


@pytest.mark.usefixtures("elsewhere")
def test_accounting_that_is_away_has_an_error_of_its_own() -> None:
    with pytest.raises(AccountingUnavailable, match="sacct"):
        CommandsClient().history([1])


@pytest.mark.skipif(os.getuid() != 0, reason="starts a job as another user, which root alone may")
def test_another_users_jobs_are_not_told_and_their_canceller_is_named(
    name: str, shared: Path
) -> None:
    done = subprocess.run(
        [
            *("setpriv", "--reuid=renkutest", "--regid=renkutest", "--clear-groups"),
            *("sbatch", "--parsable", f"--job-name={name}", "--chdir=/", "--output=/dev/null"),
            *("--mem=20", "--wrap=sleep 60"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    job = int(done.stdout)
    client = CommandsClient()
    assert client.tasks(name) == []
    client.cancel([(job, None)])

    def by() -> str | None:
        return next((state.by for state in client.history([job])), None)

    assert wait_until(by) in {"root", "0"}


def test_many_tasks_are_listed_and_cancelled_quickly(name: str, shared: Path) -> None:
    client = CommandsClient()
    held = Request(mem_mb=20, extra=("--hold",))
    job = client.submit(ask(name, shared, "true", tasks=10_000, request=held))
    began = time.monotonic()
    assert len(client.tasks(name)) == 10_000
    client.cancel([(job, task) for task in range(1, 10_000, 2)])
    assert time.monotonic() - began < 10
    assert [s.task for s in client.tasks(name) if s.state == "PENDING"] == list(range(2, 10_001, 2))
