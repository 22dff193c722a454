"""Why a file could not be read as some kind, in a few words."""

from __future__ import annotations

from snakemake_renku.replay.compare.wording import short

INSTALL = "pip install 'snakemake-renku[compare]'"

_DISTRIBUTIONS = {"PIL": "pillow", "yaml": "pyyaml"}


def reason(error: Exception) -> str:
    """Words for what a reader raised; a missing package is named with how to get it."""
    if isinstance(error, ImportError):
        module = (error.name or str(error)).partition(".")[0]
        package = _DISTRIBUTIONS.get(module, module)
        return f"the package {package} is not installed ({INSTALL})"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    text = str(error).strip().partition("\n")[0]
    return short(f"it cannot be read ({text or type(error).__name__})", 200)
