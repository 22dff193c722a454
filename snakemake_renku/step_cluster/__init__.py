"""A dask cluster for one step: its workers come when the step's script asks, and go with it."""

from snakemake_renku.step_cluster.open import dask_client

__all__ = ["dask_client"]
