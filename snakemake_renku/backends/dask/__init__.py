"""Warm runners on the workers of any cluster of dask.

Importing this imports nothing of dask: that happens when a :class:`DaskBackend` is made.
"""

from snakemake_renku.backends.dask.backend import DaskBackend
from snakemake_renku.backends.dask.plan import (
    ClusterPlan,
    Gateway,
    Local,
    Scheduler,
    SlurmPool,
    plan_of,
)

__all__ = ["ClusterPlan", "DaskBackend", "Gateway", "Local", "Scheduler", "SlurmPool", "plan_of"]
