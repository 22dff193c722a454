"""One chunk: correct the climate of the scenario and run 2014 to 2101."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.data import data_root
    from glacierbatch.project import run_projection

    output = snakemake.output
    data = data_root(snakemake.input.data)
    run_projection(snakemake.input.history, data, Path(output.directories), Path(output.record))
