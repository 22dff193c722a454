"""What a job asks of Slurm."""

from __future__ import annotations

import pytest

from snakemake_renku.backends.slurm.client import Request
from snakemake_renku.backends.slurm.request import gpus_asked, gres_counts, request_of
from snakemake_renku.errors import SettingsError
from snakemake_renku.model import JobSpec, Step


def job(threads: int = 1, group: str | None = None, **resources: int | str) -> JobSpec:
    step = Step(rule="align", kind="shell")
    return JobSpec(
        id="1.1",
        run="r",
        jobid="1",
        attempt=1,
        mode="direct",
        steps=(step, step) if group else (step,),
        threads=threads,
        resources=resources,
        group=group,
    )


def test_a_job_that_asks_for_nothing_gets_a_core_and_what_the_cluster_gives() -> None:
    assert request_of(job(), margin_mb=100) == Request()


def test_the_usual_resources() -> None:
    spec = job(threads=4, mem_mb=8000, runtime=90, disk_mb=500, _cores=4, tmpdir="/tmp")
    assert request_of(spec) == Request(cpus=4, mem_mb=8000, time_min=90, tmp_mb=500)


def test_names_of_the_cluster() -> None:
    spec = job(
        slurm_account="lab",
        slurm_partition="short",
        qos="high",
        reservation="course",
        constraint="intel&avx2",
        clusters="c1",
        nodes=2,
        tasks=8,
        tasks_per_node=4,
    )
    assert request_of(spec) == Request(
        account="lab",
        partition="short",
        qos="high",
        reservation="course",
        constraint="intel&avx2",
        clusters="c1",
        nodes=2,
        tasks=8,
        tasks_per_node=4,
    )


@pytest.mark.parametrize("name", ["cluster", "clusters", "slurm_cluster"])
def test_another_cluster_has_three_names(name: str) -> None:
    assert request_of(job(**{name: "c2"})).clusters == "c2"


def test_a_partition_or_an_account_may_be_a_number() -> None:
    request = request_of(job(slurm_account=123456, slurm_partition=7))
    assert (request.account, request.partition) == ("123456", "7")


@pytest.mark.parametrize("value", [0, -1, "0", "-1", "", " "])
def test_nothing_below_one_is_a_request(value: int | str) -> None:
    names = ("mem_mb", "mem_mb_per_cpu", "runtime", "disk_mb", "nodes", "tasks", "gpu", "gpus")
    assert request_of(job(**dict.fromkeys(names, value)), margin_mb=100) == Request()


def test_numbers_may_come_as_text() -> None:
    assert request_of(job(mem_mb="4000", runtime="10")).mem_mb == 4000


def test_a_number_that_is_none_is_refused_with_the_names_of_rule_and_resource() -> None:
    with pytest.raises(SettingsError, match=r"Rule align has runtime='long'"):
        request_of(job(runtime="long"))


def test_a_group_is_named_by_its_name() -> None:
    with pytest.raises(SettingsError, match="Rule both has"):
        request_of(job(group="both", runtime="long"))


# Cores and tasks.


def test_cpus_per_task_goes_before_threads() -> None:
    assert request_of(job(threads=4, cpus_per_task=16)).cpus == 16


def test_minus_one_leaves_the_cores_to_the_cluster() -> None:
    assert request_of(job(threads=4, cpus_per_task=-1)).cpus == 0


def test_mpi_needs_a_number_of_tasks() -> None:
    with pytest.raises(SettingsError, match="how many tasks"):
        request_of(job(mpi="srun"))
    assert request_of(job(mpi="srun", tasks=10)).tasks == 10
    assert request_of(job(mpi="srun", tasks_per_node=10, nodes=2)).tasks_per_node == 10


# Memory.


def test_the_margin_is_added_to_the_memory_of_a_node() -> None:
    assert request_of(job(mem_mb=1000), margin_mb=150).mem_mb == 1150


