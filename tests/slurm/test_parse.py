"""What commands printed on real clusters, and what they could print at worst."""

from __future__ import annotations

import pytest

from snakemake_renku.backends.slurm import notation, parse
from snakemake_renku.backends.slurm.client import StepState, TaskState
from snakemake_renku.backends.slurm.complaints import own_words, refusal
from snakemake_renku.errors import BackendError, SlurmUnavailable, SubmissionRefused


def lines(*rows: str) -> str:
    """Rows as the commands print them, with ``;`` for the separator."""
    return "".join(row.replace(";", parse.SEPARATOR) + "\n" for row in rows)


def test_squeue_tells_of_plain_jobs_tasks_and_folded_arrays() -> None:
    text = lines(
        "416;N/A;FAILED;JobLaunchFailure;n1",
        "414;3-4,6%2;PENDING;JobArrayTaskLimit;",
        "414;1;RUNNING;None;n[1-2]",
    )
    assert parse.squeue(text) == [
        TaskState(416, None, "FAILED", "JobLaunchFailure", ("n1",)),
        TaskState(414, 3, "PENDING", "JobArrayTaskLimit"),
        TaskState(414, 4, "PENDING", "JobArrayTaskLimit"),
        TaskState(414, 6, "PENDING", "JobArrayTaskLimit"),
        TaskState(414, 1, "RUNNING", "", ("n1", "n2")),
    ]


def test_a_reason_may_hold_commas_and_spaces() -> None:
    reason = "ReqNodeNotAvail, UnavailableNodes:n3"
    text = lines("CLUSTER: renku", f"7;N/A;PENDING;{reason};", "")
    assert parse.squeue(text) == [TaskState(7, None, "PENDING", reason)]


def test_sacct_tells_of_steps_and_of_who_cancelled() -> None:
    text = lines(
        "414_2;FAILED;7:0;0:0;n1;None",
        "414_2.batch;FAILED;7:0;;n1;",
        "764;FAILED;1:0;3:0;n1;None",
        "764.batch;FAILED;1:0;;n1;",
        "764.extern;COMPLETED;0:0;;n1;",
        "764.0;OUT_OF_MEMORY;0:125;;n1;",
        "417_[1,3-4%2];CANCELLED by 1000;0:0;0:0;None assigned;JobHeldUser",
    )
    task, plain, *cancelled = parse.sacct(text)
    assert (task.job, task.task, task.exit_code, task.nodes) == (414, 2, 7, ("n1",))
    assert task.steps == (StepState("batch", "FAILED", 7, 0),)
    assert (plain.exit_code, plain.derived_exit_code, plain.derived_signal) == (1, 3, 0)
    assert [step.step for step in plain.steps] == ["batch", "extern", "0"]
    assert plain.steps[2] == StepState("0", "OUT_OF_MEMORY", 0, 125)
    assert [state.task for state in cancelled] == [1, 3, 4]
    assert {(state.state, state.by, state.nodes) for state in cancelled} == {
        ("CANCELLED", "1000", ())
    }


SHOWN = """JobId=419 ArrayJobId=414 ArrayTaskId=1 ArrayTaskThrottle=2 JobName=a JobState=COMPLETED
   UserId=root(0) GroupId=root(0) MCS_label=N/A
   JobState=FAILED Reason=NonZeroExitCode Dependency=(null)
   Requeue=1 Restarts=2 BatchFlag=1 Reboot=0 ExitCode=7:0
   DerivedExitCode=0:125
   ReqNodeList=(null) ExcNodeList=n4
   NodeList=n[1-2]
     Nodes=n1 CPU_IDs=0-7 Mem=100 GRES=
   Command=/tmp/a b/JobState=X
   Comment=a b|c=d JobState=X Restarts=9
   Power=

"""


def test_a_shown_job_is_read_whatever_its_name_and_comment_pretend() -> None:
    assert parse.show_job(SHOWN) == [
        TaskState(
            job=414,
            task=1,
            state="FAILED",
            reason="NonZeroExitCode",
            nodes=("n1", "n2"),
            exit_code=7,
            signal=0,
            derived_exit_code=0,
            derived_signal=125,
            restarts=2,
        )
    ]


