from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from snakemake_renku.errors import DigestError
from snakemake_renku.model import FileRef, FileSpec
from snakemake_renku.model.files import Role
from snakemake_renku.runner.digest_cache import DigestCache
from snakemake_renku.runner.hashing import INLINE_BYTES, Found, Hashing, Request
from snakemake_renku.runner.helper import Helpers
from snakemake_renku.runner.loop import Loop


class Hashed:
    """One answer, or more if there were."""

    def __init__(self) -> None:
        self.answers: list[tuple[Found, DigestError | None]] = []

    def __call__(self, found: Found, error: DigestError | None) -> None:
        self.answers.append((found, error))

    def refs(self) -> tuple[FileRef, ...]:
        ((found, error),) = self.answers
        assert error is None
        return tuple(ref for refs in found for ref in refs)


class Bench:
    """Hashing as the supervisor does it."""

    def __init__(self, loop: Loop, folder: Path) -> None:
        self.loop = loop
        self.helpers = Helpers(loop)
        self.hashing = Hashing(self.helpers, DigestCache(folder))
        self.deadline = time.monotonic() + 20
        loop.on_tick(lambda: max(0.0, self.deadline - time.monotonic()))

    def begin(self, *paths: Path, role: Role = "output") -> Hashed:
        hashed = Hashed()
        request = Request(role, tuple(FileSpec(str(path)) for path in paths))
        self.hashing.files([request], hashed)
        return hashed

    def end(self, hashed: Hashed) -> Hashed:
        while not hashed.answers:
            self.loop.turn()
            assert time.monotonic() < self.deadline, "no answer came"
        return hashed

    def hash(self, *paths: Path) -> tuple[FileRef, ...]:
        return self.end(self.begin(*paths)).refs()


@pytest.fixture
def bench(loop: Loop, tmp_path: Path) -> Bench:
    return Bench(loop, tmp_path / "cache")


def file(folder: Path, name: str, size: int) -> Path:
    path = folder / name
    path.write_bytes(name.encode() * (size // len(name)))
    return path


def sha(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_small_files_are_hashed_at_once(bench: Bench, tmp_path: Path) -> None:
    path = file(tmp_path, "small", 1000)
    hashed = bench.begin(path, tmp_path / "gone")
    assert bench.helpers.busy == 0
    small, gone = hashed.refs()
    assert (small.kind, small.digest, small.size) == ("file", sha(path), 1000)
    assert (gone.kind, gone.digest, gone.problem) == ("missing", None, None)


def test_large_files_are_hashed_by_a_helper(bench: Bench, tmp_path: Path) -> None:
    path = file(tmp_path, "large", INLINE_BYTES * 2)
    hashed = bench.begin(path)
    assert bench.helpers.busy == 1
    assert hashed.answers == []
    assert bench.end(hashed).refs()[0].digest == sha(path)
    assert bench.helpers.busy == 0


def test_many_small_files_that_are_large_together_go_to_a_helper(
    bench: Bench, tmp_path: Path
) -> None:
    paths = [file(tmp_path, f"part-{number:02}", INLINE_BYTES // 10) for number in range(12)]
    hashed = bench.begin(*paths)
    assert bench.helpers.busy == 1
    assert [ref.digest for ref in bench.end(hashed).refs()] == [sha(path) for path in paths]


def test_a_directory_goes_to_a_helper(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    file(tmp_path / "folder", "a", 10)
    hashed = bench.begin(tmp_path / "folder")
    assert bench.helpers.busy == 1
    (ref,) = bench.end(hashed).refs()
    assert ref.kind == "directory"
    assert ref.digest is not None
    assert ref.digest.startswith("sha256-tree:")


def test_a_large_file_that_is_known_is_quick(bench: Bench, tmp_path: Path) -> None:
    path = file(tmp_path, "large", INLINE_BYTES * 2)
    first = bench.hash(path)
    again = bench.begin(path)
    assert bench.helpers.busy == 0
    assert again.refs() == first


def test_a_large_file_that_changed_is_hashed_again(bench: Bench, tmp_path: Path) -> None:
    path = file(tmp_path, "large", INLINE_BYTES * 2)
    bench.hash(path)
    with path.open("r+b") as changed:
        changed.write(b"other")
    again = bench.begin(path)
    assert bench.helpers.busy == 1
    assert bench.end(again).refs()[0].digest == sha(path)


def test_what_is_known_is_kept_for_the_next_run(bench: Bench, loop: Loop, tmp_path: Path) -> None:
    path = file(tmp_path, "large", INLINE_BYTES * 2)
    bench.hash(path)
    bench.hashing.cache.flush()
    later = Bench(loop, tmp_path / "cache")
    later.begin(path).refs()
    assert later.helpers.busy == 0


def test_several_requests_are_answered_one_by_one(bench: Bench, tmp_path: Path) -> None:
    one, two = file(tmp_path, "one", 30), file(tmp_path, "two", 30)
    hashed = Hashed()
    requests = [
        Request("input", (FileSpec(str(one), "reads"),)),
        Request("input", ()),
        Request("output", (FileSpec(str(two)), FileSpec("p", flags=("pipe",)))),
    ]
    bench.hashing.files(requests, hashed)
    ((found, error),) = hashed.answers
    assert error is None
    assert [[(ref.role, ref.kind, ref.name) for ref in refs] for refs in found] == [
        [("input", "file", "reads")],
        [],
        [("output", "file", None), ("output", "pipe", None)],
    ]


def test_a_device_is_special_and_does_not_spoil_the_others(bench: Bench, tmp_path: Path) -> None:
    path = file(tmp_path, "small", 10)
    device, small = bench.hash(Path("/dev/null"), path)
    assert (device.kind, device.digest) == ("special", None)
    assert device.problem == "Cannot hash '/dev/null': it is a device."
    assert (small.digest, small.problem) == (sha(path), None)


def test_a_directory_with_a_pipe_in_it_is_a_problem(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "pipe")
    (ref,) = bench.hash(tmp_path / "folder")
    assert (ref.kind, ref.digest) == ("directory", None)
    assert ref.problem is not None
    assert "it is a named pipe" in ref.problem


def test_a_link_in_a_circle_is_a_problem(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (ref,) = bench.hash(tmp_path / "loop")
    assert ref.digest is None
    assert ref.problem is not None
    assert "ymbolic link" in ref.problem


def test_a_file_that_may_not_be_read_is_a_problem(bench: Bench, private_file: Path) -> None:
    (ref,) = bench.hash(private_file)
    assert (ref.kind, ref.digest) == ("file", None)
    assert ref.problem is not None
    assert "permission denied" in ref.problem


def test_a_helper_that_is_killed_is_an_error(bench: Bench, tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as sparse:
        sparse.truncate(20_000_000_000)
    before = set(psutil.Process().children())
    hashed = bench.begin(huge)
    (helper,) = set(psutil.Process().children()) - before
    helper.send_signal(signal.SIGKILL)
    ((found, error),) = bench.end(hashed).answers
    assert found == ()
    assert error is not None
    assert "ended before it was done" in error.message
