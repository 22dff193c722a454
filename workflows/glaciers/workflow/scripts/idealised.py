"""One chunk of idealised glaciers: spin-up, 2003 to 2014, and on to 2101."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.groups import Groups
    from glacierbatch.idealised import run_idealised

    ids = Groups.read(snakemake.input.groups).chunks[snakemake.wildcards.chunk]
    run_idealised(ids, snakemake.params.seed, Path(snakemake.output.record))
