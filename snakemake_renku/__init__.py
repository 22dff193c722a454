"""Run any Snakefile anywhere, compute each thing once, and be able to prove it.

Importing this package must stay cheap: Snakemake imports every installed plugin at every start.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
