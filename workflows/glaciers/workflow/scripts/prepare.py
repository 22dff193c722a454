"""One chunk: from outlines to the calibrated mass balance."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.data import data_root
    from glacierbatch.prepare import prepare_chunk

    data = data_root(snakemake.input.data)
    prepare_chunk(snakemake.input.groups, snakemake.wildcards.chunk, data, Path(snakemake.output[0]))
