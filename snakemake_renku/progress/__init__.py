"""How far a run is, shown while it goes on: on a terminal as a panel, elsewhere as lines."""

from snakemake_renku.progress.reporter import Reporter, open_reporter

__all__ = ["Reporter", "open_reporter"]
