"""Files that appear whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_renku.runner import spool

from .samples import shell_job


def test_a_table_gives_each_job_by_its_number(tmp_path: Path) -> None:
    specs = [shell_job(str(i), f"echo {'x' * i}", output=(f"ö{i}",)) for i in range(5)]
    path = tmp_path / spool.TASKS
    spool.put_tasks(path, specs)
    assert [spool.get_task(path, number) for number in range(1, 6)] == specs
    assert spool.get_tasks(path) == specs
    assert spool.count_tasks(path) == 5
    for number in (0, 6):
        with pytest.raises(ValueError, match="no number"):
            spool.get_task(path, number)


def test_a_structure_that_is_not_there_or_damaged_is_none(tmp_path: Path) -> None:
    path = tmp_path / "1.begun"
    assert spool.get_struct(path, spool.Begun) is None
    begun = spool.Begun("n1", 7, 1.5, "12", 1)
    spool.put_struct(path, begun)
    assert spool.get_struct(path, spool.Begun) == begun
    path.write_bytes(path.read_bytes()[:5])
    assert spool.get_struct(path, spool.Begun) is None


def test_what_cannot_be_written_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        spool.put(tmp_path / "taken", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    with pytest.raises(OSError, match="No such file"):
        spool.put(tmp_path / "missing" / "file", b"data")


def test_files_are_for_their_user_alone(tmp_path: Path) -> None:
    spool.put(tmp_path / "file", b"data")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
