"""A full or read-only disk, real ones: small file systems in memory, mounted for the test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Project

JOBS = """
    rule all:
        input: expand("{i}.txt", i=range(3))
    rule a:
        output: "{i}.txt"
        params: pad="x" * 20000
        shell: "echo {wildcards.i} > {output}"
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.getuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], capture_output=True
        ).returncode
    ):
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path, leave: int) -> None:
    """Use up the disk but for so many bytes."""
    free = os.statvfs(disk)
    (disk / "ballast").write_bytes(b"x" * max(0, free.f_bavail * free.f_frsize - leave))


def test_a_full_disk_is_named_and_the_run_goes_on_after_room_is_made(disk: Path) -> None:
    project = Project(disk)
    project.write("Snakefile", JOBS)
    fill(disk, leave=100_000)
    code, output = project.run(jobs=1)
    assert code != 0
    assert "No space left on device" in output
    (disk / "ballast").unlink()
    project.run("--unlock")
    code, output = project.run("--rerun-incomplete")
    assert code == 0, output
    runs = project.runs()
    assert runs[-1].status == "success"
    assert not any(run.damaged for run in runs)


def test_a_read_only_disk_is_named(disk: Path) -> None:
    project = Project(disk)
    project.write("Snakefile", JOBS)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    code, output = project.run()
    assert code != 0
    assert "Read-only file system" in output
