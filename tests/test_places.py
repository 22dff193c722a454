from __future__ import annotations

import pytest

from snakemake_renku.model import JobSpec, Step
from snakemake_renku.places import is_here, route
from snakemake_renku.settings import PoolSettings, Settings

POOL = Settings(backend="slurm-pool", pool=PoolSettings(runtime=10, cores=4, mem_mb=4000))


def job(threads: int = 1, **resources: int | str) -> JobSpec:
    steps = (Step("a", "shell"),)
    return JobSpec("1.1", "r", "1", 1, "direct", steps, threads=threads, resources=resources)


def test_a_job_goes_where_the_settings_say() -> None:
    assert route(job(), settings=Settings(backend="slurm")) == "slurm"
    assert route(job(), settings=Settings(backend="dask")) == "dask"


def test_a_rule_goes_before_the_settings() -> None:
    assert route(job(backend="local"), settings=POOL) == "local"
    assert route(job(backend="slurm", runtime=1), settings=POOL) == "slurm"
    assert route(job(backend="slurm-pool", runtime=100), settings=POOL) == "pool"


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        (job(runtime=10), "pool"),
        (job(runtime=11), "slurm"),
        (job(), "slurm"),
        (job(runtime=1, threads=4), "pool"),
        (job(runtime=1, threads=5), "slurm"),
        (job(runtime=1, mem_mb=3000), "pool"),
        (job(runtime=1, mem_mb=4000), "slurm"),
        (job(runtime=1, gpu=1), "slurm"),
        (job(runtime=1, slurm_partition="long"), "slurm"),
        (job(runtime=1, dask_workers=2), "slurm"),
    ],
)
def test_short_jobs_that_fit_on_a_worker_go_to_the_pool(spec: JobSpec, place: str) -> None:
    assert route(spec, settings=POOL) == place


def test_only_local_jobs_run_here() -> None:
    assert is_here({}, Settings())
    assert not is_here({}, Settings(backend="slurm"))
    assert is_here({"backend": "local"}, Settings(backend="slurm"))
