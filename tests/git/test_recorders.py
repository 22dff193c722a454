"""Two recorders at once, and a disk that is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakemake_renku.errors import RecordError, RepositoryBusy
from snakemake_renku.provenance.git.lock import RecorderLock
from tests.git.repos import Repo, binary, copy, job, remove


def test_two_recorders_at_once_both_record(annex: Repo) -> None:
    """Each waits for the other; what one made is below what the other makes."""
    batches = [
        [job(10 * who + n, annex.write(f"{who}/{n}.nc", binary(f"{who} {n}"))) for n in range(5)]
        for who in range(4)
    ]
    children = []
    for batch in batches:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                annex.record(*batch, wait=120)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    subjects = annex.git("log", "--format=%s").split("\n")
    assert sum("RUNCMD" in subject for subject in subjects) == 20
    assert annex.status() == ""
    assert annex.annex("find", "--in=here").count("\n") == 20
    annex.check()


def test_who_has_waited_long_enough_says_who_records(plain: Repo) -> None:
    lock = RecorderLock(plain.path(".git"))
    lock.acquire("run 20260101", 0)
    try:
        with pytest.raises(RepositoryBusy) as caught:
            plain.record(job(1, plain.write("a", b"x")), wait=0.1)
    finally:
        lock.release()
    assert f"run 20260101, by process {os.getpid()} on {os.uname().nodename}" in str(caught.value)
    plain.record(job(1, plain.write("a", b"x")))


def test_git_annex_at_work_is_waited_for(annex: Repo) -> None:
    """Its lock on its journal is a lock of the kind that belongs to a process."""
    script = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX);"
        "print('locked', flush=True); sys.stdin.read()"
    )
    lock = annex.path(".git/annex/journal.lck")
    command = ["python3", "-c", script, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        before = annex.head(), annex.head("git-annex")
        with pytest.raises(RepositoryBusy, match="git-annex is at work"):
            annex.record(job(1, annex.write("a.nc", binary("a"))), wait=0.1)
        assert (annex.head(), annex.head("git-annex")) == before
        assert not annex.path(".git/index.lock").exists()
        assert not annex.path("a.nc").is_symlink()
        holder.stdin.close()
    annex.record(job(1, annex.write("a.nc", binary("a"))))
    annex.check()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("leave", [0, 4096, 16384, 40960, 61440])
def test_a_full_disk_changes_nothing_and_room_helps(annex: Repo, disk: Path, leave: int) -> None:
    repo = copy(annex, disk / "repo")
    repo.write("staged", b"by the user")
    repo.git("add", "staged")
    commits = [job(n, repo.write(f"{n}.txt", os.urandom(20_000).hex().encode())) for n in range(4)]
    commits.append(job(9, repo.write("a.nc", binary("a"))))
    before = repo.head(), repo.head("git-annex"), repo.status()
    free = os.statvfs(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * max(0, free.f_bavail * free.f_frsize - leave))
    with pytest.raises(RecordError):
        repo.record(*commits)
    assert (repo.head(), repo.head("git-annex")) == before[:2]
    ballast.unlink()
    assert repo.status() == before[2]
    assert not repo.path(".git/index.lock").exists()
    repo.record(*commits)
    assert repo.status() == "A  staged\n"
    repo.check()
    remove(repo.root)
