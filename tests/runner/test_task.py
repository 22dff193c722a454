"""The runner of one job of a batch, as a scheduler starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from snakemake_renku.model import JobSpec
from snakemake_renku.runner import spool
from snakemake_renku.runner.task import (
    CANNOT_START,
    clear_leftovers,
    own_tmpdir,
    put_patiently,
)

from .samples import shell_job

BATCH = "00001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a run."""
    folder = tmp_path / "run"
    (folder / BATCH).mkdir(parents=True)
    spool.put_struct(folder / spool.RUN, spool.TaskRun("test-run", time.time(), str(tmp_path)))
    return folder


def run(folder: Path, *specs: JobSpec, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of these jobs, the first if no index is given."""
    spool.put_tasks(folder / BATCH / spool.TASKS, specs)
    command = [sys.executable, "-P", "-m", "snakemake_renku.runner.task", str(folder), BATCH]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    return subprocess.run(
        command, env=clean | environment, capture_output=True, text=True, timeout=30, check=False
    )


def ended(folder: Path, number: int = 1) -> spool.Ended | None:
    return spool.get_struct(folder / BATCH / f"{number}{spool.ENDED}", spool.Ended)


def test_the_task_of_an_array_runs_the_job_of_its_index(folder: Path) -> None:
    jobs = [shell_job(str(i), f"echo said; echo {i} > o{i}", output=(f"o{i}",)) for i in range(3)]
    done = run(folder, *jobs, SLURM_ARRAY_TASK_ID="2", SLURM_ARRAY_JOB_ID="9", SLURMD_NODENAME="n7")
    assert (done.returncode, done.stdout) == (0, "said\n")
    end = ended(folder, 2)
    assert end is not None
    assert (end.record.id, end.record.host, end.record.ok) == ("1", "n7", True)
    assert end.record.steps[0].output[0].digest is not None
    begun = spool.get_struct(folder / BATCH / f"2{spool.BEGUN}", spool.Begun)
    assert begun is not None
    assert (begun.job, begun.restarts) == ("9", 0)
    assert sorted(path.name for path in folder.parent.glob("o*")) == ["o1"]


def test_a_failure_is_the_exit_status_and_in_the_record(folder: Path) -> None:
    assert run(folder, shell_job("a", "echo why >&2; exit 3")).returncode == 3
    end = ended(folder)
    assert end is not None
    assert end.record.exit_code == 3
    assert end.record.stderr_tail == "why\n"


def test_a_requeued_job_begins_with_a_clean_slate(folder: Path) -> None:
    job = shell_job("a", "[ ! -e out ] && touch out; exit 4", output=("out",))
    for restarts in (0, 1):
        assert run(folder, job).returncode == 4
        begun = spool.get_struct(folder / BATCH / f"1{spool.BEGUN}", spool.Begun)
        assert begun is not None
        assert begun.restarts == restarts
        (folder.parent / "out").touch()
    end = ended(folder)
    assert end is not None
    assert end.record.exit_code == 4


def test_files_that_are_not_there_are_told_of(folder: Path) -> None:
    done = run(folder, shell_job("a", "true"), SLURM_ARRAY_TASK_ID="5")
    assert done.returncode == CANNOT_START
    assert "no number 5" in done.stderr
    (folder / spool.RUN).unlink()
    done = run(folder, shell_job("a", "true"))
    assert done.returncode == CANNOT_START
    assert "cannot be read on" in done.stderr
    assert ended(folder) is None


def test_a_disk_without_room_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "later" / f"1{spool.BEGUN}"
    timer = threading.Timer(0.5, path.parent.mkdir)
    timer.start()
    put_patiently(path, spool.Begun("n1", 1, 1.0), 10)
    assert spool.get_struct(path, spool.Begun) is not None
    with pytest.raises(OSError, match="No such file"):
        put_patiently(tmp_path / "never" / "1.begun", spool.Begun("n1", 1, 1.0), -1)


def test_leftovers_are_outputs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("folder/file").touch()
    Path("kept").touch()
    Path("link").symlink_to("kept")
    clear_leftovers(shell_job("a", "true", input=("kept",), output=("folder", "link", "none")))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_tmpdir_is_where_the_node_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/nowhere/at/all")
    monkeypatch.setenv("TMP", str(tmp_path))
    monkeypatch.setenv("JOB", "7")
    assert own_tmpdir(None) is None
    assert "TMPDIR" not in os.environ
    assert os.environ["TMP"] == str(tmp_path)
    made = own_tmpdir(f"{tmp_path}/$JOB")
    assert made is not None
    assert Path(made).parent == tmp_path / "7"
    assert os.environ["TMPDIR"] == os.environ["TEMP"] == made
