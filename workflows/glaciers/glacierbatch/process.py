"""What every job does around its work: one thread for linear algebra, a log file, short error messages."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from glacierbatch.errors import GlacierBatchError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run the body as one job: all it prints goes to the log file of the rule.

    To be entered before the first import of numpy, which reads the thread variables then.
    Errors of this package end the process with their message alone; others keep their traceback.
    """
    # More threads than one would change the order of sums, and compete with the other jobs.
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    path = Path(str(snakemake.log[0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", buffering=1) as log:
        try:
            with redirect_stdout(log), redirect_stderr(log):
                yield
        except GlacierBatchError as error:
            print(f"{type(error).__name__}: {error}", file=log)
            sys.exit(f"{type(error).__name__}: {error}")
        except Exception:
            traceback.print_exc(file=log)
            raise
