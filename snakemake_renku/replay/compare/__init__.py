"""Whether two files, or two folders, hold the same: the comparison behind each verdict.

:func:`compare` tells the kind of both by their content, and by the suffix of the recorded name
where the content does not say, and leaves the rest to the module of that kind in ``kinds``. What
each kind takes for equal, and what it leaves out of account, is in ``docs/comparing.md``.
"""

from snakemake_renku.replay.compare.dispatch import compare

__all__ = ["compare"]
