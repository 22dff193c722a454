"""Draw idealised glaciers from the seed and form chunks."""

from pathlib import Path

from glacierbatch.process import job

with job(snakemake):
    from glacierbatch.groups import form_groups
    from glacierbatch.idealised import idealised_outlines
    from glacierbatch.outlines import write_geojson

    params = snakemake.params
    outlines = idealised_outlines(params.drawn, params.seed, params.glaciers)
    write_geojson(outlines, Path(snakemake.output.outlines))
    groups = form_groups({o.rgi_id: o.area_km2 for o in outlines}, params.chunk_size)
    groups.write(Path(snakemake.output.groups))
