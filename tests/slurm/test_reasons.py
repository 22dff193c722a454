"""Why jobs wait."""

from __future__ import annotations

import os
import subprocess
import time
import uuid

import pytest

from snakemake_renku.backends.slurm.client import TaskState
from snakemake_renku.backends.slurm.reasons import judge


def kind(reason: str) -> str:
    return judge(TaskState(1, None, "PENDING", reason=reason)).kind


def words(reason: str) -> str:
    return judge(TaskState(1, None, "PENDING", reason=reason)).words


@pytest.mark.parametrize(
    "reason",
    [
        *("", "None", "(null)", "Resources", "(Resources)", "Priority", "Dependency", "BeginTime"),
        *("JobArrayTaskLimit", "QOSMaxCpuPerUserLimit", "QOSMaxJobsPerUserLimit", "Cleaning"),
        *("QOSMaxSubmitJobPerUserLimit", "AssocGrpCpuLimit", "AssocGrpCPURunMinutesLimit"),
        *("QOSGrpGRESRunMinutes", "AssocMaxJobsLimit", "AssocMaxSubmitJobLimit", "QOSGrpMemLimit"),
        *("MaxCpuPerAccount", "QOSMaxGRESPerUser", "QOSMaxMemoryPerUser", "AssociationJobLimit"),
        *("QOSResourceLimit", "BurstBufferStageIn", "Prolog", "QOSGrpNodeLimit", "SchedDefer"),
    ],
)
def test_what_passes_by_itself_is_normal(reason: str) -> None:
    assert kind(reason) == "normal"


@pytest.mark.parametrize(
    "reason",
    [
        *("ReqNodeNotAvail", "ReqNodeNotAvail, UnavailableNodes:n1", "NodeDown", "PartitionDown"),
        *("ReqNodeNotAvail(Unavailable:n1)", "PartitionInactive", "JobHeldUser", "JobHeldAdmin"),
        *("Licenses", "Reservation", "QOSUsageThreshold", "AssocGrpCPUMinutesLimit"),
        *("QOSGrpWallLimit", "AssocGrpBillingMinutes", "QOSGrpGRESMinutes", "PartitionNodeLimit"),
        *("Constraints", "SomethingNew"),
        "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority"
        " partitions",
        "Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved",
    ],
)
def test_what_someone_has_to_look_at_is_told(reason: str) -> None:
    assert kind(reason) == "tell"


@pytest.mark.parametrize(
    "reason",
    [
        *("PartitionTimeLimit", "MaxMemPerLimit", "BadConstraints", "InvalidAccount", "InvalidQOS"),
        *("QOSMaxCpuPerJobLimit", "QOSMaxWallDurationPerJobLimit", "AssocMaxNodePerJobLimit"),
        *("QOSMaxCpuMinutesPerJobLimit", "AssocMaxMemPerJob", "QOSMaxGRESPerNode", "QOSMinGRES"),
        *("AssocMaxWallDurationPerJobLimit", "QOSMaxCpuPerNode", "QOSMinCpuNotSatisfied"),
        *("DependencyNeverSatisfied", "launch failed requeued held", "PartitionConfig"),
        *("launch_failed_requeued_held", "job requeued in held state", "JobHoldMaxRequeue"),
        *("AccountNotAllowed", "QOSNotAllowed", "ReservationDeleted", "DeadLine", "SystemFailure"),
    ],
)
def test_what_never_passes_is_called_so(reason: str) -> None:
    assert kind(reason) == "never"


def test_the_words_name_the_nodes_that_are_away() -> None:
    assert "(n[1-2])" in words("ReqNodeNotAvail, UnavailableNodes:n[1-2]")


def test_the_words_say_what_to_do() -> None:
    assert "slurm_partition" in words("PartitionTimeLimit")
    assert "slurm_account" in words("InvalidAccount")
    assert "scontrol release" in words("JobHeldUser")


def test_the_words_of_a_limit_name_it() -> None:
    assert "QOSMaxCpuPerUserLimit" in words("QOSMaxCpuPerUserLimit")


def test_what_is_unknown_is_handed_on() -> None:
    assert "SomethingNew" in words("SomethingNew")


def test_a_job_that_runs_does_not_wait() -> None:
    assert judge(TaskState(1, None, "RUNNING", reason="JobHeldUser")).kind == "normal"


# On a real cluster.


@pytest.mark.skipif(
    not os.environ.get("RENKU_TEST_SLURM"), reason="RENKU_TEST_SLURM is not set: no Slurm here"
)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--partition=short --mem=2000", "never"),
        ("--partition=short --time=6", "never"),
        ("--hold", "tell"),
        ("--begin=now+1hour", "normal"),
    ],
)
def test_what_slurm_says_of_jobs_that_wait(options: str, expected: str) -> None:
    from snakemake_renku.backends.slurm.open import open_client

    client, name = open_client("commands", None), f"reasons-{uuid.uuid4()}"
    command = ["sbatch", "--parsable", f"--job-name={name}", "--output=/dev/null", "--wrap=true"]
    done = subprocess.run([*command, *options.split()], capture_output=True, text=True, check=True)
    try:
        until = time.monotonic() + 20
        while (found := client.tasks(name)[0]).reason in ("", "None"):
            assert time.monotonic() < until, "Slurm gives no reason"
            time.sleep(0.5)
        assert found.state == "PENDING"
        assert judge(found).kind == expected
    finally:
        subprocess.run(["scancel", done.stdout.strip()], check=True)
