"""Plot the compiled dataset."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.dataset import open_dataset
    from glacierbatch.outlines import read_geojson
    from glacierbatch.plots import plot_glaciers, plot_map, plot_region

    dataset = open_dataset(snakemake.input.dataset)
    plot_region(dataset, Path(snakemake.output.region))
    plot_glaciers(dataset, Path(snakemake.output.glaciers))
    plot_map(dataset, read_geojson(snakemake.input.outlines), Path(snakemake.output.map))
