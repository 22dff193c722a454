from __future__ import annotations

import hashlib
import logging
import os
import pickle
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from snakemake_renku.runner.digest import digest_paths
from snakemake_renku.runner.digest_cache import CacheEntry, DigestCache, is_settled, settle

FAKE = bytes(range(32))
"""A digest that no file here has: whoever answers it has not read the file."""


def key(path: Path) -> bytes:
    return os.fsencode(path)


def write_old(path: Path, content: bytes) -> Path:
    """A file old enough for a cache to keep its digest."""
    path.write_bytes(content)
    while not is_settled(path.stat(), time.time_ns()):
        time.sleep(0.002)
    return path


def plant(cache: DigestCache, path: Path) -> None:
    cache.store(key(path), path.stat(), time.time_ns(), FAKE)


def answer(cache: DigestCache, path: Path) -> bytes:
    digest = digest_paths([path], cache)[0].digest
    assert digest is not None
    return bytes.fromhex(digest.partition(":")[2])


def sha(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def in_child(work: Callable[[], bytes]) -> bytes:
    """What the work answers in a forked child."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, work())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writer)
    with open(reader, "rb") as file:
        said = file.read()
    assert os.waitpid(pid, 0)[1] == 0
    return said


# What is kept


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(None)
    plant(cache, path)
    assert answer(cache, path) == FAKE


def test_an_unchanged_file_is_not_read_again_in_a_later_run(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(tmp_path / "cache")
    plant(cache, path)
    cache.flush()
    assert answer(DigestCache(tmp_path / "cache"), path) == FAKE


def test_hashing_a_file_makes_it_known(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(None)
    digest_paths([path], cache)
    assert cache.lookup([(key(path), path.stat())]) == [sha(b"x")]


def test_a_relative_path_is_known_by_its_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(None)
    plant(cache, path)
    monkeypatch.chdir(tmp_path)
    assert digest_paths(["a"], cache)[0].digest == f"sha256:{FAKE.hex()}"


def test_files_inside_a_directory_are_known_too(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    path = write_old(tmp_path / "d" / "a", b"x")
    cache = DigestCache(None)
    before = digest_paths([tmp_path / "d"], cache)
    plant(cache, path)
    assert digest_paths([tmp_path / "d"], cache) != before


def test_a_name_that_is_not_utf8_is_kept_across_runs(tmp_path: Path) -> None:
    path = write_old(tmp_path / os.fsdecode(b"caf\xe9\n"), b"x")
    cache = DigestCache(tmp_path / "cache")
    plant(cache, path)
    cache.flush()
    assert answer(DigestCache(tmp_path / "cache"), path) == FAKE


def test_a_cache_may_lie_in_a_folder_of_any_name(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    folder = tmp_path / os.fsdecode(b"50%?x#\xe9")
    cache = DigestCache(folder)
    plant(cache, path)
    cache.flush()
    assert (folder / "digests.sqlite").exists()
    assert answer(DigestCache(folder), path) == FAKE


# What is not believed


def test_a_file_that_changed_in_size_is_read_again(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(None)
    plant(cache, path)
    path.write_bytes(b"xy")
    assert answer(cache, path) == sha(b"xy")


def test_another_file_of_the_same_size_and_mtime_is_read(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(None)
    plant(cache, path)
    stat = path.stat()
    (tmp_path / "b").write_bytes(b"y")
    os.utime(tmp_path / "b", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (tmp_path / "b").rename(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert path.stat().st_ino != stat.st_ino
    assert answer(cache, path) == sha(b"y")


def test_an_edited_file_that_got_its_old_mtime_back_is_read_again(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(None)
    plant(cache, path)
    stat = path.stat()
    path.write_bytes(b"y")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_ino == stat.st_ino
    assert answer(cache, path) == sha(b"y")


def test_a_link_that_leads_elsewhere_now_is_read_again(tmp_path: Path) -> None:
    write_old(tmp_path / "a", b"x")
    write_old(tmp_path / "b", b"y")
    link = tmp_path / "link"
    link.symlink_to("a")
    cache = DigestCache(None)
    plant(cache, link)
    link.unlink()
    link.symlink_to("b")
    assert answer(cache, link) == sha(b"y")


def test_a_file_changed_within_one_tick_of_the_clock_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    cache = DigestCache(None)
    for turn in range(300):
        first, second = b"%08d" % turn, b"%08x" % (turn + 1_000_000)
        path.write_bytes(first)
        answer(cache, path)
        path.write_bytes(second)
        assert answer(cache, path) == sha(second)


def test_a_fresh_small_file_is_not_kept_at_its_first_hashing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    cache = DigestCache(None)
    cache.store(key(path), path.stat(), path.stat().st_mtime_ns + 19_000_000, FAKE)
    assert cache.new_entries() == []


def test_a_small_file_that_was_fresh_is_kept_at_a_later_hashing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    cache = DigestCache(None)
    digest_paths([path], cache)
    while not is_settled(path.stat(), time.time_ns()):
        time.sleep(0.002)
    digest_paths([path], cache)
    assert len(cache.new_entries()) == 1


def test_a_fresh_large_file_is_waited_for_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(1_100_000))
    cache = DigestCache(None)
    digest_paths([path], cache)
    assert cache.lookup([(key(path), path.stat())]) == [sha(bytes(1_100_000))]


def test_an_old_or_a_small_file_is_not_waited_for(tmp_path: Path) -> None:
    old = write_old(tmp_path / "a", bytes(1_100_000))
    started = time.monotonic()
    for _ in range(100):
        settle(old.stat())
    (tmp_path / "b").write_bytes(b"x")
    for _ in range(100):
        settle((tmp_path / "b").stat())
    assert time.monotonic() - started < 1.0


def stat_with(*, mtime_ns: int, ctime_ns: int) -> os.stat_result:
    names = {"st_mtime_ns": mtime_ns, "st_ctime_ns": ctime_ns}
    return os.stat_result((0,) * 10, names)


@pytest.mark.parametrize(
    ("mtime_ns", "ctime_ns", "settled"),
    [
        (5_000_000_001, 5_000_000_001, True),
        (9_970_000_001, 9_970_000_001, True),
        (9_990_000_001, 9_970_000_001, False),
        (5_000_000_001, 9_990_000_001, False),
        (12_000_000_001, 12_000_000_001, False),
        (99_000_000_001, 5_000_000_001, True),
        (9_000_000_000, 9_000_000_000, False),
        (7_000_000_000, 7_000_000_000, True),
    ],
    ids=[
        "old",
        "just over a tick",
        "fresh content",
        "fresh status",
        "server's clock ahead",
        "mtime set ahead by hand",
        "whole seconds, fresh",
        "whole seconds, old",
    ],
)
def test_a_file_is_settled_once_a_change_would_show(
    mtime_ns: int, ctime_ns: int, settled: bool
) -> None:
    assert is_settled(stat_with(mtime_ns=mtime_ns, ctime_ns=ctime_ns), 10_000_000_000) is settled


# What may go wrong


def test_a_corrupt_database_is_replaced(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    (tmp_path / "digests.sqlite").write_bytes(b"no database at all" * 1000)
    cache = DigestCache(tmp_path)
    assert answer(cache, path) == sha(b"x")
    plant(cache, path)
    cache.flush()
    assert answer(DigestCache(tmp_path), path) == FAKE


def test_a_database_that_became_corrupt_since_it_was_read_is_replaced(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(tmp_path)
    cache.load()
    plant(cache, path)
    (tmp_path / "digests.sqlite").write_bytes(b"no database at all" * 1000)
    cache.flush()
    assert cache.new_entries() == []
    assert answer(DigestCache(tmp_path), path) == FAKE


def test_a_database_of_another_version_is_replaced(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    with sqlite3.connect(tmp_path / "digests.sqlite") as db:
        db.execute("CREATE TABLE digest (other TEXT)")
        db.execute("PRAGMA user_version = 99")
    db.close()
    cache = DigestCache(tmp_path)
    plant(cache, path)
    cache.flush()
    assert answer(DigestCache(tmp_path), path) == FAKE


@pytest.mark.parametrize("place", [0, 10, 40, -1])
def test_a_damaged_entry_means_hashing_again(tmp_path: Path, place: int) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(None)
    plant(cache, path)
    value = bytearray(cache.new_entries()[0].value)
    value[place] ^= 1
    cache.absorb([CacheEntry(key(path), bytes(value))])
    assert answer(cache, path) == sha(b"x")


def test_an_entry_of_another_path_is_not_believed(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    os.link(path, tmp_path / "b")
    write_old(tmp_path / "c", b"")
    cache = DigestCache(None)
    plant(cache, path)
    cache.absorb([CacheEntry(key(tmp_path / "b"), cache.new_entries()[0].value)])
    assert answer(cache, tmp_path / "b") == sha(b"x")


def test_a_folder_that_cannot_be_made_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(path / "cache")
    plant(cache, path)
    with caplog.at_level(logging.DEBUG):
        cache.flush()
    assert answer(cache, path) == FAKE
    assert caplog.records


def test_a_directory_in_the_databases_place_is_no_error(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    (tmp_path / "digests.sqlite").mkdir()
    cache = DigestCache(tmp_path)
    assert answer(cache, path) == sha(b"x")
    cache.flush()
    assert len(cache.new_entries()) == 1


def test_entries_stay_new_while_another_process_holds_the_database(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(tmp_path)
    plant(cache, path)
    holder = sqlite3.connect(tmp_path / "digests.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    cache.flush()
    assert len(cache.new_entries()) == 1
    holder.close()
    cache.flush()
    assert cache.new_entries() == []
    assert answer(DigestCache(tmp_path), path) == FAKE


# Bounds


def test_the_database_keeps_the_newest_entries(tmp_path: Path) -> None:
    paths = [write_old(tmp_path / name, b"x") for name in "abc"]
    for path in paths:
        cache = DigestCache(tmp_path, max_entries=2)
        plant(cache, path)
        cache.flush()
    later = DigestCache(tmp_path)
    assert [answer(later, path) for path in paths] == [sha(b"x"), FAKE, FAKE]


def test_the_memory_keeps_the_newest_entries(tmp_path: Path) -> None:
    paths = [write_old(tmp_path / name, b"x") for name in "abc"]
    cache = DigestCache(None, max_entries=2)
    for path in paths:
        plant(cache, path)
    known = cache.lookup([(key(path), path.stat()) for path in paths])
    assert known == [None, FAKE, FAKE]


def test_entries_beyond_the_preloaded_ones_are_found_when_asked_for(tmp_path: Path) -> None:
    paths = [write_old(tmp_path / name, b"x") for name in "abc"]
    cache = DigestCache(tmp_path)
    for path in paths:
        plant(cache, path)
    cache.flush()
    later = DigestCache(tmp_path, preload=1)
    assert [answer(later, path) for path in paths] == [FAKE, FAKE, FAKE]


# Processes


def test_making_a_cache_touches_no_disk_and_starts_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    DigestCache(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    assert threading.active_count() == before


def test_a_forked_child_knows_what_its_parent_knew(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    cache = DigestCache(tmp_path)
    plant(cache, path)
    cache.flush()
    server = DigestCache(tmp_path)
    server.load()
    (tmp_path / "digests.sqlite").unlink()
    assert in_child(lambda: answer(server, path)) == FAKE


def test_a_forked_child_reads_the_database_on_a_connection_of_its_own(tmp_path: Path) -> None:
    paths = [write_old(tmp_path / name, b"x") for name in "abc"]
    cache = DigestCache(tmp_path)
    for path in paths:
        plant(cache, path)
    cache.flush()
    server = DigestCache(tmp_path, preload=1)
    assert answer(server, paths[1]) == FAKE
    assert in_child(lambda: answer(server, paths[0])) == FAKE
    assert answer(server, paths[0]) == FAKE


def test_a_forked_child_hands_back_only_what_it_found_itself(tmp_path: Path) -> None:
    old, new = (write_old(tmp_path / name, b"x") for name in "ab")
    server = DigestCache(tmp_path)
    plant(server, old)

    def work() -> bytes:
        digest_paths([old, new], server)
        return pickle.dumps(server.new_entries())

    entries = pickle.loads(in_child(work))
    assert [entry.path for entry in entries] == [key(new)]


def test_a_server_keeps_what_its_children_hand_back(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    server = DigestCache(tmp_path)

    def work() -> bytes:
        plant(server, path)
        return msgspec.msgpack.encode(server.new_entries())

    server.absorb(msgspec.msgpack.decode(in_child(work), type=list[CacheEntry]))
    server.flush()
    assert answer(DigestCache(tmp_path), path) == FAKE


def test_two_processes_that_flush_at_once_both_keep_their_entries(tmp_path: Path) -> None:
    path = write_old(tmp_path / "a", b"x")
    stat = path.stat()
    ready_reader, ready_writer = os.pipe()
    go_reader, go_writer = os.pipe()
    children = []
    for child in range(2):
        pid = os.fork()
        if pid == 0:
            try:
                os.close(go_writer)
                cache = DigestCache(tmp_path)
                for number in range(5000):
                    cache.store(b"/%d/%d" % (child, number), stat, time.time_ns(), FAKE)
                os.write(ready_writer, b".")
                os.read(go_reader, 1)
                cache.flush()
                os._exit(len(cache.new_entries()) > 0)
            finally:
                os._exit(2)
        children.append(pid)
    for _ in children:
        os.read(ready_reader, 1)
    os.close(go_writer)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
    for descriptor in (ready_reader, ready_writer, go_reader):
        os.close(descriptor)
    later = DigestCache(tmp_path)
    asked = [(b"/%d/%d" % (child, number), stat) for child in range(2) for number in range(5000)]
    assert later.lookup(asked) == [FAKE] * 10_000
