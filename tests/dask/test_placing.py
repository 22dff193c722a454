"""Which job goes to which worker."""

from __future__ import annotations

import time

import msgspec
import pytest

from snakemake_renku.backends.dask import Gateway, Local, Scheduler, SlurmPool, plan_of
from snakemake_renku.backends.dask.opening import is_exposed
from snakemake_renku.backends.dask.placing import Places
from snakemake_renku.backends.dask.plan import OVERHEAD_MB, Size
from snakemake_renku.errors import SettingsError
from snakemake_renku.model import JobRecord, JobSpec
from tests.runner.samples import shell_job


def job(name: str, threads: int = 1, mem_mb: int = 0, **fields: int) -> JobSpec:
    resources: dict[str, int | str] = {"mem_mb": mem_mb} if mem_mb else {}
    if "runtime" in fields:
        resources["runtime"] = fields.pop("runtime")
    return shell_job(name, "true", threads=threads, resources=resources, **fields)


def ended(spec: JobSpec, lasted: float) -> JobRecord:
    now = time.time()
    return JobRecord(spec.id, "direct", now - lasted, now, "", 1, ())


def places(
    *jobs: JobSpec, workers: int = 1, cores: int = 4, mem_mb: int | None = 1000, most: int = 10
) -> Places:
    made = Places(Size(cores, mem_mb), most)
    for number in range(workers):
        made.join(f"w{number}")
    for spec in jobs:
        made.wait(spec)
    return made


def placed(made: Places) -> dict[str, str]:
    return {spec.id: address for spec, address in made.place()}


def test_a_worker_gets_as_many_jobs_as_it_holds() -> None:
    made = places(*(job(str(n), mem_mb=300) for n in range(5)))
    assert placed(made) == {"0": "w0", "1": "w0", "2": "w0"}
    made.ended(job("1", mem_mb=300), ended(job("1"), 60))
    assert placed(made) == {"3": "w0"}


def test_higher_priority_goes_first_whatever_the_size() -> None:
    made = places(job("low"), job("wide", 2, priority=1), job("high", priority=2), cores=3)
    assert list(placed(made)) == ["high", "wide"]


def test_workers_are_filled_one_after_another_so_that_others_may_end() -> None:
    made = places(job("a"), job("b"), job("c"), workers=2)
    assert len(set(placed(made).values())) == 1


def test_a_wide_job_is_not_passed_over_for_ever() -> None:
    first = job("first")
    made = places(first, cores=2)
    placed(made)
    made.wait(job("wide", 2, priority=1))
    running = first
    for number in range(200):
        small = job(f"s{number}")
        made.wait(small)
        if not placed(made):
            break
        made.ended(running, ended(running, 60))
        running = small
    made.ended(running, ended(running, 60))
    assert "wide" in placed(made)


def test_short_jobs_are_sent_ahead() -> None:
    made = places(job("before"), cores=1)
    placed(made)
    made.ended(job("before"), ended(job("before"), 0.01))
    for number in range(10):
        made.wait(job(str(number)))
    assert len(placed(made)) == 3


def test_a_job_goes_only_where_it_can_end_in_time() -> None:
    made = Places(Size(4, None, lifetime_s=300.0), 1)
    made.join("w0")
    made.wait(job("long", runtime=6))
    made.wait(job("short", runtime=4))
    assert placed(made) == {"short": "w0"}


def test_a_worker_whose_time_is_too_short_is_spent() -> None:
    made = Places(Size(4, None, lifetime_s=10.0), 1, runtime_s=60.0)
    made.join("w0")
    assert made.spent() == ["w0"]
    assert made.leave("w0") == ()
    assert made.spent() == []


def test_a_lost_worker_gives_back_what_it_had() -> None:
    made = places(job("a"), job("b"))
    placed(made)
    assert {spec.id for spec in made.leave("w0")} == {"a", "b"}


def test_a_dropped_job_is_not_placed() -> None:
    made = places(job("a"), job("b"))
    made.drop("a")
    assert list(placed(made)) == ["b"]


def test_workers_are_wanted_for_work_and_not_for_numbers() -> None:
    made = places(*(job(str(n)) for n in range(1000)), workers=0)
    assert made.wanted() == 10
    made.ended(job("before"), ended(job("before"), 0.01))
    assert made.wanted() == 1
    assert places(workers=2).wanted() == 0


def test_memory_counts_for_how_many_workers_are_wanted() -> None:
    assert places(*(job(str(n), mem_mb=900) for n in range(3)), workers=0).wanted() <= 3


POOL = SlurmPool("a-pool", runtime=10, cores=4, mem_mb=4000, walltime=60)


def test_a_pool_takes_short_jobs_that_fit() -> None:
    assert POOL.takes(job("a", 4, 3000, runtime=10))
    assert not POOL.takes(job("long", runtime=11))
    assert not POOL.takes(job("unknown"))
    assert not POOL.takes(job("wide", 5, runtime=1))
    assert POOL.size.mem_mb == 4000 * 2**20 // 10**6 - OVERHEAD_MB
    assert not POOL.takes(job("large", 1, 4000, runtime=1))


@pytest.mark.parametrize(("field", "value"), [("mem_mb", 200), ("walltime", 10)])
def test_a_pool_that_could_run_nothing_is_refused(field: str, value: int) -> None:
    with pytest.raises(SettingsError, match="pool"):
        msgspec.structs.replace(POOL, **{field: value}).check()


def test_an_address_names_a_plan() -> None:
    assert plan_of("local", cores=8, workers=2) == Local(2, 4)
    assert plan_of("local", cores=8, worker_cores=3, mem_mb=5, idle_s=1) == Local(1, 3, 5, 1)
    assert plan_of("tls://there:1", cores=8) == Scheduler("tls://there:1")
    assert plan_of("gateway:http://there", cores=8, workers=3) == Gateway("http://there", 3)
    with pytest.raises(SettingsError, match="tcp://HOST:PORT"):
        plan_of("there", cores=8)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("tcp://10.0.0.1:8786", True),
        ("tcp://127.0.0.1:8786", False),
        ("tcp://localhost:8786", False),
        ("tls://10.0.0.1:8786", False),
    ],
)
def test_what_travels_openly_is_known(address: str, told: bool) -> None:
    assert is_exposed(address) is told
