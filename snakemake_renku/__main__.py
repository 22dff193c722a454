"""``python -m snakemake_renku`` is the command ``snakemake-renku``."""

import sys

from snakemake_renku.cli import main

if __name__ == "__main__":
    sys.exit(main())
