"""The only place that touches Snakemake's internals.

Everything here follows Snakemake 9.27; a newer version that moves something is mended here alone.

- :mod:`~snakemake_renku.engine.snapshot`: the settings of a running Snakemake, to be carried to
  another process;
- :mod:`~snakemake_renku.engine.nested`: a workflow parsed once there, and jobs run in it;
- :mod:`~snakemake_renku.engine.specs`: Snakemake's jobs as plain data;
- :mod:`~snakemake_renku.engine.direct`: which jobs need no Snakemake beside them;
- :mod:`~snakemake_renku.engine.facts`: what a run is: versions, configuration, sources.
"""
