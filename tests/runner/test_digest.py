from __future__ import annotations

import errno
import hashlib
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from snakemake_renku.errors import DigestError
from snakemake_renku.model import FileRef, FileSpec
from snakemake_renku.runner.digest import (
    MISSING,
    Found,
    digest_file,
    digest_paths,
    digest_tree,
    file_ref,
    file_refs,
    has_content,
)

_on_open: dict[str, Callable[[], None]] = {}


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _on_open:
        name = arguments[0]
        action = _on_open.get(os.fsdecode(name)) if isinstance(name, str | bytes) else None
        if action:
            action()


sys.addaudithook(_watch)


@contextmanager
def at_each_open(path: Path, action: Callable[[], None], times: int) -> Iterator[None]:
    """Do something each time this process opens the file, just before it does."""
    left = times

    def once_more() -> None:
        nonlocal left
        if left:
            left -= 1
            waiting = _on_open.pop(str(path))
            action()
            _on_open[str(path)] = waiting

    _on_open[str(path)] = once_more
    try:
        yield
    finally:
        _on_open.clear()


def sha(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"+")


def record(kind: bytes, name: bytes, content: bytes = b"") -> bytes:
    return kind + struct.pack(">Q", len(name)) + name + content


def listing(*records: bytes) -> str:
    return "sha256-tree:" + hashlib.sha256(b"renku-sha256-t1" + b"".join(records)).hexdigest()


# Files


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 262_144, 262_145, 3_000_000])
def test_a_file_has_the_sha256_of_its_bytes_whatever_its_size(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    assert digest_file(tmp_path / "a") == sha(content)


def test_the_digest_of_abc_is_the_one_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digest_file(tmp_path / "a") == (
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize("name", ["übung 日本.txt".encode(), b"caf\xe9", b"two\nlines", b"-rf"])
def test_a_file_may_have_any_name(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    Path(os.fsdecode(path)).write_bytes(b"x")
    assert digest_file(path) == digest_file(os.fsdecode(path)) == sha(b"x")


def test_a_file_whose_size_the_kernel_makes_up_is_read_to_its_end() -> None:
    if not os.path.exists("/proc/version"):
        pytest.skip("no /proc here")
    content = Path("/proc/version").read_bytes()
    assert digest_paths(["/proc/version"])[0][:3] == ("file", sha(content), len(content))


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to("a")
    assert digest_file(tmp_path / "link") == sha(b"x")


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DigestError, match=r"pipe.*is a named pipe"):
        digest_file(tmp_path / "pipe")


def test_a_named_pipe_put_in_the_place_of_a_file_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")

    def swap() -> None:
        path.unlink()
        os.mkfifo(path)

    with at_each_open(path, swap, 1), pytest.raises(DigestError, match="is a named pipe"):
        digest_file(path)


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(DigestError, match="is a socket"):
            digest_file("socket")


def test_a_device_without_end_is_refused() -> None:
    with pytest.raises(DigestError, match="'/dev/zero': it is a device"):
        digest_file("/dev/zero")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DigestError, match="it is a directory"):
        digest_file(tmp_path)


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(DigestError, match="it is not a directory"):
        digest_tree(tmp_path / "a")


def test_a_missing_file_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(DigestError, match="not there") as caught:
        digest_file(tmp_path / "a")
    assert caught.value.remedy


def test_a_file_that_vanishes_before_it_is_opened_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    with at_each_open(path, path.unlink, 1), pytest.raises(DigestError, match="not any more"):
        digest_file(path)


def test_links_that_go_round_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(DigestError, match="too many levels of symbolic links") as caught:
        digest_paths([tmp_path / "a"])
    assert "Mend the symbolic links" in str(caught.value)


def test_a_name_that_is_too_long_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DigestError, match="name too long"):
        digest_paths([tmp_path / ("x" * 300)])


def test_a_name_with_a_zero_byte_is_an_error() -> None:
    with pytest.raises(DigestError, match="null"):
        digest_paths(["a\0b"])


def test_an_unreadable_file_is_an_error_that_says_who_can_help(private_file: Path) -> None:
    with pytest.raises(DigestError, match="permission denied") as caught:
        digest_file(private_file)
    assert "Give the user" in str(caught.value)


def test_an_error_names_a_path_that_is_not_utf8_in_printable_form(tmp_path: Path) -> None:
    with pytest.raises(DigestError) as caught:
        digest_file(os.path.join(os.fsencode(tmp_path), b"caf\xe9\n"))
    assert str(caught.value).isascii()
    assert "\n" not in str(caught.value)


def test_an_error_keeps_what_the_system_said(tmp_path: Path) -> None:
    with pytest.raises(DigestError) as caught:
        digest_file(tmp_path / "a")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOENT


