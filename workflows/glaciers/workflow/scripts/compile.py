"""Compile all chunks to one dataset and one table of numbers."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.dataset import build_dataset, write_dataset
    from glacierbatch.groups import Groups
    from glacierbatch.record import read_chunks
    from glacierbatch.tables import write_numbers

    order = Groups.read(snakemake.input.groups).order
    records, failures = read_chunks(snakemake.input.records, order)
    dataset = build_dataset(records, failures, snakemake.params.source)
    write_dataset(dataset, Path(snakemake.output.dataset))
    write_numbers(records, failures, snakemake.params.source, Path(snakemake.output.numbers))
