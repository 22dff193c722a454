"""One chunk: invert the ice thickness and run 2003 to 2014."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.data import data_root
    from glacierbatch.project import run_history

    data = data_root(snakemake.input.data)
    run_history(snakemake.input.prepared, snakemake.input.creep, data, Path(snakemake.output[0]))