def test_the_margin_is_spread_over_the_cores() -> None:
    request = request_of(job(threads=4, mem_mb_per_cpu=1000), margin_mb=150)
    assert (request.mem_mb, request.mem_mb_per_cpu) == (None, 1038)


def test_the_margin_is_spread_over_the_gpus() -> None:
    assert request_of(job(gpu=2, mem_mb_per_gpu=1000), margin_mb=150).mem_mb_per_gpu == 1075


def test_memory_can_be_asked_for_in_one_way_only() -> None:
    with pytest.raises(SettingsError, match="both by mem_mb_per_cpu and by mem_mb_per_gpu"):
        request_of(job(gpu=1, mem_mb_per_gpu=1000, mem_mb_per_cpu=100))


def test_memory_of_a_core_goes_before_that_of_a_node_which_may_be_a_default() -> None:
    request = request_of(job(mem_mb=1000, mem_mb_per_cpu=100))
    assert (request.mem_mb, request.mem_mb_per_cpu) == (None, 100)


# GPUs.


def test_gpus_with_a_model() -> None:
    assert request_of(job(gpu=2, gpu_model="a100", gpu_manufacturer="nvidia")).gpus == "a100:2"
    assert request_of(job(gpus=2, gpu_model="a100")).gpus == "a100:2"


def test_a_model_alone_is_one_gpu() -> None:
    assert request_of(job(gpu_model="a100")).gpus == "a100:1"


def test_a_model_of_no_gpus_is_none() -> None:
    assert request_of(job(gpu=0, gpu_model="a100")).gpus is None


def test_gpus_may_have_slurms_own_form() -> None:
    assert request_of(job(gpus="a100:2,v100:1")).gpus == "a100:2,v100:1"


def test_cores_of_each_gpu_replace_those_of_each_task() -> None:
    request = request_of(job(threads=4, gpu=2, cpus_per_gpu=8))
    assert (request.cpus, request.cpus_per_gpu) == (0, 8)
    request = request_of(job(threads=4, gpu=2, cpus_per_gpu=8, cpus_per_task=2))
    assert (request.cpus, request.cpus_per_gpu) == (2, None)
    assert request_of(job(threads=4, gpu=2, cpus_per_gpu=-1)).cpus == 0


def test_cores_of_each_gpu_are_nothing_without_gpus() -> None:
    request = request_of(job(threads=4, cpus_per_gpu=8))
    assert (request.cpus, request.cpus_per_gpu) == (4, None)


def test_tasks_of_a_job_with_gpus_are_for_each_gpu_unless_it_is_mpi() -> None:
    request = request_of(job(gpu=2, tasks=3))
    assert (request.tasks, request.tasks_per_gpu) == (None, 3)
    request = request_of(job(gpu=2, tasks=3, tasks_per_gpu=1))
    assert (request.tasks, request.tasks_per_gpu) == (3, 1)
    request = request_of(job(gpu=2, tasks=3, mpi="srun"))
    assert (request.tasks, request.tasks_per_gpu) == (3, None)


@pytest.mark.parametrize("gres", ["gpu", "gpu:2", "gpu:a100:2", "nvme:100G", "gpu:1,lustre:2"])
def test_gres_as_slurm_writes_them(gres: str) -> None:
    assert request_of(job(gres=gres)).gres == gres


@pytest.mark.parametrize("gres", ["'gpu:1'", "gpu:", "gpu=1", "gpu:a:b:1", "gpu;rm"])
def test_gres_that_slurm_does_not_know_are_refused(gres: str) -> None:
    with pytest.raises(SettingsError, match="gres="):
        request_of(job(gres=gres))


