"""kill -9 at any moment leaves the repository before or after a batch; the next attempt completes.

A batch is killed before each step of ours that changes something on disk, as Python's audit events
tell them, and at moments spread over its duration, which also fall into what git does.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from snakemake_renku.errors import RepositoryBusy
from snakemake_renku.provenance.git import Commit
from tests.git.repos import BEGAN, Repo, binary, digest, job

STEPS = {
    "open",
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "os.utime",
    "subprocess.Popen",
}
POINTS = int(os.environ.get("RENKU_KILL_POINTS", "25"))
"""For each of the two ways to choose moments; with 1000, each step is one."""

_act: list[Callable[[str, tuple[object, ...]], None]] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if not _act or event not in STEPS:
        return
    if event == "open":
        flags = arguments[2]
        if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
    _act[0](event, arguments)


sys.addaudithook(_watch)


class Batches:
    """One batch after the other in a repository where the user has staged something."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.number = 0
        repo.write("staged", b"by the user")
        repo.git("add", "staged")
        repo.write("untracked", b"by the user too")
        self.next()

    def next(self) -> None:
        self.number += 1
        self.contents = {
            f"out/{self.number}/{job}.{kind}": make(f"{self.number} {job}")
            for job in range(2)
            for kind, make in (("nc", binary), ("txt", str.encode))
        }
        # What was recorded before is made anew, too.
        self.contents["again.nc"] = binary(str(self.number))
        files = [self.repo.write(name, content) for name, content in self.contents.items()]
        text = {f"records/{self.number}": b"text", "records/last": b"%d" % self.number}
        first = Commit(f"run {self.number}\n", BEGAN, (), text)
        self.commits = [first, job(self.number, *files[:2]), job(self.number, *files[2:])]
        self.before = self.repo.head()

    def record(self) -> None:
        self.repo.record(*self.commits)

    def require_before_or_after(self) -> bool:
        """Whether the batch is there; that it is there in part is the failure to be found."""
        repo = self.repo
        made = repo.git("rev-list", f"{self.before}..").split()
        assert len(made) in (0, len(self.commits))
        assert repo.git("fsck", "--strict", "--no-dangling") == ""
        assert repo.git("show", ":staged") == "by the user"
        assert repo.path("untracked").read_bytes() == b"by the user too"
        for name, content in self.contents.items():
            assert repo.path(name).read_bytes() == content
        if made:
            for name, content in self.contents.items():
                if name.endswith(".nc"):
                    stored = repo.path(name).parent / os.fsdecode(repo.content(name))
                    assert stored.read_bytes() == content
        return bool(made)

    def require_complete(self) -> None:
        repo = self.repo
        self.record()
        assert len(repo.git("rev-list", f"{self.before}..").split()) == len(self.commits)
        assert repo.status() == "A  staged\n?? untracked\n"
        for name, content in self.contents.items():
            path = repo.path(name)
            assert path.is_symlink() == name.endswith(".nc")
            assert digest(path.read_bytes()) == digest(content)
        assert not repo.path(".git/renku-record").exists()
        assert not list(repo.path(".git").glob("**/*.lock")) or _only_ours(repo)


def _only_ours(repo: Repo) -> bool:
    return {path.name for path in repo.path(".git").glob("**/*.lock")} == {"renku-record.lock"}


@pytest.fixture
def batches(annex: Repo) -> Batches:
    made = Batches(annex)
    made.record()
    made.next()
    return made


