"""Finding a run among the journals of a working directory.

A journal is where its run wrote it (``.snakemake/renku/runs/``), and, once the run is recorded in
git, also in ``.snakemake-renku/runs/``, byte for byte, which is all that a fresh clone has.
"""

from __future__ import annotations

from pathlib import Path

from snakemake_renku.errors import NoSuchRun
from snakemake_renku.journal.write import RUNS

RECORDS = Path(".snakemake-renku")
"""The folder below a working directory for what travels in git."""

RECORDED_RUNS = RECORDS / "runs"
VERDICTS = RECORDS / "verdicts"


def list_runs(workdir: Path) -> list[Path]:
    """The journals below ``workdir``, oldest first (their names sort by the runs' starts).

    Of a run whose journal is there twice, the one that its run wrote.
    """
    recorded = {path.name: path for path in (workdir / RECORDED_RUNS).glob("*.jsonl")}
    written = {path.name: path for path in (workdir / RUNS).glob("*.jsonl")}
    return [path for _, path in sorted((recorded | written).items())]


def find_run(workdir: Path, name: str | None = None) -> Path:
    """The journal whose run's name is ``name`` or begins with it; the latest one for None.

    Raises:
        NoSuchRun: there is none, or several begin with ``name``.
    """
    runs = list_runs(workdir)
    if not runs:
        raise NoSuchRun(
            f"No run was recorded in {workdir}.",
            remedy="Run Snakemake there with --executor renku, or name a folder with --directory.",
        )
    if name is None or name == "latest":
        return runs[-1]
    found = [run for run in runs if run.stem == name] or [
        run for run in runs if run.stem.startswith(name)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(run.stem for run in found[:5])
        raise NoSuchRun(f"Several runs begin with {name!r}: {names}.", remedy="Give more of it.")
    raise NoSuchRun(
        f"No run {name!r} was recorded in {workdir}.",
        remedy="`snakemake-renku log` lists the runs.",
    )