@pytest.mark.parametrize("times", [1, 3])
def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path, times: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    with at_each_open(path, lambda: append(path), times):
        assert digest_file(path) == sha(b"x" + b"+" * times)


def test_a_file_that_keeps_changing_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    with (
        at_each_open(path, lambda: append(path), 100),
        pytest.raises(DigestError, match="changed while being read"),
    ):
        digest_file(path)
    assert path.read_bytes() == b"x++++"


# Directories


def test_an_empty_directory_has_the_digest_of_the_header_alone(tmp_path: Path) -> None:
    assert digest_tree(tmp_path) == listing()
    assert digest_tree(tmp_path) == (
        "sha256-tree:1f5898345579034af55d5e53743eab9d187dc56335c2fcdc507a757bb65b70eb"
    )


def test_a_tree_has_the_digest_that_the_documented_rule_yields(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d.txt").write_bytes(b"abc")
    (tmp_path / "d" / "run").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "d" / "run").chmod(0o744)
    (tmp_path / "link").symlink_to("no/where")
    assert digest_tree(tmp_path) == listing(
        record(b"D", b"d"),
        record(b"F", b"d.txt", hashlib.sha256(b"abc").digest()),
        record(b"D", b"d/e"),
        record(b"X", b"d/run", hashlib.sha256(b"#!/bin/sh\n").digest()),
        record(b"L", b"link", struct.pack(">Q", 8) + b"no/where"),
    )
    assert digest_tree(tmp_path) == (
        "sha256-tree:017df3a666abd813ade02effb62572a4f4d453d3c3982a5235ab8e1d35492df7"
    )


def test_names_in_a_tree_are_raw_bytes_and_sorted_as_such(tmp_path: Path) -> None:
    names = sorted([b"z", b"\xe9", "é".encode(), b"a\nb", b"a b", b"a"])
    for name in names:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).touch()
    empty = hashlib.sha256(b"").digest()
    assert digest_tree(tmp_path) == listing(*(record(b"F", name, empty) for name in names))


def test_a_tree_digest_depends_on_neither_place_nor_times_nor_permissions(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "d").mkdir(parents=True)
        (tmp_path / name / "d" / "a").write_bytes(b"x")
    os.utime(tmp_path / "two" / "d" / "a", (1, 1))
    (tmp_path / "two" / "d" / "a").chmod(0o600)
    (tmp_path / "two" / "d").chmod(0o700)
    assert digest_tree(tmp_path / "one") == digest_tree(tmp_path / "two")


def _file_ab(top: Path) -> None:
    (top / "ab").touch()


def _file_a_with_b(top: Path) -> None:
    (top / "a").write_bytes(b"b")


def _file_a_in_directory(top: Path) -> None:
    (top / "a").mkdir()
    (top / "a" / "b").touch()


def _directory_ab(top: Path) -> None:
    (top / "ab").mkdir()


def _directories_a_and_b(top: Path) -> None:
    (top / "a").mkdir()
    (top / "b").mkdir()


def _executable_ab(top: Path) -> None:
    (top / "ab").touch()
    (top / "ab").chmod(0o755)


def _link_ab_to_c(top: Path) -> None:
    (top / "ab").symlink_to("c")


def _link_a_to_bc(top: Path) -> None:
    (top / "a").symlink_to("bc")


def _file_ab_with_target(top: Path) -> None:
    (top / "ab").write_bytes(b"c")


def _file_named_like_two(top: Path) -> None:
    (top / "a\nb").touch()


def _files_a_and_b(top: Path) -> None:
    (top / "a").touch()
    (top / "b").touch()


def _name_that_looks_like_records(top: Path) -> None:
    (top / "aF").touch()


def _nothing(top: Path) -> None:
    pass


def test_trees_that_differ_have_digests_that_differ(tmp_path: Path) -> None:
    makers = [maker for name, maker in globals().items() if name.startswith(TREES)]
    digests = set()
    for number, maker in enumerate(makers):
        top = tmp_path / str(number)
        top.mkdir()
        maker(top)
        digests.add(digest_tree(top))
    assert len(makers) == 13
    assert len(digests) == len(makers)


TREES = ("_file", "_directory", "_directories", "_executable", "_link", "_name", "_nothing")


def test_links_in_a_tree_are_not_followed_even_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "up").symlink_to(".")
    (tmp_path / "self").symlink_to("self")
    assert digest_tree(tmp_path) == listing(
        record(b"L", b"self", struct.pack(">Q", 4) + b"self"),
        record(b"L", b"up", struct.pack(">Q", 1) + b"."),
    )


def test_a_link_to_a_directory_has_the_digest_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to("d")
    assert digest_tree(tmp_path / "link") == digest_tree(tmp_path / "d")


