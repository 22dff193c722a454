"""One page with the numbers, the plots and the glaciers that failed."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.summary import write_summary

    write_summary(snakemake.input.numbers, snakemake.input.failed, Path(snakemake.output[0]))
