import sys
from pathlib import Path

# An installed wheel has the plugin at its top level; a checkout has it here.
sys.path.append(str(Path(__file__).parents[2] / "snakemake_renku" / "plugins"))