def test_several_shown_jobs_are_several() -> None:
    waits = (
        "JobId=9 ArrayJobId=9 ArrayTaskId=3-4%1 JobName=x\n"
        "   JobState=PENDING Reason=ReqNodeNotAvail,_UnavailableNodes:n3 Dependency=(null)\n\n"
    )
    states = parse.show_job(SHOWN + waits)
    assert [(state.job, state.task) for state in states] == [(414, 1), (9, 3), (9, 4)]
    assert states[1].reason == "ReqNodeNotAvail, UnavailableNodes:n3"


def test_a_partition_without_limits_and_one_with_all() -> None:
    text = """PartitionName=free
   AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL
   AllocNodes=ALL Default=YES QoS=N/A
   DefaultTime=NONE DisableRootJobs=NO ExclusiveUser=NO GraceTime=0 Hidden=NO
   MaxNodes=UNLIMITED MaxTime=UNLIMITED MinNodes=0 LLN=NO MaxCPUsPerNode=UNLIMITED
   Nodes=(null)
   PriorityJobFactor=1 PriorityTier=10 RootOnly=NO ReqResv=NO OverSubscribe=NO
   State=UP TotalCPUs=0 TotalNodes=0 SelectTypeParameters=NONE
   DefMemPerNode=UNLIMITED MaxMemPerNode=UNLIMITED

PartitionName=tight
   AllowGroups=a,b DenyAccounts=poor AllowQos=high
   AllocNodes=ALL Default=NO QoS=N/A
   DefaultTime=00:30:30 DisableRootJobs=NO ExclusiveUser=NO GraceTime=0 Hidden=YES
   MaxNodes=2 MaxTime=2-12:00:00 MinNodes=1 LLN=NO MaxCPUsPerNode=16
   Nodes=n[1-3,7],gpu-[01-02]
   PriorityJobFactor=1 PriorityTier=1 RootOnly=YES ReqResv=NO OverSubscribe=NO
   State=DRAIN TotalCPUs=128 TotalNodes=2 SelectTypeParameters=NONE
   DefMemPerNode=UNLIMITED MaxMemPerCPU=2048
"""
    free, tight = parse.show_partitions(text)
    assert (free.name, free.default, free.nodes, free.state) == ("free", True, (), "UP")
    assert free.max_time_min is free.default_time_min is free.max_nodes is None
    assert free.max_mem_per_node is free.max_cpus_per_node is None
    assert free.allow_accounts == free.allow_groups == ()
    assert (tight.max_time_min, tight.default_time_min) == (60 * 60, 31)
    assert (tight.max_mem_per_cpu, tight.max_cpus_per_node) == (2048, 16)
    assert (tight.min_nodes, tight.max_nodes) == (1, 2)
    assert (tight.hidden, tight.root_only, tight.state) == (True, True, "DRAIN")
    assert tight.nodes == ("n1", "n2", "n3", "n7", "gpu-01", "gpu-02")
    assert (tight.allow_groups, tight.deny_accounts) == (("a", "b"), ("poor",))


def test_a_node_with_its_troubles() -> None:
    text = """NodeName=n3 Arch=x86_64 CoresPerSocket=64
   CPUAlloc=0 CPUEfctv=62 CPUTot=64 CPULoad=2.05
   AvailableFeatures=gpu,fast
   Gres=gpu:a100:2(S:0-1),gpu:v100:1(S:1)
   OS=Linux 6.1 #1 SMP State=IDLE RealMemory=1
   RealMemory=4096 AllocMem=0 FreeMem=20189 Sockets=1 Boards=1
   MemSpecLimit=96
   State=DOWN*+DRAIN ThreadsPerCore=1 TmpDisk=20000 Weight=1 Owner=N/A MCS_label=N/A
   Reason=Not responding, see CPUTot=1 [slurm@2026-11-21T16:58:10]
"""
    [node] = parse.show_nodes(text)
    assert (node.cpus, node.mem_mb, node.tmp_mb) == (62, 4000, 20000)
    assert node.state == ("DOWN", "NOT_RESPONDING", "DRAIN")
    assert node.features == ("gpu", "fast")
    assert node.gres == {"gpu": 3, "gpu:a100": 2, "gpu:v100": 1}
    assert node.reason.startswith("Not responding, see")


