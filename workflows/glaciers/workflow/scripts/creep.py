"""All glaciers: fit the creep factor."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.creep import fit_creep
    from glacierbatch.data import data_root
    from glacierbatch.parts import own_cluster

    data = data_root(snakemake.input.data)
    with own_cluster(snakemake) as client:
        fit_creep(snakemake.input.groups, snakemake.input.prepared, data, Path(snakemake.output[0]), client)