def start(record: Callable[[], None], prepare: Callable[[], None] = lambda: None) -> int:
    """Record in a process of its own."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            prepare()
            record()
            code = 0
        finally:
            os._exit(code)
    return child


def count_steps(batches: Batches) -> int:
    """How many steps a batch has, which this makes."""
    steps: list[str] = []
    _act.append(lambda event, _: steps.append(event))
    try:
        batches.record()
    finally:
        _act.clear()
    return len(steps)


def kill_before_step(number: int, *, group: bool) -> Callable[[], None]:
    left = number

    def act(_: str, __: tuple[object, ...]) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            if group:
                os.killpg(0, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: _act.append(act)


def test_killed_before_any_step(batches: Batches) -> None:
    steps = count_steps(batches)
    outcomes = []
    every = max(1, steps // POINTS)
    for number in range(1, steps + 2, every):
        batches.next()
        child = start(batches.record, kill_before_step(number, group=number % 2 == 0))
        _, status = os.waitpid(child, 0)
        # Not every batch has just as many steps.
        assert os.WIFSIGNALED(status) or number > steps * 0.9
        outcomes.append(batches.require_before_or_after())
        batches.require_complete()
    batches.repo.check()
    assert len(outcomes) >= min(POINTS, steps)
    print(f"{steps} steps, {outcomes.count(True)} after")
    assert outcomes[0] is False
    assert outcomes[-1] is True


def moments(duration: float) -> Iterator[float]:
    chance = random.Random(7)
    for number in range(POINTS):
        yield duration * (number + chance.random()) / POINTS


def test_killed_at_moments_spread_over_its_duration(batches: Batches) -> None:
    began = time.monotonic()
    batches.record()
    duration = time.monotonic() - began
    for number, moment in enumerate(moments(duration)):
        batches.next()
        child = start(batches.record)
        time.sleep(moment)
        kill(child, with_all=number % 2 == 0)
        os.waitpid(child, 0)
        batches.require_before_or_after()
        batches.require_complete()
    batches.repo.check()


def kill(child: int, *, with_all: bool) -> None:
    """Kill a process, or it and all that it started, as the end of a container would."""
    victims = [psutil.Process(child)]
    if with_all:
        victims += victims[0].children(recursive=True)
    for victim in victims:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue


def kill_before(is_it: Callable[[str, tuple[object, ...]], bool]) -> Callable[[], None]:
    def act(event: str, arguments: tuple[object, ...]) -> None:
        if is_it(event, arguments):
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: _act.append(act)


def the_index_is_prepared(event: str, arguments: tuple[object, ...]) -> bool:
    return event == "subprocess.Popen" and "--index-info" in str(arguments)


def the_index_is_moved(event: str, arguments: tuple[object, ...]) -> bool:
    return event == "os.rename" and str(arguments[1]).endswith(".git/index")


def a_link_is_made(event: str, _: tuple[object, ...]) -> bool:
    return event == "os.symlink"


def test_what_a_killed_recorder_left_is_completed_by_another_batch(batches: Batches) -> None:
    os.waitpid(start(batches.record, kill_before(a_link_is_made)), 0)
    repo = batches.repo
    assert repo.path(".git/renku-record/intent").exists()
    repo.record(job(99, repo.write("other", b"x")))
    assert not repo.path(".git/renku-record").exists()
    assert repo.status() == "A  staged\n?? untracked\n"


def test_the_user_may_go_on_where_a_recorder_was_killed_before_it_committed(
    batches: Batches,
) -> None:
    os.waitpid(start(batches.record, kill_before(the_index_is_prepared)), 0)
    repo = batches.repo
    repo.path(".git/index.lock").unlink()
    repo.git("commit", "-q", "-m", "by hand")
    batches.before = repo.head()
    batches.record()
    assert repo.content("staged") == b"by the user"
    assert repo.status() == "?? untracked\n"
    repo.check()


def test_a_user_who_takes_the_lock_away_too_early_loses_nothing(batches: Batches) -> None:
    """Their commit has an old index; what it lacks is staged again."""
    os.waitpid(start(batches.record, kill_before(the_index_is_moved)), 0)
    repo = batches.repo
    repo.path(".git/index.lock").unlink()
    repo.git("commit", "-q", "-m", "by hand")
    recorded = [name for name in batches.contents if name != "again.nc"]
    assert not set(recorded) & set(repo.names())
    batches.record()
    assert {f"A  {name}" for name in recorded} < set(repo.status().split("\n"))
    assert repo.git("show", f":{recorded[1]}") == batches.contents[recorded[1]].decode()
    repo.check()


def test_a_lock_of_another_git_is_not_taken_for_ours(batches: Batches) -> None:
    os.waitpid(start(batches.record, kill_before(the_index_is_prepared)), 0)
    lock = batches.repo.path(".git/index.lock")
    lock.write_bytes(b"another's")
    with pytest.raises(RepositoryBusy):
        batches.repo.record(*batches.commits, wait=0.1)
    assert lock.read_bytes() == b"another's"
    lock.unlink()
    batches.require_complete()
