from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snakemake_renku.errors import LimitError
from snakemake_renku.runner.cgroup import CgroupFiles, JobCgroup
from snakemake_renku.runner.cgroup_support import LEAF, CgroupSupport, find_cgroups

MIB = 2**20
Make = Callable[[int], JobCgroup]


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def here() -> CgroupSupport:
    support = find_cgroups()
    if not support:
        pytest.skip(f"no writable memory cgroup here: {support.reason}")
    return support


@pytest.fixture
def make(here: CgroupSupport) -> Iterator[Make]:
    """Create a real cgroup with so many bytes; all are removed with the test."""
    made: list[JobCgroup] = []

    def create(mem_bytes: int) -> JobCgroup:
        made.append(here.job(f"test-{uuid.uuid4()}", mem_bytes))
        return made[-1]

    yield create
    for cgroup in made:
        until(cgroup.kill)
        until(cgroup.close)


def start(cgroup: JobCgroup, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-S", "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=cgroup.add,
    )


def hear(job: subprocess.Popen[str]) -> str:
    assert job.stdout is not None
    return job.stdout.readline().strip()


def test_a_job_beyond_its_memory_is_killed_by_the_kernel_and_it_shows(make: Make) -> None:
    cgroup = make(48 * MIB)
    with start(cgroup, f"b'x' * {128 * MIB}") as job:
        assert job.wait() == -signal.SIGKILL
    assert cgroup.oom_kills() == 1


def test_a_sigkill_from_elsewhere_is_not_taken_for_want_of_memory(make: Make) -> None:
    cgroup = make(48 * MIB)
    with start(cgroup, "import signal; print('ready', flush=True); signal.pause()") as job:
        hear(job)
        job.kill()
        assert job.wait() == -signal.SIGKILL
    assert cgroup.oom_kills() == 0


def test_a_job_within_its_memory_ends_well_and_its_peak_is_known(make: Make) -> None:
    cgroup = make(128 * MIB)
    with start(cgroup, f"b'x' * {32 * MIB}") as job:
        assert job.wait() == 0
    assert cgroup.oom_kills() == 0
    peak = cgroup.peak()
    assert peak is None or 32 * MIB <= peak <= 128 * MIB


def test_page_cache_counts_but_does_not_kill(make: Make, tmp_path: Path) -> None:
    cgroup = make(32 * MIB)
    path = str(tmp_path / "big")
    code = f"with open({path!r}, 'wb') as f: [f.write(b'x' * {MIB}) for _ in range(64)]"
    with start(cgroup, code) as job:
        assert job.wait() == 0
    assert cgroup.oom_kills() == 0


def test_what_children_use_is_limited_together(make: Make) -> None:
    cgroup = make(96 * MIB)
    code = f"import os, signal; os.fork(); os.fork(); x = b'x' * {40 * MIB}; signal.pause()"
    with start(cgroup, code) as job:
        until(cgroup.oom_kills)
        until(cgroup.kill)
        job.wait()


def test_every_process_of_a_job_is_killed_wherever_it_fled(make: Make) -> None:
    cgroup = make(128 * MIB)
    code = (
        "import os, signal\n"
        "if not os.fork():\n    os.setsid()\n    if os.fork(): os._exit(0)\n"
        "print('ready', flush=True); signal.pause()"
    )
    with start(cgroup, code) as job:
        assert [hear(job), hear(job)] == ["ready", "ready"]
        until(lambda: len(cgroup.pids()) == 2)
        until(cgroup.kill)
        assert job.wait() == -signal.SIGKILL
    until(cgroup.close)
    assert not cgroup.path.exists()


def test_a_cgroup_with_a_living_process_is_not_removed(make: Make) -> None:
    cgroup = make(128 * MIB)
    with start(cgroup, "import signal; print('ready', flush=True); signal.pause()") as job:
        hear(job)
        assert not cgroup.close()
        job.kill()


def test_to_close_or_kill_twice_is_no_error(make: Make) -> None:
    cgroup = make(128 * MIB)
    assert cgroup.close()
    assert cgroup.close()
    assert cgroup.kill()


def test_a_process_that_is_gone_cannot_be_added(make: Make) -> None:
    with pytest.raises(LimitError, match="Cannot put process"):
        make(128 * MIB).add(2**22 + 1)