@pytest.mark.parametrize(
    "resources",
    [
        {"gpu": 1, "gres": "gpu:1"},
        {"gpu_model": "a100", "gres": "gpu:a100:1"},
        {"gpu": 1, "gpus": 2},
        {"gpu_model": "a100", "gpus": "a100:2"},
        {"gpus": "many"},
        {"gpu_model": "a 100"},
    ],
)
def test_gpus_that_contradict_each_other_are_refused(resources: dict[str, int | str]) -> None:
    with pytest.raises(SettingsError, match="Rule align"):
        request_of(job(**resources))


def test_other_gres_go_with_gpus() -> None:
    request = request_of(job(gpu=1, gres="nvme:100G"))
    assert (request.gpus, request.gres) == ("1", "nvme:100G")


def test_how_many_gpus_are_asked_for() -> None:
    assert gpus_asked(None, "2") == {"gpu": 2}
    assert gpus_asked(None, "a100:2,v100:1") == {"gpu:a100": 2, "gpu:v100": 1}
    assert gpus_asked("gpu:a100:2,nvme:1K", None) == {"gpu:a100": 2}
    assert gres_counts("gpu,nvme:1K") == {"gpu": 1, "nvme": 1024}


# Flags.


@pytest.mark.parametrize(
    ("value", "expected"), [(1, True), ("true", True), (0, False), ("no", False), (-1, None)]
)
def test_flags(value: int | str, expected: bool | None) -> None:
    request = request_of(job(requeue=value, exclusive=value))
    assert (request.requeue, request.exclusive) == (expected, bool(expected))


def test_a_flag_is_yes_or_no() -> None:
    with pytest.raises(SettingsError, match="exclusive='perhaps'"):
        request_of(job(exclusive="perhaps"))


def test_a_job_has_one_account() -> None:
    with pytest.raises(SettingsError, match="Name one account"):
        request_of(job(slurm_account="a,b"))


# Further options.


@pytest.mark.parametrize(
    "text",
    [
        "--mail-type=ALL --nice=150",
        "'--mail-type=ALL --nice=150'",
        '"--mail-type=ALL" --nice=150',
    ],
)
def test_further_options_are_split_as_a_shell_does(text: str) -> None:
    assert request_of(job(slurm_extra=text)).extra == ("--mail-type=ALL", "--nice=150")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("-J x", "job-name"),
        ("--job-name=x", "job-name"),
        ("-Jx", "job-name"),
        ("-HJ x", "job-name"),
        ("--job=x", "job-name"),
        ("-o f", "output"),
        ("-ef", "error"),
        ("--output f", "output"),
        ("--error=f", "error"),
        ("--array=1-3", "array"),
        ("-a 1-3", "array"),
        ("--nice --wrap='ls'", "wrap"),
        ("--comment=x", "comment"),
        ("--parsable", "parsable"),
        ("-D /", "chdir"),
        ("--wait", "wait"),
        ("-p short", "partition"),
        ("--mem=4G", "mem"),
        ("--qos=high", "qos"),
        ("-t 10", "time"),
    ],
)
def test_options_that_are_ours_or_have_a_resource_are_refused(text: str, name: str) -> None:
    with pytest.raises(SettingsError, match=rf"slurm_extra; --{name} is not possible"):
        request_of(job(slurm_extra=text))


@pytest.mark.parametrize(
    "text",
    [
        "--exclusive=user --mail-user=me@x.org",
        "--exclude=n1",
        "--time-min=5",
        "--mem-bind=local",
        "--nice=100",
        "-x n1",
        "-d afterok:1",
        "--hint=nomultithread",
        "--gpus-per-node=1",
        "--signal=B:USR1@60",
        "--no-requeue",
        "--nodelist=n1",
        "--ntasks-per-core=1",
        "--cluster-constraint=x",
        "--begin=now+1",
        "--spread-job",
    ],
)
def test_all_other_options_are_for_the_user(text: str) -> None:
    assert request_of(job(slurm_extra=text)).extra == tuple(text.split())


def test_an_open_quote_is_told_of() -> None:
    with pytest.raises(SettingsError, match="Close the quote"):
        request_of(job(slurm_extra="--nice='1"))
