"""List the glaciers that failed."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.groups import Groups
    from glacierbatch.record import read_chunks
    from glacierbatch.tables import write_failed

    order = Groups.read(snakemake.input.groups).order
    write_failed(read_chunks(snakemake.input.records, order)[1], Path(snakemake.output[0]))