def test_only_the_cgroups_of_dead_runs_are_swept(here: CgroupSupport, make: Make) -> None:
    ours = make(128 * MIB)
    dead = ours.path.with_name(f"renku-{os.getuid()}-{2**22 + 1}.7-1.1")
    recycled = ours.path.with_name(f"renku-{os.getuid()}-{os.getpid()}.1-1.1")
    dead.mkdir()
    recycled.mkdir()
    assert {dead, recycled} <= set(here.sweep())
    assert ours.path.exists()
    assert not dead.exists()


class LookalikeCgroup2(CgroupFiles):
    """A double of a cgroup v2 tree on an ordinary folder, by the rules of the kernel's document.

    New cgroups get their control files; a cgroup that holds processes refuses to pass a controller
    on; a process is in one cgroup at a time. Nothing is limited.
    """

    def make(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        controllers = (path.parent / "cgroup.subtree_control").read_text()
        files = {"cgroup.controllers": controllers, "cgroup.subtree_control": ""}
        files |= {"cgroup.procs": "", "cgroup.kill": ""}
        if "memory" in controllers:
            files |= {"memory.max": "max\n", "memory.swap.max": "max\n", "memory.oom.group": "0\n"}
            files |= {
                "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"
            }
            files |= {"memory.peak": "0\n"}
        for name, text in files.items():
            (path / name).write_text(text)

    def remove(self, path: Path) -> None:
        if not path.exists():
            raise FileNotFoundError
        if self.children(path) or (path / "cgroup.procs").read_text():
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        shutil.rmtree(path)

    def write(self, path: Path, text: str) -> None:
        if not path.exists():
            raise PermissionError
        if path.name == "cgroup.procs":
            self._move(path, text)
        elif path.name == "cgroup.subtree_control":
            self._pass_on(path, text)
        else:
            path.write_text(f"{text}\n")

    def _move(self, procs: Path, pid: str) -> None:
        for other in self.top.rglob("cgroup.procs"):
            left = [p for p in other.read_text().split() if p != pid]
            other.write_text("".join(f"{p}\n" for p in left))
        procs.write_text(f"{procs.read_text()}{pid}\n")

    def _pass_on(self, control: Path, text: str) -> None:
        if control.with_name("cgroup.procs").read_text():
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        control.write_text(f"{text.lstrip('+')}\n")

    def __init__(self, top: Path) -> None:
        self.top = top


class Lookalike:
    """A cgroup v2 tree at ``top``, our own cgroup ``own`` in it, and the ``proc`` that says so."""

    def __init__(self, tmp: Path, controllers: str = "cpu memory pids") -> None:
        self.top, self.proc = tmp / "cgroup", tmp / "proc"
        self.own = self.top / "run"
        self.files = LookalikeCgroup2(self.top)
        self.proc.mkdir()
        self.top.mkdir()
        (self.top / "cgroup.procs").write_text("")
        (self.top / "cgroup.subtree_control").write_text(f"{controllers}\n")
        self.files.make(self.own)
        self.say("/user.slice/run", root="/user.slice")

    def say(self, own: str, root: str) -> None:
        (self.proc / "cgroup").write_text(f"0::{own}\n")
        (self.proc / "mountinfo").write_text(
            f"25 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
            f"36 25 0:30 {root} {self.top} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
        )

    def hold(self, *pids: int) -> None:
        (self.own / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))

    def find(self) -> CgroupSupport:
        return find_cgroups(self.proc, self.files)


@pytest.fixture
def tree(tmp_path: Path) -> Lookalike:
    return Lookalike(tmp_path)


def text(path: Path) -> str:
    return path.read_text().strip()


def test_v2_our_own_cgroup_is_found_below_a_partial_mount(tree: Lookalike) -> None:
    support = tree.find()
    assert support
    assert (support.version, support.parent) == (2, tree.own)
    assert text(tree.own / "cgroup.subtree_control") == "memory"


def test_v2_our_processes_move_into_a_leaf(tree: Lookalike) -> None:
    tree.hold(os.getppid(), os.getpid())
    assert tree.find()
    assert text(tree.own / "cgroup.procs") == ""
    moved = text(tree.own / LEAF / "cgroup.procs").split()
    assert moved == [str(os.getppid()), str(os.getpid())]


