"""Packs that we write are packs to git."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from snakemake_renku.provenance.git.folder import EXECUTABLE, FILE, FOLDER, LINK, Entry, Folder
from snakemake_renku.provenance.git.objects import Objects
from snakemake_renku.provenance.git.pack import BLOB, TREE, Packed, PackWriter, index_of
from snakemake_renku.provenance.git.plumbing import Git
from snakemake_renku.provenance.git.tree import Tree
from tests.git.repos import Repo

KINDS = {True: b"tree", False: b"blob"}


def line_for_mktree(item: tuple[bytes, Entry]) -> bytes:
    path, entry = item
    kind = b"tree" if entry.mode == FOLDER else b"blob"
    return b"%s %s %s\t%s\0" % (entry.mode.zfill(6), kind, entry.name.hex().encode(), path)


def packer(repo: Repo, hash_name: str = "sha1") -> PackWriter:
    return PackWriter(repo.path(".git/objects/pack"), hash_name)


def verify(repo: Repo, pack: Path) -> list[list[str]]:
    """The rows that `git verify-pack` prints, once git itself has indexed the pack."""
    again = repo.root / "again.idx"
    repo.git("index-pack", "--strict", "-o", str(again), str(pack))
    assert again.read_bytes() == pack.with_suffix(".idx").read_bytes()
    return [line.split() for line in repo.git("verify-pack", "-v", str(pack)).split("\n")]


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_objects_are_read_back_as_they_were(tmp_path: Path, hash_name: str) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q", f"--object-format={hash_name}")
    pack = packer(repo, hash_name)
    contents = [os.urandom(size) for size in (0, 1, 15, 16, 2047, 2048, 300_000)]
    names = [pack.add(BLOB, content) for content in contents]
    streamed = pack.add_stream(BLOB, 300_001, [contents[-1], b"x"])
    assert pack.add_stream(BLOB, 300_000, [contents[-1]]) == names[-1]
    assert pack.add(BLOB, b"") == names[0]
    verify(repo, pack.finish())
    for name, content in zip([*names, streamed], [*contents, contents[-1] + b"x"], strict=True):
        command = ["git", "-C", str(tmp_path), "cat-file", "blob", name.hex()]
        assert subprocess.check_output(command) == content


def test_a_stream_of_another_length_is_an_error_and_leaves_no_trace(plain: Repo) -> None:
    pack = packer(plain)
    with pytest.raises(ValueError, match="2 bytes instead of 3"):
        pack.add_stream(BLOB, 3, [b"ab"])
    pack.add(BLOB, b"after")
    verify(plain, pack.finish())


def test_a_pack_that_is_given_up_leaves_nothing(plain: Repo) -> None:
    pack = packer(plain)
    pack.add(BLOB, b"x")
    pack.discard()
    assert list(plain.path(".git/objects/pack").iterdir()) == []


def test_an_index_has_room_for_offsets_beyond_four_bytes() -> None:
    objects = {bytes([n]) * 20: Packed(n << 31, n) for n in range(4)}
    index = index_of(objects)
    tail = index[8 + 1024 + 4 * 20 + 4 * 4 :]
    offsets = [int.from_bytes(tail[n : n + 4], "big") for n in range(0, 16, 4)]
    large = [int.from_bytes(tail[n : n + 8], "big") for n in range(16, len(tail), 8)]
    assert offsets == [0, 1 << 31, (1 << 31) | 1, (1 << 31) | 2]
    assert large == [1 << 31, 2 << 31, 3 << 31]


def test_versions_of_a_folder_are_those_that_git_would_make(plain: Repo) -> None:
    chance = random.Random(4)
    pack = packer(plain)
    blobs = [pack.add(BLOB, b"%d" % number) for number in range(50)]
    child = Folder()
    child.put(b"x", Entry(FILE, blobs[0]))
    inner = child.write(pack)
    folder, entries, versions = Folder(), {}, []
    for _ in range(700):
        for _ in range(chance.choice([1, 1, 2, 30])):
            number = chance.randrange(2000)
            folders = number % 7 == 0
            mode = FOLDER if folders else [FILE, EXECUTABLE, LINK][number % 3]
            name = b"file%d.nc" % number if number % 2 else b"f%d" % number
            entries[name] = Entry(mode, inner if folders else chance.choice(blobs))
            folder.put(name, entries[name])
        versions.append((folder.write(pack), dict(entries)))
    rows = verify(plain, pack.finish())
    for name, expected in versions[::60]:
        lines = b"".join(map(line_for_mktree, expected.items()))
        assert plain.git("mktree", "-z", stdin=lines).strip() == name.hex()
    depths = [int(row[5]) for row in rows if len(row) == 7]
    assert max(depths) <= 48


def test_a_name_sorts_as_git_sorts_it(plain: Repo) -> None:
    pack = packer(plain)
    blob = pack.add(BLOB, b"")
    inner = Folder()
    inner.put(b"x", Entry(FILE, blob))
    folder = Folder()
    names = {b"a": FOLDER, b"a.b": FILE, b"a0": FILE, b"a-b": FILE, b"b": FILE, b"\xff": FILE}
    for name, mode in names.items():
        folder.put(name, Entry(mode, inner.write(pack) if mode == FOLDER else blob))
    verify(plain, pack.finish())
    name = folder.write(again := packer(plain))
    verify(plain, again.finish())
    listed = plain.git("ls-tree", "-z", "--name-only", name.hex())
    assert os.fsencode(listed).split(b"\0")[:-1] == [b"a-b", b"a.b", b"a", b"a0", b"b", b"\xff"]


def test_many_versions_of_a_large_folder_take_little_room(plain: Repo) -> None:
    pack = packer(plain)
    blob = pack.add(BLOB, b"")
    folder = Folder()
    for number in range(3000):
        folder.put(b"%05d.nc" % number, Entry(FILE, blob))
    folder.write(pack)
    before = pack.objects.copy()
    for number in range(3000, 4000):
        folder.put(b"%05d.nc" % number, Entry(FILE, pack.add(BLOB, b"%d" % number)))
        folder.write(pack)
    assert len(pack.objects) == len(before) + 2000
    path = pack.finish()
    assert path.stat().st_size < 1000 * 250
    plain.git("gc", "-q", "--prune=now")


def test_a_tree_is_changed_where_it_is_asked_to(plain: Repo) -> None:
    for name in ("a/b/c", "a/d", "e"):
        plain.write(name, b"x")
    plain.commit_all()
    root = bytes.fromhex(plain.head("HEAD^{tree}"))
    pack = packer(plain)
    blob = pack.add(BLOB, b"y")
    with Objects(Git(plain.root)) as objects:
        tree = Tree(objects, root)
        assert tree.in_the_way(b"a/b") == b"a/b"
        assert tree.in_the_way(b"e/x/y") == b"e"
        assert tree.in_the_way(b"new/x") is None
        assert tree.get(b"a/none/x") is None
        tree.put(b"a/b/new", Entry(FILE, blob))
        tree.put(b"n/e/w", Entry(FILE, blob))
        name = tree.write(pack)
        assert tree.write(pack) == name
    pack.finish()
    listed = plain.git("ls-tree", "-r", "--name-only", name.hex()).split()
    assert listed == ["README", "a/b/c", "a/b/new", "a/d", "e", "n/e/w"]
    assert TREE == 2
