"""The kernel's count of processes killed for memory, in both forms of cgroups."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakemake_renku.runner.oom import oom_kills


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    return tmp_path / "proc"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_version_1(proc: Path, tmp_path: Path) -> None:
    write(proc / "cgroup", "5:cpuset:/a\n4:cpu,memory:/slurm/job_1\n0::/other\n")
    file = tmp_path / "memory/slurm/job_1/memory.oom_control"
    write(file, "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    assert oom_kills(proc, tmp_path) == 3


def test_version_2(proc: Path, tmp_path: Path) -> None:
    write(proc / "cgroup", "0::/slurm/job_1\n")
    write(tmp_path / "slurm/job_1/memory.events", "oom 4\noom_kill 2\noom_group_kill 0\n")
    assert oom_kills(proc, tmp_path) == 2


def test_none_where_nothing_is_told(proc: Path, tmp_path: Path) -> None:
    assert oom_kills(proc, tmp_path) is None
    write(proc / "cgroup", "0::/slurm/job_1\n")
    assert oom_kills(proc, tmp_path) is None
    write(tmp_path / "slurm/job_1/memory.events", "low 0\n")
    assert oom_kills(proc, tmp_path) is None
