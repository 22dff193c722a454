"""All glaciers: fit the creep factor."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.creep import fit_creep
    from glacierbatch.data import data_root

    data = data_root(snakemake.input.data)
    fit_creep(snakemake.input.groups, snakemake.input.prepared, data, Path(snakemake.output[0]))
