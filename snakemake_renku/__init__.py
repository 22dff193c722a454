"""Run any Snakefile anywhere, compute each thing once, and be able to prove it.

Importing this package must stay cheap: Snakemake imports every installed plugin at every start.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake_renku.step_cluster import dask_client

__version__ = "0.1.0"

__all__ = ["__version__", "dask_client"]


def __getattr__(name: str) -> object:
    if name == "dask_client":
        from snakemake_renku.step_cluster import dask_client

        return dask_client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
