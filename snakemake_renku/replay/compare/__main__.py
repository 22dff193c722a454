"""The process that :mod:`~snakemake_renku.replay.compare.worker` starts."""

from snakemake_renku.replay.compare.worker import main

main()