def test_v2_a_run_that_begins_in_the_leaf_uses_the_cgroup_above(tree: Lookalike) -> None:
    tree.hold(os.getpid())
    tree.find()
    tree.say(f"/user.slice/run/{LEAF}", root="/user.slice")
    assert tree.find().parent == tree.own


def test_v2_a_cgroup_with_processes_of_others_is_left_alone(tree: Lookalike) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        tree.hold(os.getpid(), other.pid)
        support = tree.find()
        other.kill()
    assert not support
    assert "holds processes that are not this run's" in support.reason
    assert "Delegate=yes" in support.reason
    assert not (tree.own / LEAF).exists()


def test_v2_without_the_memory_controller_there_is_no_support(tmp_path: Path) -> None:
    support = Lookalike(tmp_path, controllers="cpu pids").find()
    assert not support
    assert "has no memory controller" in support.reason
    with pytest.raises(LimitError, match="has no memory controller"):
        support.job("1.1", MIB)


def test_v2_a_cgroup_outside_of_the_mount_is_no_support(tree: Lookalike) -> None:
    tree.say("/../elsewhere", root="/")
    assert tree.find().reason == "no cgroup is mounted here"


def test_v2_a_tree_that_refuses_new_cgroups_is_no_support(tree: Lookalike) -> None:
    class ReadOnly(LookalikeCgroup2):
        def make(self, path: Path) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    support = find_cgroups(tree.proc, ReadOnly(tree.top))
    assert not support
    assert "Read-only file system" in support.reason


def test_v2_a_job_is_limited_without_swap_and_ends_as_a_whole(tree: Lookalike) -> None:
    job = tree.find().job("align/1.1", 10**9)
    assert job.path.parent == tree.own
    assert job.path.name.endswith("-align_1.1")
    assert text(job.path / "memory.max") == "1000000000"
    assert text(job.path / "memory.swap.max") == "0"
    assert text(job.path / "memory.oom.group") == "1"


def test_v2_kills_and_peak_are_read_from_the_kernels_files(tree: Lookalike) -> None:
    job = tree.find().job("1.1", 10**9)
    assert job.oom_kills() == 0
    (job.path / "memory.events").write_text("max 3\noom 1\noom_kill 2\noom_group_kill 1\n")
    (job.path / "memory.peak").write_text("999997440\n")
    assert job.oom_kills() == 2
    assert job.peak() == 999_997_440


def test_v2_the_peak_is_unknown_to_older_kernels(tree: Lookalike) -> None:
    job = tree.find().job("1.1", 10**9)
    (job.path / "memory.peak").unlink()
    assert job.peak() is None


def test_v2_a_job_is_killed_by_one_write(tree: Lookalike) -> None:
    job = tree.find().job("1.1", 10**9)
    job.add(os.getpid())  # only the double's: nothing but the file that kills is written
    assert job.pids() == [os.getpid()]
    assert not job.kill()
    assert text(job.path / "cgroup.kill") == "1"


def test_v2_older_kernels_kill_one_by_one(tree: Lookalike) -> None:
    job = tree.find().job("1.1", 10**9)
    (job.path / "cgroup.kill").unlink()
    with subprocess.Popen(["sleep", "60"]) as process:
        job.add(process.pid)
        job.kill()
        assert process.wait() == -signal.SIGKILL


def test_v2_cgroups_that_the_job_made_itself_are_removed_with_it(tree: Lookalike) -> None:
    job = tree.find().job("1.1", 10**9)
    tree.files.make(job.path / "nested")
    assert job.close()
    assert not job.path.exists()


def test_v2_a_limit_that_cannot_be_set_is_an_error_and_leaves_nothing(tree: Lookalike) -> None:
    support = tree.find()
    (tree.own / "cgroup.subtree_control").write_text("")
    with pytest.raises(LimitError, match=r"Cannot limit job 1\.1 to 1048576 bytes"):
        support.job("1.1", MIB)
    assert tree.files.children(tree.own) == []


def test_no_mounted_cgroup_is_no_support(tmp_path: Path) -> None:
    assert not find_cgroups(tmp_path)
    assert find_cgroups(tmp_path).reason == "no cgroup is mounted here"
