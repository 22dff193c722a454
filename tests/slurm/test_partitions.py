"""Which partition takes a job."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import msgspec
import pytest

from snakemake_renku.backends.slurm.client import Cluster, Node, Partition, Request
from snakemake_renku.backends.slurm.constraints import matches
from snakemake_renku.backends.slurm.fit import fit, is_away
from snakemake_renku.backends.slurm.partitions import Choice, Most, Person, choose, most

USER = Person(groups=frozenset({"users"}))
ROOT = Person(root=True)

NODES = (
    Node("n1", ("IDLE",), 64, 4096, features=("intel", "avx")),
    Node("n2", ("MIXED", "PLANNED"), 64, 4096, features=("amd",)),
    Node("big", ("IDLE",), 128, 100_000, tmp_mb=50_000, features=("amd", "fat")),
    Node("g1", ("IDLE",), 32, 8192, gres={"gpu": 4, "gpu:a100": 4}),
    Node("g2", ("DOWN", "NOT_RESPONDING"), 32, 16_384, gres={"gpu": 8, "gpu:h100": 8}),
)


def part(name: str, *nodes: str, **more: Any) -> Partition:
    return Partition(name, nodes=nodes or ("n1", "n2"), **more)


SHORT = part("short", max_time_min=30, priority_tier=10, max_mem_per_node=1024)
MAIN = part("main", default=True, max_time_min=600)
LONG = part("long", max_time_min=6000)
BIG = part("big", "big", max_time_min=600)
GPU = part("gpu", "g1", "g2", max_time_min=600)
ALL = (SHORT, MAIN, LONG, BIG, GPU)


def cluster(*partitions: Partition, nodes: tuple[Node, ...] = NODES) -> Cluster:
    return Cluster("test", "22.05.8", partitions=partitions or ALL, nodes=nodes)


def pick(request: Request, *partitions: Partition, **more: Any) -> Choice:
    allowed = more.pop("allowed", ())
    return choose(request, cluster(*partitions), allowed, person=more.pop("person", USER), **more)


def reason(choice: Choice, name: str) -> str:
    return next(each.reason for each in choice.considered if each.partition == name)


# What is taken.


def test_the_default_is_taken_where_it_fits() -> None:
    choice = pick(Request(mem_mb=500, time_min=5))
    assert choice.partition == "main"
    assert choice.why == "main: the cluster's default, and it can take the job"


def test_each_partition_is_accounted_for() -> None:
    choice = pick(Request(mem_mb=2000, time_min=60))
    assert [(each.partition, each.fits) for each in choice.considered] == [
        ("short", False),
        ("main", True),
        ("long", True),
        ("big", True),
        ("gpu", True),
    ]
    assert reason(choice, "short") == "at most 30 min, 60 are asked for"


def test_the_users_order_decides() -> None:
    assert pick(Request(time_min=5), allowed=("long", "short")).partition == "long"
    assert pick(Request(time_min=50), allowed=("short", "long")).partition == "long"


def test_partitions_outside_of_the_users_list_are_not_taken() -> None:
    choice = pick(Request(time_min=50), allowed=("short",))
    assert choice.partition is None
    assert choice.problem is not None
    assert "at most 30 min, 50 are asked for" in choice.problem


def test_a_partition_of_the_list_that_is_not_there_is_told_of() -> None:
    choice = pick(Request(), allowed=("gone", "short"))
    assert (choice.partition, reason(choice, "gone")) == ("short", "there is no such partition")


def test_what_the_user_named_is_kept() -> None:
    choice = pick(Request(partition="short", time_min=5))
    assert (choice.partition, choice.problem, choice.warning) == (None, None, None)
    assert choice.clipped.partition == "short"


def test_what_the_user_named_is_kept_with_a_warning_where_it_cannot_take_the_job() -> None:
    choice = pick(Request(partition="short", time_min=50))
    assert choice.clipped.partition == "short"
    assert choice.warning is not None
    assert "at most 30 min" in choice.warning
    assert choice.warning in choice.why


def test_several_named_partitions_are_kept_if_one_fits() -> None:
    choice = pick(Request(partition="short,long", time_min=50))
    assert (choice.warning, choice.clipped.partition) == (None, "short,long")


def test_another_cluster_is_left_alone() -> None:
    choice = pick(Request(clusters="other", mem_mb=10**9))
    assert (choice.partition, choice.problem, choice.considered) == (None, None, ())


# Without a default: rules.


def test_the_higher_tier_goes_first() -> None:
    assert pick(Request(time_min=5), LONG, SHORT).partition == "short"


def test_the_shortest_sufficient_time_goes_before_longer_ones() -> None:
    assert pick(Request(time_min=50), LONG, BIG).partition == "big"


def test_without_a_time_the_longest_goes_first() -> None:
    assert pick(Request(), BIG, LONG).partition == "long"


def test_gpus_are_not_taken_from_those_who_need_them() -> None:
    gpu = part("gpu", "g1", default=True)
    assert pick(Request(), gpu, LONG).partition == "long"
    assert pick(Request(gpus="1"), gpu, LONG).partition == "gpu"


def test_a_partition_for_some_accounts_comes_after_open_ones_if_no_account_is_named() -> None:
    lab = part("lab", default=True, allow_accounts=("lab",))
    assert pick(Request(), lab, LONG).partition == "long"
    assert pick(Request(), lab).partition == "lab"
    assert pick(Request(account="LAB"), lab, LONG).partition == "lab"


# Who may.


@pytest.mark.parametrize(
    ("partition", "request_", "words"),
    [
        (part("p", state="DOWN"), Request(), "it is DOWN"),
        (part("p", state="DRAIN"), Request(), "it is DRAIN"),
        (part("p", hidden=True), Request(), "hidden"),
        (part("p", root_only=True), Request(), "root alone"),
        (part("p", allow_groups=("staff",)), Request(), "groups staff"),
        (part("p", allow_accounts=("lab",)), Request(account="x"), "accounts lab"),
        (part("p", deny_accounts=("x",)), Request(account="x"), "not for the account x"),
        (part("p", allow_qos=("high",)), Request(qos="low"), "QOS high"),
    ],
)
def test_what_the_user_may_not_use(partition: Partition, request_: Request, words: str) -> None:
    choice = pick(request_, partition)
    assert choice.partition is None
    assert words in reason(choice, "p")


def test_root_may_use_what_is_hidden_or_for_root() -> None:
    for partition in (part("p", hidden=True), part("p", root_only=True)):
        assert pick(Request(), partition, person=ROOT).partition == "p"


def test_a_hidden_partition_may_be_named() -> None:
    assert pick(Request(), part("p", hidden=True), allowed=("p",)).partition == "p"


def test_ones_own_group() -> None:
    assert pick(Request(), part("p", allow_groups=("users",))).partition == "p"


# Limits and nodes.


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request(mem_mb=5000), "big"),
        (Request(mem_mb_per_cpu=1000, cpus=5), "big"),
        (Request(cpus=65), "big"),
        (Request(time_min=700), "long"),
        (Request(constraint="fat"), "big"),
        (Request(constraint="intel|fat", time_min=10), "main"),
        (Request(tmp_mb=40_000), "main"),
        (Request(gpus="2"), "gpu"),
        (Request(gpus="a100:4"), "gpu"),
        (Request(gres="gpu:a100:1"), "gpu"),
        (Request(gpus="1", cpus=0, cpus_per_gpu=16), "gpu"),
        (Request(gpus="2", mem_mb_per_gpu=4096), "gpu"),
        (Request(nodes=2), "main"),
        (Request(tasks=128), "main"),
        (Request(tasks=2, nodes=1, cpus=64), "big"),
    ],
)
def test_the_nodes_decide(request_: Request, expected: str) -> None:
    assert pick(request_).partition == expected


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(mem_mb=200_000), "no such node has 200000 MiB"),
        (Request(cpus=200), "no such node has 200 cores"),
        (Request(constraint="arm"), "no node has 'arm'"),
        (Request(gpus="v100:1"), "no such node has 1 gpu:v100"),
        (Request(gpus="1", cpus=0, cpus_per_gpu=64), "no such node has 64 cores"),
        (Request(nodes=3), "2 of its nodes could take it, 3 are asked for"),
        (Request(tasks=300), "no room for 300 tasks"),
        (Request(time_min=10_000), "at most 6000 min, 10000 are asked for"),
    ],
)
def test_a_job_for_which_there_is_no_place_is_a_problem(request_: Request, words: str) -> None:
    choice = pick(request_)
    assert choice.partition is None
    assert choice.problem is not None
    assert words in choice.problem
    assert choice.problem.endswith("Ask for less, or name a partition.")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_mem_per_node": 1000}, "at most 1000 MiB on a node, 2000 are asked for"),
        ({"max_cpus_per_node": 2}, "at most 2 cores on a node, 4 are asked for"),
        ({"max_nodes": 0}, "at most 0 nodes"),
        ({"min_nodes": 2}, "at least 2 nodes"),
        ({"max_mem_per_cpu": 20}, "no such node has 100 cores"),
    ],
)
def test_limits_of_a_partition(limits: dict[str, int], words: str) -> None:
    choice = pick(Request(mem_mb=2000, cpus=4), part("p", **limits))
    assert words in reason(choice, "p")


def test_nodes_that_are_down_are_named_and_the_job_may_wait_for_them() -> None:
    choice = pick(Request(gpus="h100:1"))
    assert (choice.partition, choice.problem) == ("gpu", None)
    assert choice.warning is not None
    assert "down or drained: g2 (DOWN+NOT_RESPONDING)" in choice.warning
    assert choice.warning in choice.why


def test_a_job_may_wait_for_nodes_of_the_partition_that_it_names() -> None:
    choice = pick(Request(gpus="h100:1", mem_mb=16_400, partition="gpu"), margin_mb=100)
    assert (choice.partition, choice.clipped.mem_mb) == (None, 16_384)
    assert choice.warning is not None
    assert "cannot take it now" in choice.warning


def test_a_partition_that_fits_now_goes_before_one_that_has_to_wait() -> None:
    drained = Node("n3", ("IDLE", "DRAIN"), 64, 4096)
    waits = Partition("waits", nodes=("n3",), default=True)
    found = choose(Request(), cluster(waits, LONG, nodes=(*NODES, drained)), person=USER)
    assert found.partition == "long"


def test_disk_is_asked_for_only_where_nodes_say_how_much_they_have() -> None:
    assert pick(Request(tmp_mb=1000), MAIN).clipped.tmp_mb is None
    assert pick(Request(tmp_mb=1000), BIG).clipped.tmp_mb == 1000
    assert pick(Request(tmp_mb=1000, partition="main")).clipped.tmp_mb is None


def test_a_cluster_that_does_not_tell_of_its_nodes_is_judged_by_its_limits() -> None:
    bare = cluster(MAIN, SHORT, nodes=())
    assert choose(Request(mem_mb=10**6), bare, person=USER).partition == "main"


# The margin.


def test_the_margin_is_taken_in_full_where_there_is_room() -> None:
    choice = pick(Request(mem_mb=4090, time_min=5), margin_mb=90)
    assert (choice.partition, choice.clipped.mem_mb) == ("main", 4090)


def test_a_partition_with_room_for_the_margin_goes_before_the_default_without() -> None:
    choice = pick(Request(mem_mb=4186, time_min=5), margin_mb=100)
    assert (choice.partition, choice.clipped.mem_mb) == ("big", 4186)


def test_the_margin_is_clipped_where_there_is_no_more_memory() -> None:
    choice = pick(Request(mem_mb=4150, time_min=5), MAIN, margin_mb=100)
    assert (choice.partition, choice.clipped.mem_mb) == ("main", 4096)
    assert choice.why.endswith("(it fits with 4096 MiB, as there is no more)")


def test_the_margin_is_clipped_by_the_limit_of_the_partition() -> None:
    assert pick(Request(mem_mb=1124, time_min=5), SHORT, margin_mb=150).clipped.mem_mb == 1024


def test_the_margin_is_clipped_for_a_partition_that_the_user_named() -> None:
    choice = pick(Request(mem_mb=1124, partition="short"), margin_mb=150)
    assert (choice.warning, choice.clipped.mem_mb) == (None, 1024)


def test_memory_for_each_core_is_clipped_too() -> None:
    choice = pick(Request(mem_mb_per_cpu=1050, cpus=4), MAIN, margin_mb=200)
    assert choice.clipped.mem_mb_per_cpu == 1024


def test_the_jobs_own_memory_is_never_clipped() -> None:
    assert pick(Request(mem_mb=4300), MAIN, margin_mb=100).partition is None


# How far a job may grow.


def test_a_job_may_grow_to_the_limits_of_what_could_take_it() -> None:
    assert most(Request(mem_mb=500, time_min=5), cluster(), person=USER) == Most(100_000, 6000)
    assert most(Request(gpus="1"), cluster(), person=USER) == Most(8192, 600)


def test_a_job_may_grow_within_what_the_user_named() -> None:
    assert most(Request(partition="short"), cluster(), person=USER) == Most(1024, 30)
    assert most(Request(), cluster(), ("short", "main"), person=USER) == Most(4096, 600)


def test_no_limit_is_none() -> None:
    free = cluster(part("p"), nodes=())
    assert most(Request(), free, person=USER) == Most(None, None)


def test_what_fits_nowhere_may_not_grow() -> None:
    assert most(Request(mem_mb=10**6, time_min=5), cluster(), person=USER) == Most(10**6, 5)


def test_the_limit_of_memory_for_each_core_limits_growth() -> None:
    assert most(Request(), cluster(part("p", max_mem_per_cpu=10)), person=USER).mem_mb == 640


# Constraints.


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("a", True),
        ("c", False),
        ("a&b", True),
        ("a,b", True),
        ("a&c", False),
        ("c|a", True),
        ("c|d", False),
        ("(c|a)&b", True),
        ("(c|d)&b", False),
        ("c&a|b", True),
        ("a|b&c", False),
        ("[a|x]", True),
        ("[x*2&a*1]", True),
        ("[x*2&y*1]", False),
        ("a&(b", True),
        ("a b", True),
        ("", True),
    ],
)
def test_constraints(constraint: str, expected: bool) -> None:
    assert matches(constraint, ("a", "b")) is expected


def test_a_choice_can_be_written_as_json() -> None:
    assert msgspec.json.encode(pick(Request()))


# Against a real cluster.


@pytest.mark.skipif(
    not os.environ.get("RENKU_TEST_SLURM"), reason="RENKU_TEST_SLURM is not set: no Slurm here"
)
@pytest.mark.parametrize(
    "request_",
    [
        Request(),
        Request(mem_mb=4096),
        Request(mem_mb=4097),
        Request(cpus=64),
        Request(cpus=65),
        Request(constraint="fast"),
        Request(constraint="fast&gpu"),
        Request(constraint="(fast|gpu)&gpu"),
        Request(constraint="[fast|gpu]"),
        Request(constraint="[fast*1&gpu*1]", nodes=2),
        Request(gpus="a100:2"),
        Request(gpus="3"),
        Request(gres="gpu:a100:1"),
        Request(gpus="2", cpus=0, cpus_per_gpu=32),
        Request(gpus="2", cpus=0, cpus_per_gpu=33),
        Request(gpus="2", mem_mb_per_gpu=2049),
        Request(mem_mb_per_cpu=65, cpus=64),
        Request(nodes=3),
        Request(nodes=5),
        Request(tasks=129),
        Request(tasks=257),
        Request(tasks=65, nodes=1),
        Request(tasks=4, cpus=33),
        Request(tasks_per_node=65, nodes=2),
    ],
    ids=repr,
)
def test_slurm_judges_the_nodes_alike(request_: Request) -> None:
    from snakemake_renku.backends.slurm.open import open_client

    here = open_client("commands", None).cluster()
    if any(is_away(node) for node in here.nodes):
        pytest.skip("a node is down")
    for partition in here.partitions:
        if partition.max_mem_per_node is not None and request_ != Request():
            continue  # Slurm takes a job beyond this limit, and never starts it.
        command = ["sbatch", "--test-only", "--partition", partition.name, "--wrap", "true"]
        done = subprocess.run([*command, *options(request_)], capture_output=True, text=True)
        found = fit(request_, 0, partition, here)
        assert (found.obstacle is None) == (done.returncode == 0), (found.obstacle, done.stderr)


OPTIONS = {
    **{"cpus": "cpus-per-task", "mem_mb": "mem", "mem_mb_per_cpu": "mem-per-cpu", "gpus": "gpus"},
    **{"mem_mb_per_gpu": "mem-per-gpu", "constraint": "constraint", "gres": "gres"},
    **{"nodes": "nodes", "tasks": "ntasks", "tasks_per_node": "ntasks-per-node"},
    **{"cpus_per_gpu": "cpus-per-gpu"},
}


def options(request: Request) -> list[str]:
    values = msgspec.structs.asdict(request)
    return [f"--{option}={values[name]}" for name, option in OPTIONS.items() if values[name]]
