"""Recording a run in git at its end (``--renku-record``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from snakemake_renku.errors import RenkuError
from snakemake_renku.journal import read_run

if TYPE_CHECKING:
    from snakemake_renku.engine.main import Host
    from snakemake_renku.settings import Settings


def check_before(host: Host, settings: Settings) -> None:
    """Before anything runs, make sure that it could be recorded at its end.

    Raises:
        RecordError: the working directory is in no repository that can be recorded into.
    """
    if settings.record == "datalad":
        from snakemake_renku.provenance.datalad import check_recordable

        check_recordable(Path.cwd(), snakefile=host.snakefile())


def record_after(host: Host, settings: Settings, journal: Path) -> None:
    """Record the run of ``journal`` in git, and tell what was done.

    Raises:
        WorkflowError: it cannot be recorded (Snakemake then fails although all jobs ended well,
            since what was asked for was not done); the way to do it later is told.
    """
    if settings.record != "datalad":
        return
    from snakemake_renku.provenance.datalad import record

    run = read_run(journal)
    try:
        recorded = record(Path.cwd(), run)
    except RenkuError as error:
        raise host.workflow_error(
            RenkuError(
                f"The jobs ran, but they are not recorded in git. {error}",
                remedy=f"Then record them: snakemake-renku record {run.info.run}",
            )
        ) from error
    host.tell(recorded.summary())