def test_the_timestamp_that_snakemake_writes_is_left_out(tmp_path: Path) -> None:
    (tmp_path / ".snakemake_timestamp").write_bytes(b"x")
    assert digest_tree(tmp_path) == listing()


def test_a_timestamp_further_down_counts(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / ".snakemake_timestamp").touch()
    assert digest_tree(tmp_path) != listing(record(b"D", b"d"))


def test_something_else_with_the_timestamps_name_counts(tmp_path: Path) -> None:
    (tmp_path / ".snakemake_timestamp").mkdir()
    assert digest_tree(tmp_path) == listing(record(b"D", b".snakemake_timestamp"))


def test_a_named_pipe_in_a_tree_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d" / "pipe")
    with pytest.raises(DigestError, match=r"d/pipe.*is a named pipe"):
        digest_tree(tmp_path)


@contextmanager
def deep_tree(top: Path, depth: int) -> Iterator[None]:
    """Directories in one another, removed afterwards since ``shutil.rmtree`` cannot do so."""
    levels = [str(top) + "/d" * level for level in range(1, depth + 1)]
    for level in levels:
        os.mkdir(level)
    try:
        yield
    finally:
        for level in reversed(levels):
            os.rmdir(level)


def test_a_tree_deeper_than_the_recursion_limit_is_hashed(tmp_path: Path) -> None:
    with deep_tree(tmp_path, 1200):
        digest = digest_tree(tmp_path)
    names = [b"/".join([b"d"] * level) for level in range(1, 1201)]
    assert digest == listing(*(record(b"D", name) for name in names))


def test_a_tree_that_gains_a_file_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_bytes(b"x")
    with at_each_open(tmp_path / "d" / "a", (tmp_path / "d" / "b").touch, 1):
        digest = digest_tree(tmp_path)
    assert digest == digest_tree(tmp_path)


# Many paths


def test_paths_are_found_in_the_order_asked_for_with_sizes_and_times(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    os.utime(tmp_path / "a", (5, 1.5))
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b").write_bytes(b"12345")
    os.utime(tmp_path / "d", (5, 2.5))
    assert digest_paths([tmp_path / "d", tmp_path / "no", tmp_path / "a"]) == [
        Found("directory", digest_tree(tmp_path / "d"), 5, 2.5),
        Found("missing"),
        Found("file", sha(b"abc"), 3, 1.5),
    ]


def test_a_dangling_link_is_missing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("no")
    assert digest_paths([tmp_path / "link"]) == [MISSING]


def test_what_would_lie_below_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert digest_paths([tmp_path / "a" / "b"]) == [MISSING]


def test_a_path_may_be_asked_for_twice(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    first, second = digest_paths([tmp_path / "a", tmp_path / "a"])
    assert first == second


def test_large_files_among_small_ones_each_get_their_own_digest(tmp_path: Path) -> None:
    contents = [os.urandom(size) for size in (10, 3_000_000, 0, 2_500_000, 400_000, 7)]
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_bytes(content)
    found = digest_paths([tmp_path / str(number) for number in range(6)], threads=3)
    assert [one.digest for one in found] == [sha(content) for content in contents]


def test_no_thread_outlives_the_hashing(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(bytes(3_000_000))
    digest_paths([tmp_path / "a", tmp_path / "b"], threads=2)
    assert [thread for thread in threading.enumerate() if thread.name.startswith("digest")] == []


def test_an_error_in_a_thread_reaches_the_caller(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(bytes(3_000_000))
    path = tmp_path / "b"
    with at_each_open(path, path.unlink, 1), pytest.raises(DigestError, match="not any more"):
        digest_paths([tmp_path / "a", path], threads=2)


# References


def test_a_pipe_is_named_but_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    spec = FileSpec(str(tmp_path / "p"), "reads", ("pipe",))
    assert file_refs([spec], "input") == (FileRef(spec.path, "input", "pipe", name="reads"),)


def test_a_service_is_named_but_never_opened() -> None:
    spec = FileSpec("/dev/zero", flags=("service",))
    assert file_refs([spec], "output") == (FileRef("/dev/zero", "output", "service"),)
    assert not has_content(spec)


def test_a_reference_carries_what_was_found_and_what_was_declared() -> None:
    spec = FileSpec("a", "reads", ("temp",))
    assert file_ref(spec, "input", Found("file", "sha256:00", 3, 1.5)) == FileRef(
        path="a", role="input", kind="file", digest="sha256:00", size=3, mtime=1.5, name="reads"
    )


def test_references_keep_the_order_of_the_declarations(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    specs = [FileSpec("p", flags=("pipe",)), FileSpec(str(tmp_path / "a")), FileSpec("/no/such")]
    kinds = [ref.kind for ref in file_refs(specs, "output")]
    assert kinds == ["pipe", "file", "missing"]
