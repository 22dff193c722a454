"""Bring the input files, verified, into the results folder."""

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.data import data_root, gather

    print("from", gather(data_root(snakemake.output), snakemake.config["data"]))