def test_a_configuration() -> None:
    text = """Configuration data as of 2026-11-21T17:10:56
AccountingStorageType   = accounting_storage/none
ClusterName             = one
EnforcePartLimits       = ANY
MaxArraySize            = 1001
PlugStackConfig         = (null)
SLURM_VERSION           = 24.11.3
"""
    cluster = parse.show_config(text)
    assert (cluster.name, cluster.version, cluster.max_array_size) == ("one", "24.11.3", 1001)
    assert (cluster.accounting, cluster.enforce_part_limits) == (False, True)


@pytest.mark.parametrize(
    ("text", "tasks"),
    [
        ("N/A", [None]),
        ("5", [5]),
        ("1-4,7%5", [1, 2, 3, 4, 7]),
        ("[2-3]", [2, 3]),
        ("2-10:4,12", [2, 6, 10, 12]),
    ],
)
def test_tasks_are_unfolded(text: str, tasks: list[int | None]) -> None:
    assert notation.indices(text) == tasks


def test_a_list_that_was_cut_off_is_not_taken_for_whole() -> None:
    with pytest.raises(BackendError, match="SLURM_BITSTR_LEN"):
        notation.indices("1,3,5,...")


def test_tasks_are_folded() -> None:
    assert notation.ranges([7, 1, 2, 3, 2, 10, 11]) == "1-3,7,10-11"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("None assigned", []),
        ("n1", ["n1"]),
        ("n[1-3,7]", ["n1", "n2", "n3", "n7"]),
        ("n[08-10],login", ["n08", "n09", "n10", "login"]),
        ("r[1-2]n[1-2]-x", ["r1n1-x", "r1n2-x", "r2n1-x", "r2n2-x"]),
    ],
)
def test_hosts_are_unfolded(text: str, names: list[str]) -> None:
    assert list(notation.hostlist(text)) == names


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("UNLIMITED", None),
        ("NONE", None),
        ("05:00", 5),
        ("00:00:30", 1),
        ("12:00:00", 720),
        ("7-00:00:00", 10080),
    ],
)
def test_times_are_minutes(text: str, minutes: int | None) -> None:
    assert notation.minutes(text) == minutes


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("(null)", {}),
        ("gpu", {"gpu": 1}),
        ("gpu:4", {"gpu": 4}),
        ("gpu:a100:2", {"gpu": 2, "gpu:a100": 2}),
        ("gpu:a100:2(S:0,2-3),disk:no_consume:2K", {"gpu": 2, "gpu:a100": 2, "disk": 2048}),
    ],
)
def test_generic_resources_are_counted(text: str, counts: dict[str, int]) -> None:
    assert notation.gres(text) == counts


def test_states_lose_their_additions() -> None:
    assert notation.long_state("CANCELLED by 0") == ("CANCELLED", "0")
    assert notation.long_state("CANCELLED+") == ("CANCELLED", None)
    assert notation.node_state("IDLE~") == ("IDLE",)
    assert notation.node_state("MIXED+DRAIN") == ("MIXED", "DRAIN")


@pytest.mark.parametrize(
    "words",
    [
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller"
        " (connect failure)",
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
        "sbatch: error: QOSMaxSubmitJobPerUserLimit\n"
        "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy",
    ],
)
def test_what_may_pass_is_no_refusal(words: str) -> None:
    assert isinstance(refusal(words), SlurmUnavailable)


def test_a_refusal_of_the_clusters_own_keeps_its_words() -> None:
    words = (
        "sbatch: error: You have no project: see the wiki.\n"
        "sbatch: error: Batch job submission failed: Unspecified error"
    )
    error = refusal(words)
    assert isinstance(error, SubmissionRefused)
    assert "You have no project: see the wiki; Unspecified error" in error.message
    assert own_words("") == "no reason given"
