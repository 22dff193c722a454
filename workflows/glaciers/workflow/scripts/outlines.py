"""Read the outlines of the real glaciers and form chunks."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.data import data_root
    from glacierbatch.groups import form_groups
    from glacierbatch.outlines import real_outlines, write_geojson

    outlines = real_outlines(data_root(snakemake.input.data), snakemake.params.glaciers)
    write_geojson(outlines, Path(snakemake.output.outlines))
    groups = form_groups({o.rgi_id: o.area_km2 for o in outlines}, snakemake.params.chunk_size)
    groups.write(Path(snakemake.output.groups))
