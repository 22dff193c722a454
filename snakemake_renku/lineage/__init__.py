"""Where a file came from, and what came of it: through the jobs of all recorded runs."""

from snakemake_renku.lineage.graph import FORMAT, Direction, Lineage
from snakemake_renku.lineage.records import Records, read_records
from snakemake_renku.lineage.target import Target, find_target
from snakemake_renku.lineage.trace import trace

__all__ = [
    "FORMAT",
    "Direction",
    "Lineage",
    "Records",
    "Target",
    "find_target",
    "read_records",
    "trace",
]
