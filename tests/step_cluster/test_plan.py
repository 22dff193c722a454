"""What a rule's resources mean for its cluster, and where the workers go."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import snakemake_renku
from snakemake_renku.errors import BackendUnavailable, SettingsError
from snakemake_renku.step_cluster.address import address
from snakemake_renku.step_cluster.place import Allocation, choose, unfold
from snakemake_renku.step_cluster.plan import Plan, plan_of


def script(threads: int = 1, **resources: object) -> Any:
    return SimpleNamespace(rule="fit", threads=threads, resources=resources, scriptdir="/flow")


def test_the_resources_of_the_rule_size_the_cluster() -> None:
    plan = plan_of(
        script(
            dask_workers=4,
            dask_worker_threads=2,
            dask_worker_mem_mb=3000,
            dask_worker_runtime=30,
            dask_min_workers=3,
            dask_wait=2,
            dask_where="slurm",
            slurm_partition="short",
            slurm_account="lab",
            qos="normal",
            slurm_extra="--nice=10 '--constraint=fast&big'",
            runtime=120,
        )
    )
    assert plan == Plan(
        rule="fit",
        workers=4,
        where="slurm",
        threads=2,
        mem_mb=3000,
        runtime_min=30,
        minimum=3,
        wait_s=120,
        partition="short",
        account="lab",
        qos="normal",
        extra=("--nice=10", "--constraint=fast&big"),
        path=("/flow",),
    )


def test_a_worker_runs_as_long_as_the_step_may_if_nothing_else_is_said() -> None:
    assert plan_of(script(dask_workers=1, runtime=120)).runtime_min == 120
    assert plan_of(script(dask_workers=1)).runtime_min is None


def test_a_rule_without_workers_is_told_what_to_write() -> None:
    with pytest.raises(SettingsError, match=r"Rule fit asks for no dask workers.*dask_workers=4"):
        plan_of(script(mem_mb=100))


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"dask_workers": 0}, "dask_workers=0; it must be a whole number of at least 1"),
        ({"dask_workers": "many"}, "dask_workers='many'; it must be a whole number"),
        ({"dask_workers": 2, "dask_min_workers": 3}, "dask_min_workers=3; .* up to dask_workers=2"),
        ({"dask_workers": 2, "dask_where": "moon"}, "'moon'; it must be local, slurm or alloc"),
        ({"dask_workers": 2, "dask_worker_mem_mb": -1}, "dask_worker_mem_mb=-1"),
    ],
)
def test_a_wrong_resource_is_named(resources: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan_of(script(**resources))


def slurm(cpus: str, **more: str) -> dict[str, str]:
    return {"SLURM_JOB_ID": "7", "SLURM_JOB_CPUS_PER_NODE": cpus, **more}


def test_slurms_counts_for_each_node_are_unfolded() -> None:
    assert unfold("4(x2),1") == (4, 4, 1)
    assert unfold("") == ()


def test_outside_slurm_the_workers_are_on_this_machine() -> None:
    assert choose(plan_of(script(dask_workers=4)), {}) == "local"


def test_in_a_slurm_job_that_asked_for_their_cores_the_workers_are_in_it() -> None:
    plan = plan_of(script(tasks=4, dask_workers=4, dask_worker_threads=2, cpus_per_task=2))
    assert choose(plan, slurm("4(x2)")) == "allocation"


def test_in_a_slurm_job_that_did_not_ask_for_their_cores_they_are_jobs_of_their_own() -> None:
    plan = plan_of(script(dask_workers=4))
    assert choose(plan, slurm("64")) == "slurm"


def test_memory_that_does_not_fit_makes_them_jobs_of_their_own() -> None:
    plan = plan_of(script(threads=4, dask_workers=4, dask_worker_mem_mb=1000))
    assert choose(plan, slurm("4", SLURM_MEM_PER_NODE="4000")) == "allocation"
    assert choose(plan, slurm("4", SLURM_MEM_PER_NODE="3000")) == "slurm"
    assert choose(plan, slurm("4", SLURM_MEM_PER_CPU="500")) == "slurm"


def test_an_allocation_is_counted_node_by_node() -> None:
    plan = Plan("fit", workers=4, threads=3)
    allocation = Allocation.of(slurm("4(x2)"))
    assert allocation is not None
    assert allocation.room(plan) == 2


def test_an_allocation_that_is_not_there_or_too_small_is_told() -> None:
    plan = plan_of(script(dask_workers=4, dask_worker_threads=8, dask_where="allocation"))
    with pytest.raises(BackendUnavailable, match=r"runs in none\. Use dask_where"):
        choose(plan, {})
    with pytest.raises(BackendUnavailable, match="room for 0 dask workers of 8 threads"):
        choose(plan, slurm("4"))


def test_workers_on_this_machine_are_not_offered_to_others() -> None:
    assert address(Plan("fit", 1), "local") == "127.0.0.1"


def test_a_network_interface_can_be_named() -> None:
    assert address(Plan("fit", 1, interface="lo"), "slurm") == "127.0.0.1"
    with pytest.raises(SettingsError, match=r"dask_interface='ib7'.*There are: "):
        address(Plan("fit", 1, interface="ib7"), "slurm")


def test_the_package_offers_the_client_without_loading_dask() -> None:
    code = (
        "import sys, snakemake_renku; assert 'snakemake_renku.step_cluster' not in sys.modules;"
        "from snakemake_renku import dask_client;"
        "print({'dask', 'distributed', 'snakemake'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert (
        snakemake_renku.dask_client
        is importlib.import_module("snakemake_renku.step_cluster").dask_client
    )


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="dask_clinet"):
        snakemake_renku.dask_clinet  # noqa: B018
