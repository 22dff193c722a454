"""The cold start: one process that parses the workflow and runs one job in it.

Where no warm server can serve (see :class:`~snakemake_renku.errors.WarmStartImpossible`), this
costs one start of Python and Snakemake a job.
"""

from __future__ import annotations

import os
import sys

import msgspec

from snakemake_renku.engine.nested import NestedWorkflow
from snakemake_renku.engine.snapshot import WorkflowSnapshot
from snakemake_renku.runner.parent import die_with_parent
from snakemake_renku.runner.wire import BASELINE_SIZE, Fork, Report, Unframer
from snakemake_renku.runner.zygote import resident, run_as_job


def main() -> None:
    """``python -m …runner.cold FD``: an order and a snapshot on stdin, the report to FD."""
    die_with_parent()
    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    order, snapshot = Unframer().feed(sys.stdin.buffer.read())
    fork = msgspec.msgpack.decode(order, type=Fork)
    try:
        settings = WorkflowSnapshot.load(msgspec.msgpack.decode(snapshot))
        workflow = NestedWorkflow(settings.with_secrets(os.environ))
    except BaseException as error:
        message = f"The workflow could not be parsed again for this job: {error}"
        print(message, file=sys.stderr)
        with open(report, "wb") as file:
            file.write(bytes(BASELINE_SIZE) + msgspec.msgpack.encode(Report(False, message)))
        sys.exit(1)
    os.write(report, resident().to_bytes(BASELINE_SIZE, "little"))
    run_as_job(workflow, fork, [1, 2, report])


if __name__ == "__main__":
    main()
